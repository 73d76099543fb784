package buildlog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plateform/plateform/reconciler/logline"
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

// Whoever reads the log sees colours and long lines; whoever is told of a failure gets the same short and plain. No half of a login is in
// either, however the output comes.
func TestALogKeepsColoursAndLongLines(t *testing.T) {
	long := strings.Repeat("x", 10*MaxLine)
	const login = "https://bob:hunt@er2@git.example.com/x"
	text := "\x1b[31merror\x1b[0m\x1b[2J: fetching " + login + "\n" + long + "\n" +
		strings.Repeat("y", logline.Max-20) + login + "\n" + strings.Repeat("z", MaxLine-20) + login + "\n"
	for _, step := range []int{1, 7, 4096, len(text)} {
		name := filepath.Join(t.TempDir(), "log")
		l, err := Open(name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for rest := []byte(text); len(rest) > 0; rest = rest[min(step, len(rest)):] {
			if _, err := l.Write(rest[:min(step, len(rest))]); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		log := string(data)
		if !strings.HasPrefix(log, "\x1b[31merror\x1b[0m: fetching https://***@git.example.com/x\n"+long+"\n") {
			t.Errorf("in steps of %d the log begins with %.100q", step, log)
		}
		told := strings.Split(l.End(), "\n")
		if len(told) != 4 || told[0] != "error: fetching https://***@git.example.com/x" || told[1] != long[:MaxLine]+"…" {
			t.Errorf("in steps of %d a failure tells %.100q", step, told)
		}
		for _, secret := range []string{"bob", "hunt", "er2"} {
			if strings.Contains(log+l.End(), secret) {
				t.Errorf("in steps of %d %s is shown", step, secret)
			}
		}
	}
}

func TestAnEndlessLineIsCut(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	l, err := Open(name, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	tail := NewTail(3)
	piece := strings.Repeat("x", 1<<10)
	for range 10 << 10 {
		fmt.Fprint(io.MultiWriter(l, tail), piece)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(name); err != nil || len(data) > logline.Max+len("…\n") {
		t.Errorf("the log has %d bytes, %v", len(data), err)
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
