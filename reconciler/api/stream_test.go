package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/api"
)

// A member follows a run from its beginning to the URL, in the order in which things happened.
func TestFollow(t *testing.T) {
	w := newWorld(t)
	run := w.begin()
	r := w.follow(logPath(run), "token-of-bob")
	w.building(run)
	w.print(buildID, "one\ntwo")
	r.untilLine("one")
	w.print(buildID, " and a half\nlogging in with "+secret+"\n")
	w.deployed(run)
	end := r.until("the end", func(f api.Frame) bool { return f.Type == api.FrameEnd })
	if end.Run.LiveURL != "https://shop.example.com" || end.Run.Release != "v1.0.0" || end.Run.State != reconciler.StateSuccess {
		t.Errorf("the end is %+v", end.Run)
	}
	if code := r.rest(); code != websocket.StatusNormalClosure {
		t.Errorf("it was closed with %d", code)
	}
	r.want("<queued> <building> one two and a half logging in with *** <deployed> <end>")
}

// Whoever comes later, or from an offset, gets what they do not have and nothing else, wherever the stream was cut.
func TestFollowFromAnOffset(t *testing.T) {
	w := newWorld(t)
	run := w.begin()
	w.build(run, "b2", "orders")
	w.building(run)
	for n := range 1000 {
		w.print(buildID, fmt.Sprintf("app %d\n", n))
		w.print("b2", fmt.Sprintf("orders %d %s\n", n, strings.Repeat("x", n%200)))
	}
	w.deployed(run)
	whole := w.follow(logPath(run), "token-of-carol")
	whole.rest()
	if got := len(told(whole.frames)); got != 2000+4 {
		t.Fatalf("all of it are %d things", got)
	}
	for at, f := range whole.frames[:len(whole.frames)-1] {
		r := w.follow(logPath(run)+"?from="+f.Offset, "token-of-carol")
		r.rest()
		for _, image := range []string{"app", "orders", ""} { // logs of several builds come in any order among each other
			if got, want := show(of(image, r.frames)), show(of(image, whole.frames[at+1:])); got != want {
				t.Fatalf("from %s it tells of %q\n%.300s\nwant\n%.300s", f.Offset, image, got, want)
			}
		}
	}
}

// of are the frames of the log of one image, or those that are of none.
func of(image string, frames []api.Frame) []api.Frame {
	return slices.DeleteFunc(slices.Clone(frames), func(f api.Frame) bool { return f.Image != image })
}

// The next process tells what a reader does not have, although its runs begin anew and it has read nothing of the log before.
func TestFollowOverARestart(t *testing.T) {
	w := newWorld(t)
	run := w.begin()
	w.building(run)
	w.print(buildID, "one\ntwo\n")
	r := w.follow(logPath(run), operator)
	r.untilLine("two")
	var closing sync.WaitGroup
	closing.Go(func() {
		if err := w.api.Close(); err != nil {
			t.Error(err)
		}
	})
	if code := r.rest(); code != websocket.StatusServiceRestart {
		t.Errorf("it was closed with %d", code)
	}
	closing.Wait()
	r.want("<queued> <building> one two <bye>")
	if bye := r.frames[len(r.frames)-1]; !bye.Again {
		t.Errorf("the reader is told %+v", bye)
	}

	next := newWorld(t)
	next.logs = w.logs
	next.change(func() { next.ready = false })
	if res, body := next.get(logPath(run), operator); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("while it starts it says %d %s", res.StatusCode, body)
	}
	next.change(func() { next.ready = true })
	if res, _ := next.get(logPath(run), operator); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("of a run that may turn up yet it says %d", res.StatusCode)
	}
	again := next.begin()
	goesOn := next.follow(logPath(again)+"?from="+r.offset, operator)
	next.building(again)
	next.print(buildID, "three\n")
	next.deployed(again)
	goesOn.rest()
	goesOn.want("three <deployed> <end>")
}

// A build that is made again is told to begin anew. Whoever had lines of the try before gets all of the next.
func TestALogThatBeginsAnew(t *testing.T) {
	w := newWorld(t)
	run := w.begin()
	w.building(run)
	w.print(buildID, "one\n")
	r := w.follow(logPath(run), operator)
	r.untilLine("one")
	before := r.offset
	w.change(func() { w.logs[buildID] = &log{try: "2", text: "another\n"} })
	r.untilLine("another")
	w.change(func() { w.logs[buildID] = &log{try: "2", text: "x\n"} }) // shorter than what was read
	r.untilLine("x")
	w.deployed(run)
	r.rest()
	r.want("<queued> <building> one <anew> another <anew> x <deployed> <end>")
	later := w.follow(logPath(run)+"?from="+before, operator)
	later.rest()
	later.want("<anew> another <anew> x <deployed> <end>")
}

// A try that printed nothing hides none of those that come after it.
func TestATryThatPrintsNothing(t *testing.T) {
	w := newWorld(t)
	run := w.begin()
	w.building(run)
	w.print(buildID, "one\n")
	r := w.follow(logPath(run), operator)
	r.untilLine("one")
	for _, try := range []string{"2", "3"} {
		w.change(func() { w.logs[buildID], w.asked = &log{try: try}, 0 })
		w.await("try "+try+" to be read", func() (read bool) {
			w.change(func() { read = w.asked > 2 })
			return read
		})
	}
	w.change(func() { w.logs[buildID] = &log{try: "4", text: "four\n"} })
	r.untilLine("four")
	w.deployed(run)
	r.rest()
	later := w.follow(logPath(run), operator)
	later.rest()
	later.want("<queued> <building> one <anew> four <deployed> <end>")
}

// A try that has printed nothing hides none that come behind it, and no line comes twice to whoever was there when it began.
func TestATryWithoutALine(t *testing.T) {
	w := newWorld(t)
	run := w.begin()
	w.building(run)
	w.print(buildID, "one\n")
	r := w.follow(logPath(run), operator)
	r.untilLine("one")
	w.change(func() { w.logs[buildID] = &log{try: "2"} })
	asked := 0
	w.change(func() { asked = w.asked })
	w.await("a look at the second try", func() (looked bool) {
		w.change(func() { looked = w.asked > asked+2 })
		return looked
	})
	w.report(run, reconciler.Report{State: reconciler.StatePending, Stage: reconciler.StagePushing, Outcome: reconciler.OutcomeBuilding, Build: reconciler.BuildFacts{What: "cccc"}})
	r.until("the stage", func(f api.Frame) bool { return f.Type == api.FrameStage && f.Stage.Stage == reconciler.StagePushing })
	before := r.offset
	w.change(func() { w.logs[buildID] = &log{try: "3", text: "three\n"} })
	r.untilLine("three")
	w.deployed(run)
	r.rest()
	r.want("<queued> <building> one <pushing> <anew> three <deployed> <end>")
	for from, want := range map[string]string{"": "<queued> <building> <pushing> one <anew> three <deployed> <end>", before: "<anew> three <deployed> <end>"} {
		later := w.follow(logPath(run)+"?from="+from, operator)
		later.rest()
		later.want(want)
	}
}

// A log that cannot be read is said once, and nothing of it is told twice when it can be read again.
func TestALogThatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	run := w.begin()
	w.building(run)
	w.print(buildID, "one\n")
	r := w.follow(logPath(run), operator)
	r.untilLine("one")
	w.change(func() {
		w.logs[buildID].text, w.logs[buildID].fail = "one\ntwo\nthr", errors.New("https://user:password@ci.example.com does not answer")
	})
	note := r.until("a note", func(f api.Frame) bool { return f.Type == api.FrameNote })
	if strings.Contains(note.Text, "password") || !strings.Contains(note.Text, "does not answer") {
		t.Errorf("the note is %q", note.Text)
	}
	w.change(func() { w.logs[buildID].text, w.logs[buildID].fail = "one\ntwo\nthree\n", nil })
	w.deployed(run)
	r.rest()
	r.want("<queued> <building> one <note> two three <deployed> <end>")
}

// What is too long is cut where it is told.
func TestALongLogIsCut(t *testing.T) {
	w := newWorld(t)
	run := w.begin()
	w.building(run)
	w.print(buildID, long)
	w.print(buildID, "the end\n")
	r := w.follow(logPath(run), operator)
	r.until("the cut", isCut)
	w.deployed(run)
	r.rest()
	all := told(r.frames)
	if got := all[len(all)-3]; !strings.HasPrefix(got, cutHere) {
		t.Errorf("the last line is %.100q", got)
	}
	if len(all) < 1000 || len(all) > 2000 {
		t.Errorf("there are %d lines", len(all))
	}
}

// long is more than what is kept of a log, in long lines.
var long = strings.Repeat(strings.Repeat("x", 10<<10)+"\n", 2000)

// cutHere begins the line at the end of what is kept of a log.
const cutHere = "… the log is cut here"

func isCut(f api.Frame) bool {
	return len(f.Lines) > 0 && strings.HasPrefix(f.Lines[len(f.Lines)-1], cutHere)
}

// Whoever had the beginning of a log, before it got too long to be kept, goes on behind that after a restart.
func TestALongLogGoesOnOverARestart(t *testing.T) {
	w := newWorld(t)
	run := w.begin()
	w.building(run)
	w.print(buildID, "one\n")
	r := w.follow(logPath(run), operator)
	r.untilLine("one")
	next := newWorld(t)
	next.print(buildID, "one\n"+long)
	again := next.begin()
	next.building(again)
	goesOn := next.follow(logPath(again)+"?from="+r.offset, operator)
	goesOn.until("the cut", isCut)
	if all := told(goesOn.frames); slices.Contains(all, "one") || slices.Contains(all, "<anew>") || len(all) < 1000 {
		t.Errorf("%d are told, %.100s", len(all), strings.Join(all, " "))
	}
}

// All readers of a log share the questions for it.
func TestManyReadersAskOnce(t *testing.T) {
	// After a question nobody asks again before the clock says so, which it never does here.
	w := newWorld(t, func(o *api.Options) { o.Times.Every = patience })
	run := w.begin()
	w.building(run)
	w.print(buildID, strings.Repeat("a line of a log\n", 5000))
	w.change(func() { w.logs[buildID].ended = true })
	alone := w.follow(logPath(run), operator)
	alone.untilLine("a line of a log")
	var readers sync.WaitGroup
	for range 50 {
		r := w.follow(logPath(run), operator)
		readers.Go(func() {
			for count := 0; count < 5000; {
				f, _, more := r.next()
				if !more {
					t.Error("the stream has ended")
					return
				}
				count += len(f.Lines)
			}
		})
	}
	readers.Wait()
	if got := w.api.Readers(); got != 51 {
		t.Errorf("there are %d readers", got)
	}
	w.mu.Lock()
	if w.asked != 1 {
		t.Errorf("the builder was asked %d times", w.asked)
	}
	w.mu.Unlock()
	w.deployed(run)
	alone.rest()
}

// By plain GET there is text for people, with everything that is harmless of it, or frames.
func TestPlain(t *testing.T) {
	w := newWorld(t)
	run := w.begin()
	w.building(run)
	w.print(buildID, "\x1b[31mred\x1b[0m <script>\x1b]0;owned\x07\n")
	res, body := w.get(logPath(run), operator)
	if res.Header.Get("Content-Type") != "text/plain; charset=utf-8" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("the headers are %v", res.Header)
	}
	if !strings.Contains(body, "\x1b[31mred\x1b[0m <script>\n") || strings.Contains(body, "deployed") {
		t.Errorf("it says %q", body)
	}
	w.deployed(run)
	_, body = w.get(logPath(run)+"?follow=1", operator)
	if !strings.HasSuffix(body, "[plateform] deployed: v1.0.0 runs https://shop.example.com\n") {
		t.Errorf("it says %q", body)
	}
	framed := w.ask(http.MethodGet, logPath(run)+"?follow=1", operator, "Accept", "application/x-ndjson")
	defer framed.Body.Close()
	var frames []api.Frame
	for _, line := range lines(t, framed.Body) {
		var f api.Frame
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatal(err)
		}
		frames = append(frames, f)
	}
	if got := show(frames); got != "<queued> <building> \x1b[31mred\x1b[0m <script> <deployed> <end>" {
		t.Errorf("the frames are %s", got)
	}
}

// The runs of a project are told as they are, and again when something of them is new.
func TestRuns(t *testing.T) {
	w := newWorld(t)
	run := w.begin()
	r := w.follow(runsPath, "token-of-alice")
	r.until("the run", func(f api.Frame) bool { return f.Run.ID == run.ID })
	w.deployed(run)
	last := r.until("its end", func(f api.Frame) bool { return f.Run.Ended() })
	if last.Run.LiveURL != "https://shop.example.com" || last.Run.Builds[0].ID != buildID {
		t.Errorf("it is %+v", last.Run)
	}
	w.change(func() { w.now = w.now.Add(1) })
	second := w.beginFor(manifest.Cause{Kind: manifest.CauseSource, Commit: strings.Repeat("c", 40), Config: strings.Repeat("a", 40)})
	r.until("the next run", func(f api.Frame) bool { return f.Run.ID == second.ID })
	var answer struct{ Runs []api.Run }
	_, body := w.get(runsPath, "token-of-alice")
	if err := json.Unmarshal([]byte(body), &answer); err != nil || len(answer.Runs) != 2 || answer.Runs[0].ID != second.ID {
		t.Errorf("the runs are %v %s", err, body)
	}
	var one api.Run
	_, body = w.get(runsPath+"/"+run.ID, "token-of-alice")
	if err := json.Unmarshal([]byte(body), &one); err != nil || one.State != reconciler.StateSuccess {
		t.Errorf("the run is %v %s", err, body)
	}
}

// A rollout that gets healthy after it was said to have failed ends its run once more, and well.
func TestARunThatEndsWellAfterAll(t *testing.T) {
	w := newWorld(t)
	run := w.begin()
	w.report(run, reconciler.Report{State: reconciler.StateFailure, Stage: reconciler.StageFailed, Outcome: reconciler.OutcomeRolloutFailed, Detail: "it crashes", Release: reconciler.ReleaseFacts{Version: "v1.0.0"}})
	state := func() (got api.Run) {
		t.Helper()
		_, body := w.get(runsPath+"/"+run.ID, "token-of-bob")
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err, body)
		}
		return got
	}
	if got := state(); got.State != reconciler.StateFailure || !got.Ended() {
		t.Fatalf("it is %+v", got)
	}
	w.change(func() { w.now = w.now.Add(time.Minute) })
	run.Reopen()
	w.deployed(run)
	if got := state(); got.State != reconciler.StateSuccess || got.Stage() != reconciler.StageDeployed || got.LiveURL == "" {
		t.Errorf("it is %+v", got)
	}
}
