// Package applog keeps what apps print, in files of bounded size.
//
// A log is a file and its predecessor. A line of it is the time, who printed it, and what: printable text without control
// characters, so that it can be shown in a terminal, cut at a length.
package applog

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"
)

const (
	// maxLine bounds a line, in bytes; what is longer is cut.
	maxLine = 8 << 10
	// DefaultLimit of one file, in bytes.
	DefaultLimit = 5 << 20
	// tailLines are kept in memory of each that prints.
	tailLines = 20
)

// Previous is the file that a log was before it began anew.
func Previous(path string) string { return path + ".1" }

// Log is the log of one project. It is safe for use by several goroutines.
type Log struct {
	path  string
	limit int64
	clock func() time.Time

	mu   sync.Mutex
	file *os.File
	size int64
	// lost says that the last line could not be written.
	lost error
}

// Open opens a log to add to it. Close it at the end.
func Open(path string, limit int64, clock func() time.Time) (*Log, error) {
	l := &Log{path: path, limit: limit, clock: clock}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("opening the log of an app: %w", err)
	}
	return l, nil
}

func (l *Log) open() error {
	file, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	l.file, l.size = file, info.Size()
	return nil
}

// Add adds a line. A line that cannot be written is lost: an app does not end for its log, and goes on printing when the
// disk has room again.
func (l *Log) Add(who, text string) {
	line := l.clock().UTC().Format(time.RFC3339) + " " + who + " " + clean(text) + "\n"
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size > 0 && l.size+int64(len(line)) > l.limit {
		l.rotate()
	}
	if l.file == nil {
		return
	}
	n, err := io.WriteString(l.file, line)
	l.size += int64(n)
	l.lost = err
}

// rotate begins the file anew.
func (l *Log) rotate() {
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
	l.lost = os.Rename(l.path, Previous(l.path))
	if l.lost == nil {
		l.lost = l.open()
	}
}

// Err is why lines are lost; nil while none are.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// Close closes the log.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}

// clean makes a text one line that can be shown.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return -1
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return strings.TrimRight(text, " \t")
}

// Tail keeps the last lines of one that prints.
type Tail struct {
	mu    sync.Mutex
	lines []string
}

// Text is these lines.
func (t *Tail) Text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}

func (t *Tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lines = append(t.lines, line); len(t.lines) > tailLines {
		t.lines = t.lines[1:]
	}
}

// Copy takes what is printed line by line, until it ends.
func (l *Log) Copy(who string, from io.Reader, tail *Tail) {
	lines := bufio.NewReaderSize(from, maxLine)
	for {
		line, isPrefix, err := lines.ReadLine()
		if err != nil {
			return
		}
		text := clean(string(line))
		if isPrefix {
			text += "…"
		}
		tail.add(text)
		l.Add(who, text)
		for isPrefix && err == nil { // the rest of a line that is too long, and may never end
			_, isPrefix, err = lines.ReadLine()
		}
	}
}
