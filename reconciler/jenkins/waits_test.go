package jenkins_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/plateform/plateform/test/jenkinsserver"
)

// Why a build waits is told once for each reason, and costs Jenkins no question. What only counts is no other reason.
func TestWhyABuildWaitsInTheQueue(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{})
	w.jenkins.Hold()
	b, r := w.open(), w.request("a1")
	w.start(b, r)
	before := len(w.jenkins.Calls())
	says := func(want string) {
		t.Helper()
		if got := w.status(b, r.ID).Queued; got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
	says("Jenkins: Waiting for next available executor")
	for _, why := range []string{"In the quiet period. Expires in 4.9 sec", ""} {
		w.jenkins.HoldFor(why)
		says("Jenkins: Waiting for next available executor")
	}
	w.jenkins.HoldFor("Build #12 is already in progress (ETA: 4 min 3 sec)")
	says("Jenkins: Build #12 is already in progress (ETA: 4 min 3 sec)")
	w.jenkins.HoldFor("Build #13 is already in progress (ETA: 59 sec)")
	says("Jenkins: Build #12 is already in progress (ETA: 4 min 3 sec)")
	w.jenkins.HoldFor("There are no nodes with the label plateform")
	says("Jenkins: There are no nodes with the label plateform")
	w.jenkins.HoldFor("agent-c is offline") // enough is enough
	says("Jenkins: There are no nodes with the label plateform")
	if calls := len(w.jenkins.Calls()) - before; calls != 2*7 {
		t.Errorf("%d requests for 7 questions, want the queue and the job for each", calls)
	}
	w.jenkins.Release()
	if status := w.end(b, r.ID); status.Queued != "" || status.Image == nil {
		t.Errorf("it ended as %s", describe(status))
	}
}

func TestAHostileReasonIsHarmless(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{})
	w.jenkins.HoldFor("\x1b[2J\x1b]0;title\a<script>&lt;/script> of\nhttps://robot:hunter2@git.example.com/x \u202e" + strings.Repeat("é", 5000))
	b, r := w.open(), w.request("a1")
	w.start(b, r)
	got := w.status(b, r.ID).Queued
	if strings.ContainsAny(got, "\x1b\a\n\u202e") || strings.Contains(got, "hunter2") || utf8.RuneCountInString(got) > 220 || !strings.HasPrefix(got, "Jenkins: ") {
		t.Errorf("%d characters: %q", utf8.RuneCountInString(got), got)
	}
	w.jenkins.Release()
	w.image(w.end(b, r.ID))
}
