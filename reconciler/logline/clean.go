// Package logline makes what programs print harmless wherever it is shown: lines of bounded length, valid UTF-8 without credentials, and
// of all that a terminal obeys nothing but colours.
package logline

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of a line, in bytes.
const (
	// Max is how long a line is shown, maxRaw how much of it is looked at: a secret on the border is found, too.
	Max    = 16 << 10
	maxRaw = Max + 2*maxSecret
)

// Cleaner cuts what is printed into harmless lines. How the input is cut into writes makes no difference, and what it keeps of an
// endless line is bounded.
type Cleaner struct {
	// Masks hide what is known to be secret; nil hides only what looks like a credential.
	Masks *Masks
	// line is the beginning of a line whose end has not come; cut says that more of it came than is kept.
	line []byte
	cut  bool
	// returned says that a carriage return has ended the line before: a line feed right behind it belongs to it.
	returned bool
}

// Write takes in what comes next, and hands on each line that is complete. It stops at the first error of line.
func (c *Cleaner) Write(p []byte, line func(string) error) error {
	for len(p) > 0 {
		if c.returned && p[0] == '\n' {
			p, c.returned = p[1:], false
			continue
		}
		c.returned = false
		end := bytes.IndexAny(p, "\r\n") // a progress bar returns instead of feeding
		if end < 0 {
			c.keep(p)
			return nil
		}
		c.keep(p[:end])
		c.returned = p[end] == '\r'
		p = p[end+1:]
		if err := line(c.take()); err != nil {
			return err
		}
	}
	return nil
}

// keep adds to the line what there is room for.
func (c *Cleaner) keep(p []byte) {
	if room := maxRaw - len(c.line); len(p) > room {
		p, c.cut = p[:room], true
	}
	c.line = append(c.line, p...)
}

// Rest is the last line, which has no end; false when there is none.
func (c *Cleaner) Rest() (string, bool) {
	if len(c.line) == 0 {
		return "", false
	}
	return c.take(), true
}

// take ends the line.
func (c *Cleaner) take() string {
	text := c.Masks.hide(clean(string(c.line)))
	if c.cut {
		text = text[:max(0, len(text)-maxSecret)] // the beginning of a secret may be there
	}
	if c.cut || len(text) > Max {
		text = Cut(text, Max) + "…"
	}
	c.line, c.cut = c.line[:0], false
	return withEnd(text)
}

// Clone is a Cleaner that goes on by itself.
func (c *Cleaner) Clone() *Cleaner {
	copied := *c
	copied.line = bytes.Clone(c.line)
	return &copied
}

// Cut is the beginning of a text, of whole characters and without half an escape sequence at its end.
func Cut(text string, most int) string {
	if len(text) > most {
		text = text[:most]
	}
	for len(text) > 0 {
		if r, size := utf8.DecodeLastRuneInString(text); r != utf8.RuneError || size > 1 {
			break
		}
		text = text[:len(text)-1]
	}
	if at := strings.LastIndexByte(text, escape); at >= 0 && !strings.Contains(text[at:], "m") {
		text = text[:at]
	}
	return text
}

const (
	escape       = '\x1b'
	resetColours = "\x1b[0m"
	// maxColour bounds a sequence that sets colours.
	maxColour = 40
)

// clean makes a line valid UTF-8 without anything that a terminal obeys or that misleads the eye, but for colours.
func clean(line string) string {
	var b strings.Builder
	b.Grow(len(line))
	for i := 0; i < len(line); {
		r, size := utf8.DecodeRuneInString(line[i:])
		rest := line[i+size:]
		switch {
		case r == utf8.RuneError && size <= 1:
			b.WriteRune(utf8.RuneError)
		case r == escape:
			n, colour := sequence(rest)
			if colour {
				b.WriteString(line[i : i+size+n])
			}
			size += n
		case r == '\u009b':
			size += control(rest)
		case strings.ContainsRune("\u0090\u0098\u009d\u009e\u009f", r):
			size += text(rest)
		case r == '\t' || r == '\u200d' || unicode.IsPrint(r):
			b.WriteRune(r)
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		}
		i += size
	}
	return b.String()
}

// sequence is how long a sequence is behind its escape character, and whether it does nothing but set colours.
func sequence(rest string) (length int, colour bool) {
	if rest == "" {
		return 0, false
	}
	switch rest[0] {
	case '[':
		n := 1 + control(rest[1:])
		return n, n <= maxColour && rest[n-1] == 'm' && strings.Trim(rest[1:n-1], "0123456789;:") == ""
	case ']', 'P', 'X', '^', '_':
		return 1 + text(rest[1:]), false
	}
	n := 0
	for n < len(rest) && rest[n] >= ' ' && rest[n] <= '/' { // which character set, say
		n++
	}
	if n < len(rest) && rest[n] >= '0' && rest[n] <= '~' {
		n++
	}
	return n, false
}

// control is how long a control sequence is behind what begins it.
func control(rest string) int {
	n := 0
	for n < len(rest) && rest[n] >= ' ' && rest[n] <= '?' {
		n++
	}
	if n < len(rest) && rest[n] >= '@' && rest[n] <= '~' {
		n++
	}
	return n
}

// text is how long a text for the terminal itself is behind what begins it: a title, a link.
func text(rest string) int {
	for n := 0; n < len(rest); n++ {
		switch {
		case rest[n] == '\a':
			return n + 1
		case strings.HasPrefix(rest[n:], "\x1b\\"), strings.HasPrefix(rest[n:], "\u009c"):
			return n + 2
		case rest[n] == escape:
			return n
		}
	}
	return len(rest)
}

// Plain is a clean line without its colours.
func Plain(line string) string {
	if !strings.ContainsRune(line, escape) {
		return line
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(line, "\x1b")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		n, _ := sequence(after)
		line = after[n:]
	}
}

// withEnd ends the colours that are on at the end of a line.
func withEnd(line string) string {
	if at := strings.LastIndexByte(line, escape); at >= 0 && !strings.HasPrefix(line[at:], resetColours) {
		line += resetColours
	}
	return line
}

// Harmless is a line as it may be shown on a terminal that has colours: of all that a terminal obeys nothing else is in it.
func Harmless(line string) string { return withEnd(clean(line)) }

// Bare is a line as it may be shown anywhere: it has no colours either.
func Bare(line string) string { return Plain(clean(line)) }

// Short is a text as a short line for places that are no log, as a status: without credentials and colours, cut after most bytes.
func Short(text string, most int) string {
	var masks *Masks
	line := strings.TrimRight(strings.ReplaceAll(masks.hide(Bare(text)), "\t", " "), " ")
	if len(line) > most {
		line = Cut(line, most) + "…"
	}
	return line
}

// Line is a text as one harmless line.
func Line(text string) string {
	all := All(strings.NewReplacer("\r", " ", "\n", " ").Replace(text))
	return strings.Join(all, "")
}

// All are the harmless lines of a text that is there as a whole.
func All(text string) []string {
	var all []string
	c := &Cleaner{}
	add := func(line string) error {
		all = append(all, line)
		return nil
	}
	_ = c.Write([]byte(text), add) // adding does not fail
	if line, some := c.Rest(); some {
		all = append(all, line)
	}
	return all
}
