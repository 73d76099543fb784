package jenkins_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/jenkins"
	"github.com/plateform/plateform/test/jenkinsserver"
)

func TestATriggerWhoseAnswerIsLostIsFoundAgain(t *testing.T) {
	for name, hold := range map[string]bool{"in the queue": true, "among the builds": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, jenkinsserver.Options{})
			if hold {
				w.jenkins.Hold()
			}
			w.jenkins.Inject(jenkinsserver.Fault{Method: http.MethodPost, DropAnswer: true, Times: 1})
			b, r := w.open(), w.request("a1")
			if err := b.Start(t.Context(), r); err == nil {
				t.Fatal("the answer was lost and nothing is said of it")
			}
			w.start(b, r)
			w.jenkins.Release()
			w.image(w.end(b, r.ID))
			if got := w.count(r.ID); got != 1 {
				t.Errorf("built %d times, want 1", got)
			}
		})
	}
}

func TestAnotherProcessTakesOver(t *testing.T) {
	for name, hold := range map[string]bool{"what waits": true, "what runs": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, jenkinsserver.Options{})
			run, goOn := blocked()
			w.does(run)
			r := w.request("a1")
			if hold {
				w.jenkins.Hold()
			}
			w.start(w.open(), r)
			b := w.open()
			w.start(b, r)
			w.jenkins.Release()
			goOn()
			w.image(w.end(b, r.ID))
			if got := w.count(r.ID); got != 1 {
				t.Errorf("built %d times, want 1", got)
			}
		})
	}
}

func TestOfSeveralTheLowestNumberGoesOn(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{})
	run, goOn := blocked()
	w.does(run)
	r := w.request("a1")
	w.start(w.open(), r)
	w.until("the first does not run", func() bool { return slices.Equal(w.running(), []int{1}) })
	w.trigger(r.ID)
	w.trigger(r.ID)
	w.until("three do not run", func() bool { return slices.Equal(w.running(), []int{1, 2, 3}) })
	b := w.open()
	w.start(b, r)
	w.until("the others were not stopped", func() bool { return slices.Equal(w.running(), []int{1}) })
	goOn()
	if status := w.end(b, r.ID); !strings.HasSuffix(status.URL, "/1/") {
		t.Errorf("it is %s, want build 1", status.URL)
	}
}

func TestALostQueueItemIsStartedAgain(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{})
	w.jenkins.Hold()
	b, r := w.open(), w.request("a1")
	w.start(b, r)
	if status := w.status(b, r.ID); status.Done {
		t.Fatalf("it waits, and is %s", describe(status))
	}
	w.jenkins.Kill()
	w.jenkins.Start()
	// The number of its item is somebody else's now.
	other := w.request("other")
	w.start(b, other)
	status := w.status(b, r.ID)
	if status.Failure == nil || !status.Failure.Temporary || !strings.Contains(status.Failure.Summary, "Jenkins has lost the build") {
		t.Fatalf("got %s, want a build that is lost", describe(status))
	}
	w.jenkins.Release()
	w.image(w.end(b, other.ID))
	w.start(b, r)
	w.image(w.end(b, r.ID))
	if w.count(r.ID) != 1 || w.count(other.ID) != 1 {
		t.Errorf("built %d and %d times, want once each", w.count(r.ID), w.count(other.ID))
	}
}

func TestCancelKnowsThatNumbersOfTheQueueAreGivenOutAgain(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{})
	w.jenkins.Hold()
	b, r, other := w.open(), w.request("a1"), w.request("other")
	w.start(b, r)
	w.jenkins.Kill()
	w.jenkins.Start()
	w.start(w.open(), other)
	w.clock.advance(time.Minute)
	if err := b.Cancel(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	w.jenkins.Release()
	w.until("somebody else's item was canceled", func() bool { return w.count(other.ID) == 1 })
}

func TestAPipelineOutlivesACrashOfJenkins(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{})
	run, goOn := blocked()
	w.does(run)
	b, r := w.open(), w.request("a1")
	w.start(b, r)
	w.until("it does not run", func() bool { return len(w.status(b, r.ID).Stages) == 1 })
	w.jenkins.Kill()
	if _, err := b.Statuses(t.Context(), []string{r.ID}); err == nil {
		t.Error("Jenkins is down, and nothing is said of it")
	}
	w.jenkins.Start()
	if status := w.status(b, r.ID); status.Done {
		t.Errorf("it goes on, and is %s", describe(status))
	}
	goOn()
	w.image(w.end(b, r.ID))
	if got := w.count(r.ID); got != 1 {
		t.Errorf("built %d times, want 1", got)
	}
}

func TestABuildThatVanishesIsLostAtOnce(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{})
	w.jenkins.Put(w.job(false)) // a freestyle job, whose builds do not outlive Jenkins
	run, _ := blocked()
	w.does(run)
	b, r := w.open(), w.request("a1")
	w.start(b, r)
	w.until("it does not run", func() bool { return w.status(b, r.ID).URL != "" })
	w.jenkins.Kill()
	w.jenkins.Start()
	if status := w.status(b, r.ID); status.Failure == nil || !status.Failure.Temporary || !strings.Contains(status.Failure.Summary, "Jenkins has lost the build") {
		t.Errorf("got %s, want a build that has vanished", describe(status))
	}
}

func TestABuildThatNeverEndsIsGivenUpAndLostInTheEnd(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{})
	job := w.job(true)
	job.DisableResume = true
	w.jenkins.Put(job)
	run, _ := blocked()
	w.does(run)
	b, r := w.open(), w.request("a1")
	var summaries []string
	for number := 1; number <= 3; number++ {
		w.start(b, r)
		w.until("it does not run", func() bool { return strings.HasSuffix(w.status(b, r.ID).URL, "/"+string(rune('0'+number))+"/") })
		w.jenkins.Kill()
		w.jenkins.Start()
		w.clock.advance(30 * time.Minute)
		if status := w.status(b, r.ID); status.Done {
			t.Fatalf("it is given up before its time: %s", describe(status))
		}
		w.clock.advance(31 * time.Minute)
		status := w.status(b, r.ID)
		if status.Failure == nil || status.Failure.Temporary != (number < 3) {
			t.Fatalf("loss %d is %s", number, describe(status))
		}
		summaries = append(summaries, status.Failure.Summary)
	}
	if summaries[0] != summaries[1] || !strings.HasPrefix(summaries[2], "lost: ") {
		t.Errorf("the losses are told as %q", summaries)
	}
	w.start(b, r)
	if got := w.count(r.ID); got != 3 {
		t.Errorf("built %d times, want 3: what is lost for good is not tried again by itself", got)
	}
	w.does(nil)
	r.Attempt = "1111111111111111111111111111111111111111"
	w.start(b, r)
	w.image(w.end(b, r.ID))
}

func TestAStartingJenkinsSaysNo(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{})
	w.jenkins.Shutdown()
	w.jenkins.Starting()
	b, r := w.open(), w.request("a1")
	if err := b.Start(t.Context(), r); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("Start = %v, want 503", err)
	}
	w.jenkins.Start()
	// It looks up, and goes down before it triggers.
	w.jenkins.Inject(jenkinsserver.Fault{Method: http.MethodPost, Status: http.StatusForbidden, Times: 1})
	w.jenkins.Inject(jenkinsserver.Fault{Path: "/api/json", Status: http.StatusServiceUnavailable})
	if err := b.Start(t.Context(), r); err == nil {
		t.Error("Start works without Jenkins")
	}
	w.jenkins.Heal()
	w.jenkins.Inject(jenkinsserver.Fault{Method: http.MethodPost, Status: http.StatusForbidden, Times: 1})
	if err := b.Start(t.Context(), r); err == nil || !strings.Contains(err.Error(), "let the user plateform") {
		t.Errorf("Start = %v, want that the user lacks a permission", err)
	}
	w.jenkins.Heal()
	w.start(b, r)
	w.image(w.end(b, r.ID))
}

func TestWhatIsWrongWithTheJobIsSaid(t *testing.T) {
	tests := []struct {
		name   string
		change func(w *world)
		want   string
	}{
		{"not there", func(w *world) { w.jenkins.Delete(jobName) }, "there is no job platform/build image"},
		{"disabled", func(w *world) { j := w.job(true); j.Disabled = true; w.jenkins.Put(j) }, "is disabled in Jenkins (enable it)"},
		{"no parameters", func(w *world) { j := w.job(true); j.Parameters = nil; w.jenkins.Put(j) }, "lacks the parameters PLATEFORM_ID, "},
		{"one missing", func(w *world) { j := w.job(true); j.Parameters = j.Parameters[1:]; w.jenkins.Put(j) }, "lacks the parameters PLATEFORM_ID ("},
		{"may not read", func(w *world) {
			w.jenkins.Add(jenkinsserver.User{Name: "plateform", Token: "token-of-plateform", Lacks: []string{"Job.Read"}})
		}, "may not read it"},
		{"may not build", func(w *world) {
			w.jenkins.Add(jenkinsserver.User{Name: "plateform", Token: "token-of-plateform", Lacks: []string{"Job.Build"}})
		}, "hudson.model.Item.Build"},
		{"bad token", func(w *world) { w.jenkins.Add(jenkinsserver.User{Name: "plateform", Token: "another"}) }, "an API token of it"},
		{"a login page", func(w *world) {
			w.jenkins.Inject(jenkinsserver.Fault{Status: http.StatusOK, Page: "<html>log in</html>"})
		}, "a login page or a proxy is in front of Jenkins"},
		{"a redirect", func(w *world) {
			w.jenkins.Inject(jenkinsserver.Fault{Status: http.StatusFound, Header: map[string]string{"Location": "https://login.example.com/"}})
		}, "a redirect to https://login.example.com/"},
		{"a redirect of a trigger", func(w *world) {
			w.jenkins.Inject(jenkinsserver.Fault{Method: http.MethodPost, Status: http.StatusFound, Header: map[string]string{"Location": "https://login.example.com/"}})
		}, "a redirect to https://login.example.com/"},
		{"an error", func(w *world) { w.jenkins.Inject(jenkinsserver.Fault{Method: http.MethodPost, Status: 500}) }, "with 500: Something is in the way"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, jenkinsserver.Options{})
			tt.change(w)
			err := w.open().Start(t.Context(), w.request("a1"))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("Start = %v, want %q", err, tt.want)
			}
			if strings.ContainsAny(err.Error(), "\r\n") || strings.Contains(err.Error(), "token-of-plateform") {
				t.Errorf("it is not one line without secrets: %q", err)
			}
			if w.count("a1") != 0 {
				t.Error("something was built")
			}
		})
	}
}

func TestProbe(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{})
	o := w.options()
	o.Registry = nil
	probe := func() jenkins.Findings {
		t.Helper()
		found, err := jenkins.Probe(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if diff := cmp.Diff(jenkins.Findings{Version: "2.263.4", Missing: []string{}}, probe()); diff != "" {
		t.Errorf("a good job (-want +got):\n%s", diff)
	}
	job := w.job(true)
	job.Disabled, job.DisableResume, job.Parameters = true, true, job.Parameters[2:]
	w.jenkins.Put(job)
	if diff := cmp.Diff(jenkins.Findings{Version: "2.263.4", Missing: []string{"PLATEFORM_ID", "PLATEFORM_ATTEMPT"}, Disabled: true, NoResume: true}, probe()); diff != "" {
		t.Errorf("a bad job (-want +got):\n%s", diff)
	}
	w.jenkins.Delete(jobName)
	if _, err := jenkins.Probe(t.Context(), o); err == nil || !strings.Contains(err.Error(), "there is no job") {
		t.Errorf("Probe = %v, want that there is no job", err)
	}
}

func TestAJenkinsThatHangsIsLeftWithTheContext(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{})
	b, r := w.open(), w.request("a1")
	w.start(b, r)
	w.jenkins.Inject(jenkinsserver.Fault{Stall: make(chan struct{})})
	ctx, cancel := context.WithCancel(t.Context())
	asked, calls := make(chan error, 1), len(w.jenkins.Calls())
	go func() {
		_, err := b.Statuses(ctx, []string{r.ID})
		asked <- err
	}()
	w.until("Jenkins is not asked", func() bool { return len(w.jenkins.Calls()) > calls || len(asked) > 0 })
	cancel()
	if err := <-asked; !errors.Is(err, context.Canceled) {
		t.Errorf("Statuses = %v, want canceled", err)
	}
	// What has ended is known without Jenkins, and nothing waits for it.
	if statuses, err := b.Statuses(t.Context(), []string{"unknown"}); err != nil || len(statuses) != 0 {
		t.Errorf("Statuses of an unknown build = %v, %v", statuses, err)
	}
}

// trigger starts a build as somebody else would.
func (w *world) trigger(id string) {
	w.t.Helper()
	body := strings.NewReader(jenkins.ParamID + "=" + id + "&" + jenkins.ParamDestination + "=" + w.registry.Host + "/x")
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.jenkins.URL+"/job/platform/job/build%20image/buildWithParameters", body)
	if err != nil {
		w.t.Fatal(err)
	}
	request.SetBasicAuth("plateform", "token-of-plateform")
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		w.t.Fatalf("triggering: %s", answer.Status)
	}
}

func TestCancelStops(t *testing.T) {
	t.Run("what waits", func(t *testing.T) {
		w := newWorld(t, jenkinsserver.Options{})
		w.jenkins.Hold()
		b, r := w.open(), w.request("a1")
		w.start(b, r)
		w.cancel(b, r.ID)
		w.jenkins.Release()
		if status := w.status(b, r.ID); status.Failure == nil || !status.Failure.Canceled {
			t.Errorf("got %s, want a canceled build", describe(status))
		}
		if got := w.count(r.ID); got != 0 {
			t.Errorf("built %d times, want 0", got)
		}
	})
	t.Run("what runs", func(t *testing.T) {
		w := newWorld(t, jenkinsserver.Options{})
		run, _ := blocked()
		w.does(run)
		b, r := w.open(), w.request("a1")
		w.start(b, r)
		w.until("it does not run", func() bool { return w.count(r.ID) == 1 })
		w.cancel(b, r.ID)
		if status := w.status(b, r.ID); status.Failure == nil || !status.Failure.Canceled {
			t.Errorf("got %s, want a canceled build", describe(status))
		}
		w.until("it still runs", func() bool { return len(w.running()) == 0 })
		w.does(nil)
		w.start(b, r)
		w.image(w.end(b, r.ID))
	})
	t.Run("what an earlier process started", func(t *testing.T) {
		w := newWorld(t, jenkinsserver.Options{})
		run, _ := blocked()
		w.does(run)
		r := w.request("a1")
		w.start(w.open(), r)
		w.until("it does not run", func() bool { return w.count(r.ID) == 1 })
		b := w.open()
		w.start(b, w.request("other"))
		w.until("the other does not run", func() bool { return len(w.running()) == 2 })
		w.cancel(b, r.ID)
		w.until("it still runs", func() bool { return len(w.running()) == 1 })
		// It was stopped, which is no end that answers anybody.
		w.does(nil)
		w.start(b, r)
		w.image(w.end(b, r.ID))
		w.cancel(b, "other")
	})
}

func (w *world) cancel(b *jenkins.Builder, id string) {
	w.t.Helper()
	if err := b.Cancel(w.t.Context(), id); err != nil {
		w.t.Fatalf("Cancel(%s): %v", id, err)
	}
}

func TestWhatSomebodyStopsInJenkinsStaysStopped(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{})
	run, _ := blocked()
	w.does(run)
	b, r := w.open(), w.request("a1")
	w.start(b, r)
	w.until("it does not run", func() bool { return w.status(b, r.ID).URL != "" })
	w.cancel(w.open(), r.ID) // somebody else
	status := w.end(b, r.ID)
	if status.Failure == nil || status.Failure.Canceled || status.Failure.Temporary || !strings.Contains(status.Failure.Summary, "was stopped in Jenkins") {
		t.Errorf("got %s, want a build that was stopped by somebody", describe(status))
	}
	w.start(b, r)
	if got := w.count(r.ID); got != 1 {
		t.Errorf("built %d times, want 1", got)
	}
}

var _ reconciler.Builder = (*jenkins.Builder)(nil)
