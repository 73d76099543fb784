package buildlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestClean(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "hello", "hello"},
		{"credentials", "fetching https://bob:pass@example.com/x and ssh://git@host/y", "fetching https://***@example.com/x and ssh://***@host/y"},
		{"a password with an @", "fetching https://bob:p@ss@example.com/x", "fetching https://***@example.com/x"},
		{"colours", "\x1b[1;31merror\x1b[0m: \x1b]0;title\x07x", "error: x"},
		{"control characters", "a\x00b\x07c\td", "abc d"},
		{"invalid UTF-8", "a\xffb", "a\uFFFDb"},
		{"direction marks", "a\u202eb", "ab"},
		{"long", strings.Repeat("x", 1000), strings.Repeat("x", MaxLine) + "…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Clean(tt.in); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLogIsBoundedAndKeepsItsEnd(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	l, err := Open(name, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10_000 {
		fmt.Fprintf(l, "line %d\r50%%\n", i)
	}
	fmt.Fprint(l, "the end")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 1000+FailureLines*MaxLine {
		t.Errorf("the log has %d bytes", len(text))
	}
	if !strings.HasPrefix(string(text), "line 0\n50%\nline 1\n") || !strings.HasSuffix(string(text), "line 9999\n50%\nthe end\n") {
		t.Errorf("the log is not beginning and end of what was written:\n%s", text)
	}
	if lines := strings.Split(l.tail.Text(), "\n"); len(lines) != FailureLines {
		t.Errorf("the tail has %d lines, want %d", len(lines), FailureLines)
	}
}

func TestAnEndlessLineIsCut(t *testing.T) {
	tail := NewTail(3)
	for range 1000 {
		fmt.Fprint(tail, strings.Repeat("x", 1000))
	}
	if got := len(tail.rest); got > 4*MaxLine {
		t.Errorf("%d bytes of one line are kept", got)
	}
	if got := len(tail.Text()); got > MaxLine+len("…") {
		t.Errorf("the line has %d bytes", got)
	}
}

func TestTelling(t *testing.T) {
	err := errors.New("exit status 1")
	tests := []struct{ name, out, want string }{
		{"nothing", "", "exit status 1"},
		{"the last line", "one\ntwo\n\n", "two"},
		{"the compiler's first error", "# example.com/x\n./main.go:3:1: first\n./main.go:4:1: second\nnote: x\n", "./main.go:3:1: first"},
		{"a module that is missing", "main.go:3:8: no required module provides package example.com/x; to add it:\n\tgo get example.com/x\nx\n",
			"main.go:3:8: no required module provides package example.com/x; to add it: go get example.com/x"},
		{"the go command's error", "go: go.mod requires go >= 1.99\nx\n", "go: go.mod requires go >= 1.99"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tail := NewTail(FailureLines)
			fmt.Fprint(tail, tt.out)
			if got := tail.Telling(err); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A build that is made again goes on in its log, unless an earlier try has filled half of it.
func TestTriesAreOneLog(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	write := func(text string) {
		t.Helper()
		l, err := Open(name, 1000)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(l, text)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	want := func(want string) {
		t.Helper()
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("the log is %q, %v, want %q", got, err, want)
		}
	}
	if err := os.WriteFile(name, []byte("half a li"), 0o600); err != nil {
		t.Fatal(err)
	}
	write("one")
	write("two")
	want("half a li\none\ntwo\n")
	long := strings.Repeat("x", 400) + "\n"
	write(long + long)
	write("anew")
	want("anew\n")
}
