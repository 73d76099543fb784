package jenkins_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/jenkins"
	"github.com/plateform/plateform/test/jenkinsserver"
)

func TestTheImageIsTheOneThatWasAskedFor(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{})
	r := w.request("a1")
	r.Tree, r.Path, r.Runs = "4b825dc642cb6eb9a060e54bf8d69288fbee4904", "web", "sha256:"+strings.Repeat("1", 64)
	r.Scan.FailOn = "critical"
	r.Siblings = []string{path.Dir(r.Destination) + "/blog", path.Dir(r.Destination) + "/store/cart"}
	b := w.open()
	w.start(b, r)
	status := w.end(b, r.ID)
	got := *w.image(status)
	want := manifest.Image{
		Name: "app", Repository: r.Destination, Tag: "build-a1", Digest: got.Digest, Commit: r.Commit, Tree: r.Tree, Framework: "go", Port: 8080, Built: true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("image (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&manifest.ScanResult{High: 2}, status.Scan); diff != "" {
		t.Errorf("scan (-want +got):\n%s", diff)
	}
	if want := w.jenkins.URL + "/job/platform/job/build%20image/1/"; status.URL != want {
		t.Errorf("URL %s, want %s", status.URL, want)
	}
	if diff := cmp.Diff([]reconciler.Stage{"building", "scanning", "pushing"}, status.Stages); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
	told := w.jenkins.Builds(jobName)[1].Parameters()
	if len(told[jenkins.ParamNonce]) != 32 {
		t.Errorf("the nonce is %q", told[jenkins.ParamNonce])
	}
	delete(told, jenkins.ParamNonce)
	if diff := cmp.Diff(map[string]string{
		"PLATEFORM_ID": "a1", "PLATEFORM_ATTEMPT": "", "PLATEFORM_PROJECT": "ws-1/shop", "PLATEFORM_IMAGE": "app",
		"PLATEFORM_REPOSITORY": r.Repository, "PLATEFORM_COMMIT": r.Commit, "PLATEFORM_PATH": "web", "PLATEFORM_TREE": r.Tree,
		"PLATEFORM_BUILD": `{"env":[{"name":"A","value":"b \u0026 c=d"}]}`, "PLATEFORM_RUNS": r.Runs,
		"PLATEFORM_DESTINATION": r.Destination, "PLATEFORM_TAG": "build-a1", "PLATEFORM_SCAN": "critical",
		"PLATEFORM_SIBLINGS": r.Siblings[0] + " " + r.Siblings[1],
	}, told); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
	read, err := jenkins.RequestOf(func(name string) string { return told[name] })
	if diff := cmp.Diff(r, read); err != nil || diff != "" {
		t.Errorf("what the job reads (-want +got): %v\n%s", err, diff)
	}
}

func TestWhatAJobIsToldWrongly(t *testing.T) {
	right := map[string]string{
		jenkins.ParamID: "a1", jenkins.ParamProject: "ws-1/shop", jenkins.ParamImage: "app", jenkins.ParamRepository: "https://git.example.com/x",
		jenkins.ParamCommit: "9fceb02d0ae598e95dc970b74767f19372d61af8", jenkins.ParamDestination: "registry.test/ws-1/shop", jenkins.ParamBuild: "{}",
	}
	for name, value := range map[string]string{
		jenkins.ParamID: "../a1", jenkins.ParamProject: "../shop", jenkins.ParamBuild: `{"env": 7}`, jenkins.ParamScan: "serious",
		jenkins.ParamRepository: "https://me:secret@git.example.com/x", jenkins.ParamDestination: "",
	} {
		told := maps.Clone(right)
		told[name] = value
		if r, err := jenkins.RequestOf(func(name string) string { return told[name] }); err == nil {
			t.Errorf("%s is %q, and is taken: %+v", name, value, r)
		}
	}
	if _, err := jenkins.RequestOf(func(name string) string { return right[name] }); err != nil {
		t.Error(err)
	}
}

// The policy is asked again of what a job says, whatever its pipeline thought: an image that nobody scanned is not released where scans are
// wanted, and the next attempt builds again.
func TestAScanThatThePolicyRefuses(t *testing.T) {
	for failOn, want := range map[string]string{"high": "found 2 high", "critical": ""} {
		w := newWorld(t, jenkinsserver.Options{})
		r, b := w.request("a1"), w.open()
		r.Scan.FailOn = failOn
		w.start(b, r)
		status := w.end(b, r.ID)
		if refused := status.Failure != nil; refused != (want != "") || refused && !strings.Contains(status.Failure.Summary, want) {
			t.Errorf("failOn %s: %+v", failOn, status)
		}
		if status.Scan == nil || status.Scan.High != 2 {
			t.Errorf("failOn %s: what was found is not told: %+v", failOn, status.Scan)
		}
		if want == "" {
			continue
		}
		r.Attempt = strings.Repeat("7", 40)
		w.start(b, r)
		if again := w.end(b, r.ID); again.Failure == nil || w.count(r.ID) != 2 {
			t.Errorf("it was built %d times, and then %+v; want 2", w.count(r.ID), again)
		}
		r.Scan.FailOn, r.Attempt = "critical", strings.Repeat("8", 40) // the policy lets it be now, so that there is nothing to build
		w.start(b, r)
		w.image(w.end(b, r.ID))
		if got := w.count(r.ID); got != 2 {
			t.Errorf("built %d times", got)
		}
	}
}

func TestWhatABuildSaysIsBelievedAsLittleAsPossible(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	tests := []struct {
		name string
		run  func(ctx context.Context, b *jenkinsserver.Build) error
		want string
	}{
		{"nothing", func(context.Context, *jenkinsserver.Build) error { return nil }, "it archived no release.json"},
		{"no JSON", says([]byte("<html>")), "its release.json is wrong: it is no JSON object"},
		{"a wrong kind", says([]byte(`{"build":"a1","digest":1}`)), "its release.json is wrong: digest is number and has to be string"},
		{"no digest", says([]byte(`{"build":"a1","digest":"latest"}`)), "digest is not sha256:"},
		{"an odd framework", says([]byte(`{"build":"a1","digest":"` + digest + `","framework":"go\nfake"}`)), "framework is no word"},
		{"an odd port", says([]byte(`{"build":"a1","digest":"` + digest + `","port":70000}`)), "port 70000 is no port"},
		{"less than nothing", says([]byte(`{"build":"a1","digest":"` + digest + `","scan":{"high":-1}}`)), "scan counts less than nothing"},
		{"too much", says([]byte(`{"build":"a1","digest":"` + digest + `","x":"` + strings.Repeat("x", 100<<10) + `"}`)), "larger than 64 KiB"},
		{"no build", says([]byte(`{"digest":"` + digest + `"}`)), "build is not the ID of a build (write the value of PLATEFORM_ID)"},
		{"another image", says([]byte(`{"build":"a1","digest":"` + digest + `"}`)), "the image " + digest + " is not in 127.0.0.1:"},
		{"unstable", func(context.Context, *jenkinsserver.Build) error { return jenkinsserver.ErrUnstable }, "ended as UNSTABLE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, jenkinsserver.Options{})
			job := w.job(true)
			job.Run = tt.run
			w.jenkins.Put(job)
			b, r := w.open(), w.request("a1")
			w.start(b, r)
			status := w.end(b, r.ID)
			if status.Failure == nil || status.Failure.Temporary || !strings.Contains(status.Failure.Summary, tt.want) || strings.Contains(status.Failure.Summary, "\n") {
				t.Fatalf("got %s, want a failure with %q", describe(status), tt.want)
			}
		})
	}
}

// An image that is there, and was made by an earlier build of the same project, is not that of this one: its release.json was left behind.
func TestTheResultOfAnEarlierBuildIsNotBelieved(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{})
	first, second := w.request("a1"), w.request("a2")
	b := w.open()
	w.start(b, first)
	made := w.image(w.end(b, first.ID))
	job := w.job(true)
	job.Run = says([]byte(`{"build":"a1","digest":"` + made.Digest + `"}`))
	w.jenkins.Put(job)
	w.start(b, second)
	want := "its release.json is of the build a1, and this one is a2 (let each build begin with an empty folder)"
	if status := w.end(b, second.ID); status.Failure == nil || status.Failure.Temporary || !strings.HasSuffix(status.Failure.Summary, want) {
		t.Errorf("got %s, want a failure with %q", describe(status), want)
	}
}

func says(result []byte) func(context.Context, *jenkinsserver.Build) error {
	return func(_ context.Context, b *jenkinsserver.Build) error {
		b.Archive(jenkins.ResultFile, result)
		return nil
	}
}

func TestAnImageThatIsGoneIsMadeAgain(t *testing.T) {
	for name, same := range map[string]bool{"by the same process": true, "by another": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, jenkinsserver.Options{})
			b, r := w.open(), w.request("a1")
			w.start(b, r)
			first := w.image(w.end(b, r.ID)).Digest
			w.registry.Answer(func(rw http.ResponseWriter, request *http.Request) bool {
				if !strings.Contains(request.URL.Path, first) {
					return false
				}
				http.Error(rw, `{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`, http.StatusNotFound)
				return true
			})
			if !same {
				b = w.open()
			}
			w.start(b, r)
			if second := w.image(w.end(b, r.ID)).Digest; second == first {
				t.Errorf("it is %s again, which is gone", second)
			}
			if got := w.count(r.ID); got != 2 {
				t.Errorf("built %d times, want 2", got)
			}
		})
	}
}

func TestARegistryThatDoesNotAnswerDecidesNothing(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{})
	b, r := w.open(), w.request("a1")
	w.start(b, r)
	w.until("it does not end", func() bool { return len(w.running()) == 0 && w.count(r.ID) == 1 })
	w.registry.Answer(func(rw http.ResponseWriter, _ *http.Request) bool {
		http.Error(rw, "no", http.StatusForbidden)
		return true
	})
	for range 2 {
		if status := w.status(b, r.ID); status.Done {
			t.Fatalf("nobody knows whether the image is there, and it is %s", describe(status))
		}
	}
	if got := strings.Count(w.log.String(), "cannot be found out"); got != 1 {
		t.Errorf("that is logged %d times, want once:\n%s", got, w.log.String())
	}
	w.registry.Answer(nil)
	w.image(w.end(b, r.ID))
}

func TestStagesWithoutAViewAreReadFromLinesThatCarryTheNonce(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{NoStageView: true})
	enter, entered := make(chan string), make(chan struct{})
	w.does(func(_ context.Context, b *jenkinsserver.Build) error {
		for line := range enter {
			b.Print(strings.ReplaceAll(line, "NONCE", b.Parameter(jenkins.ParamNonce)))
			entered <- struct{}{}
		}
		return nil
	})
	b, r := w.open(), w.request("a1")
	w.start(b, r)
	for _, step := range []struct {
		line string
		want []reconciler.Stage
	}{
		{"plateform-stage NONCE building\n", []reconciler.Stage{"building"}},
		{"plateform-stage 00000000000000000000000000000000 pushing\n", []reconciler.Stage{"building"}},
		{"plateform-stage NONCE deployed\n", []reconciler.Stage{"building"}},
		{"plateform-stage NONCE scann", []reconciler.Stage{"building"}},
		{"ing\n", []reconciler.Stage{"building", "scanning"}},
		{"plateform-stage NONCE building\n", []reconciler.Stage{"building", "scanning"}},
		{"plateform-stage NONCE pushing\n", []reconciler.Stage{"building", "scanning", "pushing"}},
	} {
		enter <- step.line
		<-entered
		if diff := cmp.Diff(step.want, w.status(b, r.ID).Stages); diff != "" {
			t.Errorf("after %q (-want +got):\n%s", step.line, diff)
		}
	}
	close(enter)
	w.image(w.end(b, r.ID))
	if got := countOf(w.jenkins.Calls(), "/wfapi/"); got != 1 {
		t.Errorf("the view that is not there was asked for %d times, want once", got)
	}
}

func countOf(calls []string, part string) int {
	return len(slices.DeleteFunc(calls, func(call string) bool { return !strings.Contains(call, part) }))
}

func TestOneQuestionForAllBuilds(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{})
	run, goOn := blocked()
	w.does(run)
	b := w.open()
	var ids []string
	for n := range 40 {
		r := w.request(fmt.Sprintf("a%02d", n))
		w.start(b, r)
		ids = append(ids, r.ID)
	}
	w.until("they do not run", func() bool { return len(w.running()) == len(ids) })
	if got := countOf(w.jenkins.Calls(), "/queue/api/json"); got != 1 {
		t.Errorf("Jenkins was looked at %d times before %d builds were triggered, want once", got, len(ids))
	}
	inStage := map[string]bool{}
	for range 5 {
		before := len(w.jenkins.Calls())
		statuses, err := b.Statuses(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		calls := w.jenkins.Calls()[before:]
		if got := countOf(slices.Clone(calls), "/wfapi/"); len(calls)-got != 2 || got != 8 {
			t.Errorf("%d requests, %d of them for stages; want 2 and 8", len(calls), got)
		}
		for id, status := range statuses {
			if len(status.Stages) > 0 {
				inStage[id] = true
			}
		}
	}
	if len(inStage) != len(ids) {
		t.Errorf("after 5 questions the stages of %d builds are known, want %d: %v", len(inStage), len(ids), slices.Sorted(maps.Keys(inStage)))
	}
	goOn()
	for _, id := range ids {
		w.image(w.end(b, id))
	}
	before := len(w.jenkins.Calls())
	if statuses, err := b.Statuses(t.Context(), ids); err != nil || len(statuses) != len(ids) || len(w.jenkins.Calls()) != before {
		t.Errorf("builds that have ended: %d known, error %v, %d requests; want none", len(statuses), err, len(w.jenkins.Calls())-before)
	}
}

func TestMoreBuildsThanJenkinsHasAtHand(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{})
	run, goOn := blocked()
	w.does(run)
	b := w.open()
	var ids []string
	for n := range 150 {
		r := w.request(fmt.Sprintf("a%03d", n))
		w.start(b, r)
		ids = append(ids, r.ID)
	}
	w.until("they do not run", func() bool { return len(w.running()) == len(ids) })
	ask := func() map[string]reconciler.BuildStatus {
		t.Helper()
		statuses, err := b.Statuses(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		return statuses
	}
	before := len(w.jenkins.Calls())
	for id, status := range ask() {
		if status.Done || status.URL == "" {
			t.Errorf("%s runs, and is %s", id, describe(status))
		}
	}
	if got := len(w.jenkins.Calls()) - before; got != 2+8 {
		t.Errorf("%d requests, want 2 and 8 for stages", got)
	}
	next := w.open()
	for _, id := range ids {
		w.start(next, w.request(id))
	}
	if got := len(w.running()); got != len(ids) {
		t.Errorf("after another process took over %d builds run, want %d", got, len(ids))
	}
	goOn()
	w.until("they do not end", func() bool {
		done := 0
		for _, status := range ask() {
			if status.Image != nil {
				done++
			}
		}
		return done == len(ids)
	})
}

func TestABuildOlderThanTheNewestHundred(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{})
	run, goOn := blocked()
	w.does(run)
	b, r := w.open(), w.request("old")
	w.start(b, r)
	w.until("it does not run", func() bool { return w.status(b, r.ID).URL != "" })
	w.does(nil)
	for n := range 110 {
		w.trigger(fmt.Sprintf("other-%d", n))
	}
	if status := w.status(b, r.ID); status.Done {
		t.Fatalf("it runs, and is %s", describe(status))
	}
	goOn()
	w.image(w.end(b, r.ID))
}

func TestTheEndOfTheLogIsKept(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{})
	w.does(func(_ context.Context, b *jenkinsserver.Build) error {
		b.Print(strings.Repeat("a line that is long enough to fill the log with it\n", 50_000))
		b.Println("git clone https://bob:geheim@git.example.com/x")
		b.Println("\x1b[2Jmain.go:1: it does not compile")
		return errCompile
	})
	b, r := w.open(), w.request("a1")
	w.start(b, r)
	status := w.end(b, r.ID)
	if status.Failure == nil {
		t.Fatalf("got %s, want a failure", describe(status))
	}
	log := status.Failure.Log
	if !strings.Contains(log, "\nmain.go:1: it does not compile\n") || !strings.Contains(log, "https://***@git.example.com/x") || len(log) > 40<<10 {
		t.Errorf("the log has %d bytes: %q", len(log), log[max(0, len(log)-500):])
	}
	if want := "build 1 of the job platform/build image failed in its stage Build"; status.Failure.Summary != want {
		t.Errorf("got %q, want %q", status.Failure.Summary, want)
	}
}

func TestTheLogOfTheNewestBuildIsCopied(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{})
	enter, entered := make(chan string), make(chan struct{})
	w.does(func(_ context.Context, b *jenkinsserver.Build) error {
		for text := range enter {
			b.Print(text)
			entered <- struct{}{}
		}
		return nil
	})
	r := w.request("a1")
	w.start(w.open(), r)
	long := strings.Repeat("a line of many\n", 100_000)
	for _, text := range []string{long, "clone https://bob:geh", "eim@git.example.com/x\x1b[2J\n"} {
		enter <- text
		<-entered
	}
	var log, none logged
	ask := jenkins.LogQuestion{Key: r.Key, Every: time.Millisecond}
	if err := jenkins.CopyLog(t.Context(), w.options(), ask, &log); err != nil {
		t.Fatal(err)
	}
	want := "clone https://***@git.example.com/x\n"
	if got := log.String(); !strings.HasSuffix(got, long+want) {
		t.Errorf("the log ends with %q", got[max(0, len(got)-200):])
	}
	copied := make(chan error, 1)
	var followed logged
	ask.Follow = true
	go func() { copied <- jenkins.CopyLog(t.Context(), w.options(), ask, &followed) }()
	w.until("nothing is copied", func() bool { return strings.HasSuffix(followed.String(), want) })
	enter <- "half a li"
	<-entered
	enter <- "ne\nand the last"
	<-entered
	close(enter)
	if err := <-copied; err != nil {
		t.Fatal(err)
	}
	got := followed.String()
	if !strings.Contains(got, long+want+"half a line\nand the last") || !strings.HasSuffix(got, "Finished: SUCCESS\n") || strings.Count(got, want) != 1 {
		t.Errorf("the log that was followed ends with %q", got[max(0, len(got)-600):])
	}
	ask.Key.Project = "nobodys"
	if err := jenkins.CopyLog(t.Context(), w.options(), ask, &none); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("CopyLog of a project without builds = %v", err)
	}
}

func TestAJenkinsBehindAnotherRootURL(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{Prefix: "/ci", Root: "https://jenkins.example.com/ci"})
	w.jenkins.Hold()
	b, r := w.open(), w.request("a1")
	w.start(b, r)
	w.start(w.open(), r) // finds it in the queue, by the URL of the job there
	w.jenkins.Release()
	status := w.end(b, r.ID)
	w.image(status)
	if want := "https://jenkins.example.com/ci/job/platform/job/build%20image/1/"; status.URL != want {
		t.Errorf("people are sent to %s, want %s", status.URL, want)
	}
	if got := w.count(r.ID); got != 1 {
		t.Errorf("built %d times, want 1", got)
	}
}

func TestAJobByTheSameNameElsewhereIsAnother(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{})
	other := w.job(true)
	other.Name = "copies/" + jobName
	w.jenkins.Put(other)
	w.jenkins.Hold()
	r := w.request("a1")
	o := w.options()
	o.Job = other.Name
	w.start(w.openWith(o), r)
	w.start(w.open(), r)
	w.jenkins.Release()
	w.until("each of the two jobs has to build it", func() bool { return w.count(r.ID) == 2 })
}

func TestACurrentRelease(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{Modern: true})
	w.jenkins.Hold()
	r := w.request("a1")
	w.start(w.open(), r)
	// Who looks and finds nothing, because its item is on the way, asks for the same: that is answered with a redirect to the item.
	w.jenkins.Inject(jenkinsserver.Fault{Path: "/queue/api/json", Times: 1, Status: http.StatusOK, Page: `{"items":[]}`, Header: map[string]string{"Content-Type": "application/json"}})
	b := w.open()
	w.start(b, r)
	w.jenkins.Release()
	w.image(w.end(b, r.ID))
	if got := w.count(r.ID); got != 1 {
		t.Errorf("built %d times, want 1", got)
	}
}

func TestTLSWithAGivenAuthority(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{TLS: true})
	r := w.request("a1")
	if err := w.open().Start(t.Context(), r); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("Start = %v, want a complaint about the certificate", err)
	}
	o := w.options()
	o.Authorities = x509.NewCertPool()
	o.Authorities.AppendCertsFromPEM(w.jenkins.Certificate)
	b := w.openWith(o)
	w.start(b, r)
	w.image(w.end(b, r.ID))
}

func TestASecretIsNeverShown(t *testing.T) {
	secret := jenkins.Secret("geheim")
	for _, text := range []string{fmt.Sprint(secret), fmt.Sprintf("%v %s %q %#v %+v", secret, secret, secret, secret, struct{ S jenkins.Secret }{secret})} {
		if strings.Contains(text, "geheim") || !strings.Contains(text, "***") {
			t.Errorf("it is shown: %s", text)
		}
	}
}

func TestAPasswordInTheSourceIsNotGivenToAJob(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{})
	r := w.request("a1")
	r.Repository = "https://bob:geheim@git.example.com/acme/shop"
	if err := w.open().Start(t.Context(), r); err == nil || strings.Contains(err.Error(), "geheim") {
		t.Errorf("Start = %v, want that the password has to go, without it", err)
	}
}

func TestNewRefusesWhatIsNoJenkins(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{})
	for name, change := range map[string]func(*jenkins.Options){
		"no URL":       func(o *jenkins.Options) { o.URL = "jenkins.example.com" },
		"a login":      func(o *jenkins.Options) { o.URL = "https://bob:geheim@jenkins.example.com" },
		"no user":      func(o *jenkins.Options) { o.User = "" },
		"no job":       func(o *jenkins.Options) { o.Job = "" },
		"an odd job":   func(o *jenkins.Options) { o.Job = "a/../b" },
		"half a job":   func(o *jenkins.Options) { o.Job = "a//b" },
		"with a query": func(o *jenkins.Options) { o.URL = "https://jenkins.example.com/?a=b" },
	} {
		o := w.options()
		change(&o)
		if _, err := jenkins.New(o); err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: New = %v, want an error", name, err)
		}
	}
}

// A job says why a build failed, and whether another try may end otherwise: then it is started again, three times.
func TestAFailureInTheWordsOfTheJob(t *testing.T) {
	for name, tt := range map[string]struct {
		file    string
		want    string
		another bool
	}{
		"the source's fault":   {`{"summary": "main.go:3: undefined: x (mend the source and push)"}`, "main.go:3: undefined: x (mend the source and push); build 1 of the job platform/build image failed in its stage Build", false},
		"nobody's fault":       {`{"summary": "the registry answers 503", "temporary": true}`, "the registry answers 503; build 1 of the job", true},
		"nothing":              {`{"temporary": true}`, "build 1 of the job platform/build image failed in its stage Build", false},
		"no JSON":              {`<html>`, "build 1 of the job platform/build image failed in its stage Build", false},
		"what is not for eyes": {`{"summary": "a\u001b[31mb\nc` + strings.Repeat("x", 5000) + `"}`, "…; build 1 of the job", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, jenkinsserver.Options{})
			w.does(func(_ context.Context, b *jenkinsserver.Build) error {
				b.Archive(jenkins.FailureFile, []byte(tt.file))
				return errCompile
			})
			r, b := w.request("a1"), w.open()
			w.start(b, r)
			f := w.end(b, r.ID).Failure
			if f == nil || !strings.Contains(f.Summary, tt.want) || f.Temporary != tt.another || strings.ContainsAny(f.Summary, "\x1b\n") {
				t.Fatalf("it failed with %+v", f)
			}
			if !tt.another {
				return
			}
			next := w.open() // another process does not take it for an answer
			w.start(next, r)
			w.end(next, r.ID)
			for range 2 {
				w.start(b, r)
				f = w.end(b, r.ID).Failure
			}
			if f.Temporary || !strings.Contains(f.Summary, "3 times in a row") || strings.Contains(f.Summary, "lost") {
				t.Errorf("in the end it is %+v", f)
			}
		})
	}
}
