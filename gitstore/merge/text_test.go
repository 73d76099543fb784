package merge

import (
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	const base = "1\n2\n3\n4\n5\n"
	for _, tt := range []struct {
		name, base, ours, theirs, want string
		conflict                       bool
	}{
		{name: "far from each other", base: base, ours: "one\n2\n3\n4\n5\n", theirs: "1\n2\n3\n4\nfive\n", want: "one\n2\n3\n4\nfive\n"},
		{name: "the same on both sides", base: base, ours: "1\n2\nx\n4\n5\n", theirs: "1\n2\nx\n4\n5\n", want: "1\n2\nx\n4\n5\n"},
		{name: "the same and something else", base: base, ours: "x\n2\n3\n4\n5\n", theirs: "x\n2\n3\n4\ny\n", want: "x\n2\n3\n4\ny\n"},
		{name: "the same line", base: base, ours: "1\n2\nx\n4\n5\n", theirs: "1\n2\ny\n4\n5\n", conflict: true},
		{name: "lines that touch", base: base, ours: "1\nx\n3\n4\n5\n", theirs: "1\n2\ny\n4\n5\n", conflict: true},
		{name: "two additions in one place", base: base, ours: base + "a\n", theirs: base + "b\n", conflict: true},
		{name: "one removes what the other changes", base: base, ours: "1\n2\n4\n5\n", theirs: "1\n2\nx\n4\n5\n", conflict: true},
		{name: "removed and added elsewhere", base: base, ours: "2\n3\n4\n5\n", theirs: base + "6\n", want: "2\n3\n4\n5\n6\n"},
		{name: "no end of the last line", base: "1\n2\n3", ours: "x\n2\n3", theirs: "1\n2\ny", want: "x\n2\ny"},
		{name: "no text", base: "a\x00", ours: "b\x00", theirs: "c\x00", conflict: true},
		{name: "too long", base: "", ours: strings.Repeat("a\n", 1<<20), theirs: "b\n", conflict: true},
	} {
		got, merges := Text(tt.base, tt.ours, tt.theirs)
		if merges == tt.conflict || got != tt.want {
			t.Errorf("%s: %q, %v; want %q", tt.name, got, merges, tt.want)
		}
	}
}

// Who changed nothing takes what the other has; and it does not matter who is who.
func FuzzText(f *testing.F) {
	f.Add("1\n2\n3\n4\n5\n", "one\n2\n3\n4\n5\n", "1\n2\n3\n4\nfive\n")
	f.Add("a", "", "a\nb")
	f.Fuzz(func(t *testing.T, base, ours, theirs string) {
		if len(base)+len(ours)+len(theirs) > 4<<10 || strings.ContainsRune(base+ours+theirs, 0) {
			return
		}
		for _, same := range [][3]string{{base, ours, base}, {base, base, ours}, {base, ours, ours}} {
			if got, merges := Text(same[0], same[1], same[2]); !merges || got != ours {
				t.Errorf("%q comes to %q, %v", same, got, merges)
			}
		}
		one, merges := Text(base, ours, theirs)
		other, also := Text(base, theirs, ours)
		if one != other || merges != also {
			t.Errorf("%q %v, the other way round %q %v", one, merges, other, also)
		}
	})
}
