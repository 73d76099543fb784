// Package buildlog keeps what the tools of builds print: clean lines without credentials, in files of bounded size, and the end of it
// for those who are told of a failure.
package buildlog

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Limits of what is kept of the tools' output.
const (
	// FailureLines of the log go with a failure.
	FailureLines = 20
	// MaxLine bounds a line, in bytes; what is longer is cut.
	MaxLine = 500
)

// Patterns of what does not belong into a log.
var (
	// userInfo is the part of a URL that can hold a password.
	userInfo = regexp.MustCompile(`://[^/\s]+@`)
	// terminal sequences colour and move; a log is read in other places.
	terminal = regexp.MustCompile("\x1b(\\[[0-9;?]*[ -/]*[@-~]|\\][^\x07\x1b]*(\x07|\x1b\\\\)?|.)")
	// goError is a line in which the compiler or the linker says what is wrong.
	goError = regexp.MustCompile(`^(\S+\.go:\d+|go: |\S+\.mod:\d+|package \S+ is not in std)`)
)

// Redact hides credentials in URLs.
func Redact(s string) string { return userInfo.ReplaceAllString(s, "://***@") }

// Clean makes a text one printable line without credentials.
func Clean(s string) string {
	s = terminal.ReplaceAllString(strings.ToValidUTF8(s, "\uFFFD"), "")
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return -1
	}, s)
	s = strings.TrimRight(Redact(s), " ")
	if len(s) > MaxLine {
		s = strings.ToValidUTF8(s[:MaxLine], "") + "…"
	}
	return s
}

// liner cuts what is written into clean lines. The last one is handed on by flush.
type liner struct {
	line func(string)
	rest []byte
}

// Write implements io.Writer.
func (l *liner) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		end := bytes.IndexAny(rest, "\n\r") // a progress bar returns instead of feeding
		piece := rest
		if end >= 0 {
			piece = rest[:end]
		}
		if room := 4*MaxLine - len(l.rest); room > 0 {
			l.rest = append(l.rest, piece[:min(room, len(piece))]...)
		}
		if end < 0 {
			break
		}
		l.flush()
		rest = rest[end+1:]
	}
	return len(p), nil
}

func (l *liner) flush() {
	if line := Clean(string(l.rest)); line != "" {
		l.line(line)
	}
	l.rest = l.rest[:0]
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
	l.add(Clean(fmt.Sprintf(format, args...)))
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
