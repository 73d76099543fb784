package jenkins_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/jenkins"
	"github.com/plateform/plateform/reconciler/logline"
	"github.com/plateform/plateform/test/jenkinsserver"
)

// logged is what was logged.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// A process that has just started finds the log of a build by its ID, reads on in it while it grows, and is told when the build is made
// again.
func TestTheLogOfABuildIsFoundByItsID(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{})
	more, seen := make(chan string), make(chan struct{})
	w.does(func(ctx context.Context, b *jenkinsserver.Build) error {
		for line := range more {
			b.Println(line)
			seen <- struct{}{}
		}
		return errCompile
	})
	request := w.request("shop-1")
	w.start(w.open(), request)
	say := func(line string) { more <- line; <-seen }
	say("<b>one</b>")
	b := w.open()
	ask := reconciler.BuildLogQuestion{Key: request.Key, ID: request.ID}
	read := func() (string, reconciler.BuildLogEnd) {
		t.Helper()
		var text strings.Builder
		end, err := b.BuildLog(t.Context(), ask, &text)
		if err != nil {
			t.Fatal(err)
		}
		ask.Try, ask.From = end.Try, end.Next
		return text.String(), end
	}
	if text, end := read(); !strings.Contains(text, "<b>one</b>") || end.Ended || end.Try != "1" {
		t.Errorf("it is %q %+v", text, end)
	}
	say("two")
	if text, _ := read(); strings.TrimSpace(text) != "two" {
		t.Errorf("what came is %q", text)
	}
	close(more)
	w.start(b, request)
	w.end(b, request.ID)
	if text, end := read(); !end.Ended || !strings.Contains(text, "FAILURE") {
		t.Errorf("the end is %q %+v", text, end)
	}
	again := request
	again.Attempt = "1111111111111111111111111111111111111111"
	w.start(b, again)
	w.end(b, request.ID)
	if text, end := read(); text != "" || end.Try != "2" || end.Next != 0 {
		t.Errorf("of another try it is %q %+v", text, end)
	}
	if text, end := read(); !strings.Contains(text, "FAILURE") || !end.Ended {
		t.Errorf("the second try is %q %+v", text, end)
	}
	w.jenkins.Delete(jobName)
	if _, err := b.BuildLog(t.Context(), ask, io.Discard); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("with its job gone it is %v", err)
	}
}

// What a log holds is cut into harmless lines with their colours, however it comes: a line is cut at its bound, where no half of a login
// is left, and the end of a build that failed is without colours.
func TestALogIsCopiedAsHarmlessLines(t *testing.T) {
	w := newWorld(t, jenkinsserver.Options{})
	const login = "https://bob:hunt@er2@git.example.com/x"
	lines := []string{"\x1b[31mit does not compile\x1b[0m\x1b[2J"}
	for _, between := range []string{" ", ","} {
		for before := 0; before < len(login); before += 5 {
			lines = append(lines, strings.Repeat(".", before)+strings.Repeat(login+between, 3000))
		}
	}
	w.does(func(_ context.Context, b *jenkinsserver.Build) error {
		b.Println(strings.Join(append(lines, lines[0]), "\n"))
		return errCompile
	})
	request := w.request("shop-1")
	b := w.open()
	w.start(b, request)
	if failure := w.end(b, request.ID).Failure; failure == nil || !strings.HasPrefix(failure.Log, "it does not compile\n") || strings.Contains(failure.Log, "hunt") {
		t.Errorf("it ended with %+v", failure)
	}
	var copied strings.Builder
	if err := jenkins.CopyLog(t.Context(), w.options(), jenkins.LogQuestion{Key: request.Key}, &copied); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(copied.String(), "\n\x1b[31mit does not compile\x1b[0m\n") || strings.Contains(copied.String(), "[2J") {
		t.Error("the colours are not what is left of what a terminal obeys")
	}
	cut := 0
	for line := range strings.Lines(copied.String()) {
		if strings.Contains(line, "hunt") || strings.Contains(line, "er2") || len(line) > logline.Max+len("…\n") {
			t.Errorf("a line of %d bytes ends with %q", len(line), line[max(0, len(line)-80):])
		}
		if strings.HasSuffix(line, "…\n") && strings.Count(line, "https://***@git.example.com/x") > 400 {
			cut++
		}
	}
	if cut != len(lines)-1 {
		t.Errorf("%d lines are cut, want %d", cut, len(lines)-1)
	}
}
