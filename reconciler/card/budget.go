package card

import (
	"fmt"
	"slices"
	"strings"
)

// budget is a text that may only get so long, and what did not fit.
type budget struct {
	strings.Builder
	left    int
	leftOut []omission
}

// omission is how many of something did not fit.
type omission struct {
	what string
	n    int
}

// add writes what has to be there: the beginning, and what it needs to be well formed.
func (b *budget) add(s string) {
	b.WriteString(s)
	b.left -= len(s)
}

// tryAdd writes what fits, and says whether it did.
func (b *budget) tryAdd(s string) bool {
	if len(s) > b.left {
		return false
	}
	b.add(s)
	return true
}

// row writes a line of a table, or counts it.
func (b *budget) row(what, line string) {
	if !b.tryAdd(line) {
		b.omit(what, 1)
	}
}

// omit counts what is left out.
func (b *budget) omit(what string, n int) {
	at := slices.IndexFunc(b.leftOut, func(o omission) bool { return o.what == what })
	if at < 0 {
		b.leftOut = append(b.leftOut, omission{what, n})
		return
	}
	b.leftOut[at].n += n
}

// counts are what was left out, in words.
func (b *budget) counts() []string {
	var counts []string
	for _, o := range b.leftOut {
		first, rest, found := strings.Cut(o.what, " ")
		if o.n != 1 {
			first += "s"
		}
		if found {
			first += " " + rest
		}
		counts = append(counts, fmt.Sprintf("%d %s", o.n, first))
	}
	return counts
}

// lines are as many whole lines of a text as fit beside around more bytes.
func (b *budget) lines(s string, around int) string {
	room := b.left - around
	if len(s) <= room {
		return s
	}
	if room <= 0 {
		return ""
	}
	end := strings.LastIndexByte(s[:room], '\n')
	return s[:max(end, 0)]
}
