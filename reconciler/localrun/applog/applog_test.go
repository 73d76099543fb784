package applog_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plateform/plateform/reconciler/localrun/applog"
)

const patience = 60 * time.Second

func clock() time.Time { return time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC) }

func open(t *testing.T, limit int64) (*applog.Log, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	l, err := applog.Open(path, limit, clock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, path
}

func read(t *testing.T, path string, last int) []string {
	t.Helper()
	var lines []string
	err := applog.Read(t.Context(), path, last, false, func(text string) error { lines = append(lines, text); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestLinesAreWhatWasPrinted(t *testing.T) {
	l, path := open(t, applog.DefaultLimit)
	var tail applog.Tail
	printed := "one\r\n\x1b[31mred\x1b[0m\x07\n\n" + strings.Repeat("x", 100_000) + "\nbad \xff utf-8\nno end"
	l.Copy("app-1", strings.NewReader(printed), &tail)
	got := read(t, path, -1)
	want := []string{"one", "[31mred[0m", "", strings.Repeat("x", 8<<10) + "…", "bad \uFFFD utf-8", "no end"}
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d", len(got), len(want))
	}
	for n, line := range got {
		if wanted := strings.TrimRight("2026-11-27T10:00:00Z app-1 "+want[n], " "); strings.TrimRight(line, " ") != wanted {
			t.Errorf("line %d is %.80q (%d bytes), want %.80q (%d bytes)", n, line, len(line), wanted, len(wanted))
		}
	}
	if !strings.HasSuffix(tail.Text(), "bad \uFFFD utf-8\nno end") {
		t.Errorf("the tail ends otherwise: %.80q", tail.Text())
	}
}

// readerFunc is a function that is an io.Reader.
type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// A line that never ends is in the log while the program goes on with it.
func TestALineWithoutEndIsSeen(t *testing.T) {
	l, path := open(t, applog.DefaultLimit)
	var tail applog.Tail
	var seen []string
	goesOn := readerFunc(func([]byte) (int, error) {
		seen = read(t, path, -1)
		return 0, io.EOF
	})
	l.Copy("app-1", io.MultiReader(strings.NewReader(strings.Repeat("x", 100_000)), goesOn), &tail)
	if len(seen) != 1 || !strings.HasSuffix(seen[0], "x…") {
		t.Errorf("before the end the log has %d lines: %.80q", len(seen), seen)
	}
}

func TestALogIsBounded(t *testing.T) {
	const limit = 1000
	l, path := open(t, limit)
	for n := range 500 {
		l.Add("app-1", fmt.Sprint("line ", n))
	}
	for _, file := range []string{path, applog.Previous(path)} {
		if info, err := os.Stat(file); err != nil || info.Size() > limit || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info, err)
		}
	}
	if err := l.Err(); err != nil {
		t.Error(err)
	}
	lines := read(t, path, 3)
	if len(lines) != 3 || !strings.HasSuffix(lines[0], "line 497") || !strings.HasSuffix(lines[2], "line 499") {
		t.Errorf("the last lines are %q", lines)
	}
	if all := read(t, path, -1); len(all) < 20 {
		t.Errorf("only %d lines are left", len(all))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l.Add("app-1", "after the end") // is lost, and nothing else
}

// One that follows gets every line once, in order, although the log begins anew all the time.
func TestFollow(t *testing.T) {
	l, path := open(t, 900)
	l.Add("app-1", "line 0")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	const count = 60
	got := make(chan string, count+1)
	var following sync.WaitGroup
	following.Go(func() {
		err := applog.Read(ctx, path, 1, true, func(text string) error { got <- text; return nil })
		if err != nil {
			t.Errorf("following: %v", err)
		}
	})
	for n := range count {
		select {
		case text := <-got:
			if want := fmt.Sprint("line ", n); !strings.HasSuffix(text, " "+want) {
				t.Fatalf("got %q, want %q", text, want)
			}
		case <-ctx.Done():
			t.Fatalf("waited %v for line %d", patience, n)
		}
		l.Add("app-1", fmt.Sprint("line ", n+1))
	}
	cancel()
	following.Wait()
}

func TestNoLog(t *testing.T) {
	err := applog.Read(t.Context(), filepath.Join(t.TempDir(), "log"), 1, true, func(string) error { return nil })
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	l, path := open(t, 1000)
	l.Add("app-1", "one")
	stop := errors.New("nobody reads on")
	if err := applog.Read(t.Context(), path, 1, true, func(string) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error %v, want %v", err, stop)
	}
}
