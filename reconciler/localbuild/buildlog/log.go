// Package buildlog keeps what the tools of builds print: harmless lines with their colours in files of bounded size, and the end of it, short
// and plain, for those who are told of a failure.
package buildlog

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/plateform/plateform/reconciler/logline"
)

// Limits of what goes with a failure; a log keeps lines of up to logline.Max.
const (
	// FailureLines of the log go with a failure.
	FailureLines = 20
	// MaxLine bounds such a line, in bytes; what is longer is cut.
	MaxLine = 500
)

// goError is a line in which the compiler or the linker says what is wrong.
var goError = regexp.MustCompile(`^(\S+\.go:\d+|go: |\S+\.mod:\d+|package \S+ is not in std)`)

// Clean makes a text one short, printable line without credentials.
func Clean(s string) string { return logline.Short(s, MaxLine) }

// liner hands on what is written as harmless lines, without those that are empty. The last one is handed on by flush.
type liner struct {
	line    func(string)
	cleaner logline.Cleaner
}

// Write implements io.Writer.
func (l *liner) Write(p []byte) (int, error) { return len(p), l.cleaner.Write(p, l.hand) }

func (l *liner) hand(line string) error {
	if strings.TrimSpace(logline.Plain(line)) != "" {
		l.line(line)
	}
	return nil
}

func (l *liner) flush() {
	if line, some := l.cleaner.Rest(); some {
		_ = l.hand(line) // never fails
	}
}

// Tail keeps the last lines of what is written.
type Tail struct {
	liner
	lines []string
	limit int
	// error is the first line that a Go tool marked as the reason, with what it goes on to in the next one.
	error string
	// goesOn says that the line after error belongs to it.
	goesOn bool
}

// NewTail keeps as many lines as that.
func NewTail(limit int) *Tail {
	t := &Tail{limit: limit}
	t.line = func(line string) {
		line = Clean(line)
		switch {
		case t.goesOn:
			t.error, t.goesOn = t.error+" "+strings.TrimSpace(line), false
		case t.error == "" && goError.MatchString(line):
			t.error, t.goesOn = line, strings.HasSuffix(line, "; to add it:") || strings.HasSuffix(line, "; to add:")
		}
		if t.lines = append(t.lines, line); len(t.lines) > t.limit {
			t.lines = t.lines[1:]
		}
	}
	return t
}

// Text is all lines that were kept.
func (t *Tail) Text() string { return strings.Join(t.All(), "\n") }

// All are the lines that were kept.
func (t *Tail) All() []string {
	t.flush()
	return slices.Clone(t.lines)
}

// Telling is the line that tells most about a failure, or err when nothing was written.
func (t *Tail) Telling(err error) string {
	t.flush()
	switch {
	case t.error != "":
		return t.error
	case len(t.lines) > 0:
		return t.lines[len(t.lines)-1]
	}
	return err.Error()
}

// File is the log of one build: its beginning up to a limit, its end in any case.
type File struct {
	liner
	file *os.File
	left int
	cut  bool
	tail *Tail
	err  error
}

// Open goes on with the log of a build, so that whoever follows it finds all tries in it one after the other; or begins it, also
// when an earlier try has filled half of it. All of them are at most limit bytes and some lines.
func Open(name string, limit int) (*File, error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	l := &File{file: file, left: limit, tail: NewTail(FailureLines)}
	l.line = l.add
	if err := l.goOn(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return l, nil
}

// goOn has what is written come after what is there.
func (l *File) goOn() error {
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	size := int(info.Size())
	switch {
	case size == 0:
		return nil
	case size > l.left/2:
		return l.file.Truncate(0)
	}
	l.left -= size
	last := make([]byte, 1)
	if _, err := l.file.ReadAt(last, int64(size-1)); err != nil || last[0] == '\n' {
		return err
	}
	_, err = fmt.Fprintln(l.file) // a killed process left half a line
	return err
}

func (l *File) add(line string) {
	line = strings.TrimRight(line, " ")
	l.tail.line(line)
	if l.cut = l.cut || len(line) >= l.left; l.cut || l.err != nil {
		return
	}
	l.left -= len(line) + 1
	_, l.err = fmt.Fprintln(l.file, line)
}

// Printf adds a line of our own.
func (l *File) Printf(format string, args ...any) {
	l.flush()
	l.add(logline.Line(fmt.Sprintf(format, args...)))
}

// Close ends the log. What went wrong while writing it is returned now: a build does not fail for its log.
func (l *File) Close() error {
	l.flush()
	if l.cut && l.err == nil {
		_, l.err = fmt.Fprintf(l.file, "... the log is cut here; its last lines:\n%s\n", l.tail.Text())
	}
	if err := l.file.Close(); l.err == nil {
		l.err = err
	}
	return l.err
}

// End is the last lines of all that was written.
func (l *File) End() string { return l.tail.Text() }
