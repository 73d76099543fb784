package github_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/github"
)

// world is a GitHub, a record, and a process that reports to both.
type world struct {
	*testing.T
	hub    *gitHub
	record *record
	forge  *github.Forge
	log    bytes.Buffer
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, hub: newGitHub(t), record: newRecord()}
	w.restart()
	t.Cleanup(func() {
		if strings.Contains(w.log.String(), canary) {
			t.Errorf("the token is in the log: %s", w.log.String())
		}
	})
	return w
}

// restart is what a process that has just started has.
func (w *world) restart() {
	w.forge = forgeOn(w.hub, w.record, slog.New(slog.NewTextHandler(&w.log, nil)), 0)
}

// report has something said, and returns the error.
func (w *world) report(reports ...reconciler.Report) error {
	w.Helper()
	err := w.forge.Report(w.Context(), reports)
	if err != nil && strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), canary) {
		w.Errorf("the token is in the error %v", err)
	}
	return err
}

// tell has something said that has to land.
func (w *world) tell(reports ...reconciler.Report) {
	w.Helper()
	if err := w.report(reports...); err != nil {
		w.Errorf("Report: %v", err)
	}
}

// shows compares what people see on a commit: context, state and description, between spaces.
func (w *world) shows(repository, sha string, want ...string) {
	w.Helper()
	var got []string
	for context, s := range w.hub.shows(repository, sha) {
		got = append(got, context+" "+s.State+" "+s.Description)
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		w.Errorf("%s at %.10s shows (-want +got):\n%s", repository, sha, diff)
	}
}

// A push to config is told on its commit, a push to an app on the app's, whatever the spelling of its URL, and nowhere else.
func TestWhereWordsGo(t *testing.T) {
	w := newWorld(t)
	host := strings.TrimPrefix(w.hub.server.URL, "http://")
	name, _, _ := strings.Cut(host, ":")
	app, elsewhere := strings.Repeat("a", 40), strings.Repeat("b", 40)
	w.tell(
		waiting(sha(0), "shop"), runs(sha(1), "shop"),
		pushed(broken(sha(2), "api"), "git@"+name+":acme/Api.git", app),
		pushed(runs(sha(2), "web"), w.hub.server.URL+"/acme/web/", app),
		pushed(runs(sha(2), "far"), "https://git.example.com/acme/far", elsewhere),
		pushed(runs(sha(2), "odd"), w.hub.server.URL+"/acme/odd", "main"),
	)
	w.shows("acme/platform-config", sha(0), "plateform/ws-1/shop pending queued")
	w.shows("acme/platform-config", sha(1), "plateform/ws-1/shop success v1.0.1 runs")
	w.shows("acme/platform-config", sha(2))
	w.shows("acme/Api", app, "plateform/ws-1/api failure build failed: it does not compile; its log: `plateform logs ws-1/api --build`")
	w.shows("acme/web", app, "plateform/ws-1/web success v1.0.1 runs")
	if n := w.hub.tried(); n != 4 {
		t.Errorf("%d writes, want 4", n)
	}
	if url := w.hub.shows("acme/platform-config", sha(1))["plateform/ws-1/shop"].TargetURL; url != "https://shop.example.com" {
		t.Errorf("it leads to %q", url)
	}
	if url := w.hub.shows("acme/Api", app)["plateform/ws-1/api"].TargetURL; url != "https://ci.example.com/1" {
		t.Errorf("a failure leads to %q", url)
	}
	if said := w.record.statements(sha(2)); len(said) != 4 {
		t.Errorf("the record says %v, want all four", said)
	}
}

// Of what is news only the newest word is sent, failures first.
func TestTheNewestWordAndFailuresFirst(t *testing.T) {
	w := newWorld(t)
	w.tell(waiting(sha(0), "a"), waiting(sha(0), "b"), waiting(sha(0), "c"), runs(sha(0), "b"), broken(sha(0), "c"))
	want := []string{"plateform/ws-1/c", "plateform/ws-1/b", "plateform/ws-1/a"}
	for i, write := range w.hub.writes {
		if !strings.HasSuffix(write, want[i]) {
			t.Errorf("write %d is %s, want %s", i, write, want[i])
		}
	}
	if n := w.hub.tried(); n != 3 {
		t.Errorf("%d writes, want 3", n)
	}
	if said := w.record.statements(sha(0)); len(said) != 5 {
		t.Errorf("the record says %v, want all five", said)
	}
	before := w.hub.tried()
	w.restart()
	w.tell(waiting(sha(0), "a"), runs(sha(0), "b"), broken(sha(0), "c"))
	if n := w.hub.tried(); n != before {
		t.Errorf("%d writes for what is there already", n-before)
	}
}

// What stands on a release's commit, where nobody waits for it, comes after what somebody waits for; failures come first there, too.
func TestWhatNobodyWaitsForComesLast(t *testing.T) {
	w := newWorld(t)
	aside := func(r reconciler.Report) reconciler.Report {
		r.Aside = true
		return r
	}
	w.tell(aside(runs(sha(0), "a")), runs(sha(1), "b"), aside(broken(sha(2), "c")))
	for i, want := range []string{"plateform/ws-1/c", "plateform/ws-1/b", "plateform/ws-1/a"} {
		if write := w.hub.writes[i]; !strings.HasSuffix(write, want) {
			t.Errorf("write %d is %s, want %s", i, write, want)
		}
	}
}

// A URL that is none for people is left out.
func TestURLs(t *testing.T) {
	w := newWorld(t)
	odd := broken(sha(0), "shop")
	odd.Build.URL = "file:///var/lib/plateform/builds/1"
	w.tell(odd)
	if got := w.hub.shows("acme/platform-config", sha(0))["plateform/ws-1/shop"]; got.TargetURL != "" || got.State != "failure" {
		t.Errorf("it shows %+v", got)
	}
}

// What GitHub showed and the record did not take is not sent again by the next process, and is written down then.
func TestAnEndBetweenGitHubAndTheRecord(t *testing.T) {
	w := newWorld(t)
	w.record.fails = errors.New("the power went off")
	if err := w.report(runs(sha(0), "shop")); err == nil {
		t.Fatal("Report returned nil although nothing was written down")
	}
	w.record.fails = nil
	w.restart()
	w.tell(waiting(sha(0), "shop")) // it begins anew, and people keep seeing the verdict
	w.shows("acme/platform-config", sha(0), "plateform/ws-1/shop success v1.0.1 runs")
	w.tell(runs(sha(0), "shop"))
	if n := w.hub.tried(); n != 1 {
		t.Errorf("%d writes, want 1", n)
	}
	if said := w.record.statements(sha(0)); len(said) != 2 {
		t.Errorf("the record says %v", said)
	}
}

// A word on what comes to a stop and goes on again follows the verdict.
func TestAVerdictThatIsOpenAgain(t *testing.T) {
	w := newWorld(t)
	lost := report(sha(0), "shop", reconciler.StateFailure, reconciler.OutcomeSourceLost)
	lost.Waits, lost.Lost = true, []manifest.LostSource{{Part: manifest.PartSource, Reason: manifest.LostBranch, What: "there is no branch main"}}
	w.tell(runs(sha(0), "shop"))
	w.tell(lost)
	w.restart()
	w.tell(waiting(sha(0), "shop"))
	w.shows("acme/platform-config", sha(0), "plateform/ws-1/shop pending queued")
	w.tell(runs(sha(0), "shop"))
	w.shows("acme/platform-config", sha(0), "plateform/ws-1/shop success v1.0.1 runs")
}

// When another process was faster with its verdict, GitHub shows that one, too.
func TestAnotherVerdict(t *testing.T) {
	w := newWorld(t)
	w.record.before = func() {
		if _, err := w.record.Publish(t.Context(), []reconciler.Report{broken(sha(0), "shop")}); err != nil {
			t.Error(err)
		}
	}
	w.tell(runs(sha(0), "shop"))
	w.shows("acme/platform-config", sha(0), "plateform/ws-1/shop failure build failed: it does not compile; its log: `plateform logs ws-1/shop --build`")
}

// A commit of many projects gets one status for all, and one for each that failed.
func TestACommitOfManyProjects(t *testing.T) {
	w := newWorld(t)
	const projects = 200
	all := func(r func(string, string) reconciler.Report, from, to int) (reports []reconciler.Report) {
		for i := from; i < to; i++ {
			reports = append(reports, r(sha(0), fmt.Sprintf("p%03d", i)))
		}
		return reports
	}
	w.tell(all(waiting, 0, projects)...)
	w.shows("acme/platform-config", sha(0), "plateform/projects pending 0 of 200 done, 200 under way")
	w.hub.pass(time.Minute)
	w.tell(all(runs, 0, 120)...)
	w.shows("acme/platform-config", sha(0), "plateform/projects pending 120 of 200 done, 80 under way")
	w.restart()
	w.tell(append(all(broken, 120, 122), all(runs, 122, projects)...)...)
	w.shows("acme/platform-config", sha(0),
		"plateform/projects failure 198 of 200 done, 2 failed: ws-1/p120 ws-1/p121",
		"plateform/ws-1/p120 failure build failed: it does not compile; its log: `plateform logs ws-1/p120 --build`",
		"plateform/ws-1/p121 failure build failed: it does not compile; its log: `plateform logs ws-1/p121 --build`")
	if n := w.hub.tried(); n != 5 {
		t.Errorf("%d writes, want 5", n)
	}
	if said := w.record.statements(sha(0)); len(said) != 2*projects {
		t.Errorf("the record says %d things, want %d", len(said), 2*projects)
	}
	w.tell(all(broken, 200, 300)...) // more than are worth a status each
	shown := w.hub.shows("acme/platform-config", sha(0))
	if len(shown) != 21 || len([]rune(shown["plateform/projects"].Description)) > 140 || !strings.HasPrefix(shown["plateform/projects"].Description, "198 of 300 done, 102 failed: ws-1/p120 ") {
		t.Errorf("%d statuses, and for all %+v", len(shown), shown["plateform/projects"])
	}
}

// What is under way for a moment only is not told: a word stays for a while before the next one of its kind takes its place, and a
// verdict takes it at once.
func TestThePaceOfWords(t *testing.T) {
	w := newWorld(t)
	building := waiting(sha(0), "shop")
	building.Outcome, building.Stage, building.Build.What = reconciler.OutcomeBuilding, reconciler.StageBuilding, "9fceb02d0a"
	w.tell(waiting(sha(0), "shop"))
	var later *reconciler.LaterError
	if err := w.report(waiting(sha(0), "web"), building, waiting(sha(1), "shop")); !errors.As(err, &later) || later.Wait != 10*time.Second || later.Landed != 1 {
		t.Errorf("error %v, want that all from the second one on is for later", err)
	}
	w.shows("acme/platform-config", sha(0), "plateform/ws-1/shop pending queued", "plateform/ws-1/web pending queued")
	w.shows("acme/platform-config", sha(1), "plateform/ws-1/shop pending queued")
	if said := w.record.statements(sha(0)); len(said) != 2 {
		t.Errorf("the record says %v, of which people were told two", said)
	}
	w.hub.pass(10 * time.Second)
	w.tell(building)
	w.shows("acme/platform-config", sha(0), "plateform/ws-1/shop pending building 9fceb02d0a", "plateform/ws-1/web pending queued")
	releasing := building
	releasing.Stage, releasing.Outcome = reconciler.StageUpdatingGitOps, reconciler.OutcomeReleasing
	w.tell(releasing, runs(sha(0), "shop"))
	w.shows("acme/platform-config", sha(0), "plateform/ws-1/shop success v1.0.1 runs", "plateform/ws-1/web pending queued")
	if said := w.record.statements(sha(0)); len(said) != 5 || w.hub.tried() != 5 {
		t.Errorf("%d writes, and the record says %v", w.hub.tried(), said)
	}
	w.hub.inject(fault{method: "POST", path: sha(2), status: 502})
	if err := w.report(waiting(sha(0), "api"), waiting(sha(2), "shop")); err == nil || errors.As(err, &later) {
		t.Errorf("error %v, want the trouble", err)
	}
}

// What takes two seconds is one word: the verdict.
func TestAQuickRunIsOneWord(t *testing.T) {
	w := newWorld(t)
	quick, slow := waiting(sha(0), "shop"), waiting(sha(0), "web")
	quick.At, slow.At = w.hub.Now(), w.hub.Now()
	var later *reconciler.LaterError
	if err := w.report(quick, slow); !errors.As(err, &later) || later.Wait != 2*time.Second || later.Landed != 0 {
		t.Errorf("error %v, want that all of it is for later", err)
	}
	w.hub.pass(time.Second)
	w.shows("acme/platform-config", sha(0))
	if err := w.report(slow, runs(sha(0), "shop")); !errors.As(err, &later) || later.Wait != time.Second {
		t.Errorf("error %v, want that the slow one is for later", err)
	}
	w.hub.pass(time.Second)
	w.tell(slow)
	w.shows("acme/platform-config", sha(0), "plateform/ws-1/shop success v1.0.1 runs", "plateform/ws-1/web pending queued")
	if w.hub.tried() != 2 {
		t.Errorf("%d writes", w.hub.tried())
	}
}

// A project that has a status of its own gets its verdict there, also when the commit turns out to be one of many.
func TestACommitThatBecomesOneOfMany(t *testing.T) {
	w := newWorld(t)
	var more []reconciler.Report
	for i := range 20 {
		more = append(more, waiting(sha(0), fmt.Sprintf("p%03d", i)))
	}
	w.tell(waiting(sha(0), "first"))
	w.tell(more...)
	w.hub.pass(time.Minute)
	w.tell(runs(sha(0), "first"))
	w.shows("acme/platform-config", sha(0), "plateform/projects pending 1 of 21 done, 20 under way", "plateform/ws-1/first success v1.0.1 runs")
	files := report(sha(0), "", reconciler.StateFailure, reconciler.OutcomeFilesBroken)
	files.Project, files.Problems = manifest.Key{}, manifest.Problems{{File: "platform.yaml", What: "unknown key"}}
	w.tell(files)
	if got := w.hub.shows("acme/platform-config", sha(0))["plateform/config"]; got.State != "failure" {
		t.Errorf("on the files it shows %+v", got)
	}
}

// GitHub takes a thousand statuses of a commit and context. The last ones are for how it ends, and one too many is no trouble.
func TestAThousandStatuses(t *testing.T) {
	for _, tt := range []struct {
		there, writes int
		want          string
	}{
		{899, 2, "success"}, {900, 1, "success"}, {999, 1, "success"}, {1000, 1, "pending"},
	} {
		t.Run(fmt.Sprint(tt.there), func(t *testing.T) {
			w := newWorld(t)
			for i := range tt.there {
				w.hub.take("acme/platform-config "+sha(0), status{State: "pending", Context: "plateform/ws-1/shop", Description: fmt.Sprint(i)})
			}
			w.tell(waiting(sha(0), "shop"))
			w.tell(runs(sha(0), "shop"))
			w.tell(waiting(sha(0), "api")) // the others are told as before
			if got := w.hub.shows("acme/platform-config", sha(0))["plateform/ws-1/shop"].State; got != tt.want {
				t.Errorf("it shows %s, want %s", got, tt.want)
			}
			if n := w.hub.tried() - 1; n != tt.writes {
				t.Errorf("%d writes, want %d", n, tt.writes)
			}
			if said := w.record.statements(sha(0)); len(said) != 3 {
				t.Errorf("the record says %v", said)
			}
			if warned := strings.Count(w.log.String(), "takes no word"); warned != max(0, tt.there-999) {
				t.Errorf("the log says it %d times: %s", warned, w.log.String())
			}
		})
	}
}

// A pile of statuses beyond what is reasonable to read leaves room for verdicts only.
func TestAPileOfStatuses(t *testing.T) {
	w := newWorld(t)
	for i := range 3200 {
		w.hub.take("acme/platform-config "+sha(0), status{State: "pending", Context: fmt.Sprintf("plateform/ws-1/p%d", i%4), Description: fmt.Sprint(i)})
	}
	w.tell(waiting(sha(0), "p1"), runs(sha(0), "p2"))
	if n := w.hub.tried(); n != 1 || w.hub.reads != 30 {
		t.Errorf("%d writes and %d reads, want 1 and 30", n, w.hub.reads)
	}
}

// What goes wrong in the middle of a report is told as an error; what landed before is written down, the rest is not, and all of
// it is there once the trouble is over, nothing twice.
func TestTroubleInTheMiddleOfAReport(t *testing.T) {
	const second = `/statuses/0*2$`
	for name, f := range map[string]fault{
		"5xx":                      {status: 502, body: "<html>"},
		"a connection that breaks": {},
		"a connection that breaks after it was taken": {taken: true},
		"5xx after it was taken":                      {status: 500, taken: true},
		"409":                                         {status: 409, body: `{"message":"conflict"}`},
		"429 with a time":                             {status: 429, header: map[string]string{"Retry-After": "30"}},
		"429":                                         {status: 429},
		"403 at the limit":                            {status: 403, header: map[string]string{"X-RateLimit-Remaining": "0"}},
		"403":                                         {status: 403, body: `{"message":"Resource not accessible by integration ` + canary + `"}`},
		"404":                                         {status: 404, body: `{"message":"Not Found"}`},
		"401":                                         {status: 401, body: `{"message":"Bad credentials ` + canary + `"}`},
		"no JSON":                                     {status: 418, body: canary},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			f.method, f.path, f.times = "POST", second, 3
			w.hub.inject(f)
			reports := []reconciler.Report{broken(sha(0), "shop"), runs(sha(1), "shop"), waiting(sha(2), "shop")}
			err := w.report(reports...)
			if err == nil {
				t.Fatal("Report returned nil although something did not land")
			}
			if got := []int{len(w.record.statements(sha(0))), len(w.record.statements(sha(1))), len(w.record.statements(sha(2)))}; !slices.Equal(got, []int{1, 0, 0}) {
				t.Errorf("the record says so much of the three commits: %v (%v)", got, err)
			}
			if strings.HasPrefix(name, "429") && reconciler.RetryAfter(err) < 30*time.Second {
				t.Errorf("it is asked again after %s", reconciler.RetryAfter(err))
			}
			w.hub.mend()
			w.hub.pass(time.Hour)
			w.tell(reports...)
			for i, want := range []string{"failure", "success", "pending"} {
				shown := w.hub.statuses["acme/platform-config "+sha(i)]
				if len(shown) != 1 || shown[0].State != want {
					t.Errorf("commit %d has the statuses %v, want one: %s", i, shown, want)
				}
				if len(w.record.statements(sha(i))) != 1 {
					t.Errorf("the record says %v of commit %d", w.record.statements(sha(i)), i)
				}
			}
		})
	}
}

// A repository of an app in which Plateform may not tell anything is a fact that is told once and asked about again later, and
// keeps nothing else from being told.
func TestAnAppWhereNothingMayBeTold(t *testing.T) {
	for name, f := range map[string]fault{
		"404": {status: 404, body: `{"message":"Not Found"}`},
		"403": {status: 403, body: `{"message":"Resource not accessible by personal access token"}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			app := w.hub.server.URL + "/acme/web"
			f.method, f.path, f.times = "POST", "/repos/acme/web/", 1000
			w.hub.inject(f)
			for i := range 5 {
				w.tell(pushed(broken(sha(2), fmt.Sprintf("web-%d", i)), app, strings.Repeat("a", 40)), runs(sha(1), fmt.Sprintf("shop-%d", i)))
			}
			if n := w.hub.tried(); n != 6 {
				t.Errorf("%d writes, want one that is refused and five on the config commit", n)
			}
			if said := w.record.statements(sha(2)); len(said) != 5 {
				t.Errorf("the record says %v", said)
			}
			w.hub.pass(2 * time.Hour)
			w.tell(pushed(broken(sha(2), "web-5"), app, strings.Repeat("a", 40)))
			if told := strings.Count(w.log.String(), "people are not told"); told != 1 {
				t.Errorf("it is told %d times: %s", told, w.log.String())
			}
			w.hub.mend()
			w.hub.pass(2 * time.Hour)
			w.tell(pushed(broken(sha(2), "web-6"), app, strings.Repeat("a", 40)))
			w.shows("acme/web", strings.Repeat("a", 40), "plateform/ws-1/web-6 failure build failed: it does not compile; its log: `plateform logs ws-1/web-6 --build`")
		})
	}
}

// A commit that GitHub's API does not know is on its way for a moment, and gone after that: it holds up nothing.
func TestACommitThatIsNotThere(t *testing.T) {
	w := newWorld(t)
	w.hub.inject(fault{method: "POST", path: `/statuses/0*1$`, status: 422, body: `{"message":"No commit found for SHA: 1"}`, times: 1000})
	w.hub.inject(fault{method: "GET", path: `/commits/0*1/`, status: 404, body: `{"message":"Not Found"}`, times: 1000})
	reports := []reconciler.Report{runs(sha(0), "shop"), runs(sha(1), "shop")}
	if err := w.report(reports...); err == nil {
		t.Error("Report returned nil although the commit may be there soon")
	}
	w.shows("acme/platform-config", sha(1), "plateform/ws-1/shop success v1.0.1 runs")
	w.hub.pass(3 * time.Minute)
	w.tell(reports...)
	w.tell(waiting(sha(0), "api"))
	if told := strings.Count(w.log.String(), "takes no word"); told != 2 { // once for each context
		t.Errorf("it is told %d times: %s", told, w.log.String())
	}
}

// A word that GitHub refuses for another reason is not sent again, and the next one is.
func TestAWordThatIsRefused(t *testing.T) {
	w := newWorld(t)
	w.hub.inject(fault{method: "POST", path: "/statuses/", status: 422, body: `{"message":"Validation Failed","errors":[{"field":"target_url","code":"invalid"}]}`})
	w.tell(waiting(sha(0), "shop"))
	w.tell(runs(sha(0), "shop"))
	w.shows("acme/platform-config", sha(0), "plateform/ws-1/shop success v1.0.1 runs")
	if !strings.Contains(w.log.String(), "target_url invalid") {
		t.Errorf("the log does not say why: %s", w.log.String())
	}
}

// Beyond what GitHub takes in a minute, failures are told and the rest lands later.
func TestMoreThanGitHubTakes(t *testing.T) {
	w := newWorld(t)
	var reports []reconciler.Report
	for i := range 70 {
		reports = append(reports, waiting(sha(100+i), "shop"))
	}
	err := w.report(reports...)
	if wait := reconciler.RetryAfter(err); err == nil || wait <= 0 || wait > 10*time.Second {
		t.Fatalf("%v, to be asked again after %s", err, wait)
	}
	reports = append(reports, broken(sha(200), "shop"))
	if err := w.report(reports...); err == nil {
		t.Error("Report returned nil although something did not land")
	}
	w.shows("acme/platform-config", sha(200), "plateform/ws-1/shop failure build failed: it does not compile; its log: `plateform logs ws-1/shop --build`")
	w.hub.pass(time.Minute)
	w.tell(reports...)
	if n := w.hub.tried(); n != 71 {
		t.Errorf("%d writes, want 71", n)
	}
}

// Who waits for their turn gives up with their context.
func TestGivesUpWhileAnotherReports(t *testing.T) {
	w := newWorld(t)
	inside, ended := make(chan struct{}), make(chan struct{})
	w.record.before = func() { close(inside); <-ended }
	done := make(chan error)
	go func() { done <- w.forge.Report(t.Context(), []reconciler.Report{waiting(sha(0), "shop")}) }()
	<-inside
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.forge.Report(ctx, []reconciler.Report{waiting(sha(1), "shop")}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	close(ended)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Why a build waits for its turn is the first word when there is none yet, and no write of its own behind one: the record has it.
func TestWhyABuildWaitsCostsNoWrite(t *testing.T) {
	w := newWorld(t)
	why := func(project string) reconciler.Report {
		r := waiting(sha(0), project)
		r.Outcome, r.Detail = reconciler.OutcomeBuildWaits, "Jenkins: Waiting for next available executor"
		return r
	}
	w.tell(waiting(sha(0), "shop"))
	w.hub.pass(time.Minute)
	w.tell(why("shop"), why("web"))
	w.shows("acme/platform-config", sha(0), "plateform/ws-1/shop pending queued", "plateform/ws-1/web pending waiting for Jenkins: Waiting for next available executor")
	if said := w.record.statements(sha(0)); len(said) != 3 || w.hub.tried() != 2 {
		t.Errorf("%d writes, and the record says %v", w.hub.tried(), said)
	}
	w.hub.pass(time.Minute)
	building := waiting(sha(0), "shop")
	building.Outcome, building.Stage, building.Build.What = reconciler.OutcomeBuilding, reconciler.StageBuilding, "9fceb02d0a"
	w.tell(building, runs(sha(0), "web"))
	w.shows("acme/platform-config", sha(0), "plateform/ws-1/shop pending building 9fceb02d0a", "plateform/ws-1/web success v1.0.1 runs")
}
