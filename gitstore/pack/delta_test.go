package pack

import (
	"bytes"
	"errors"
	"testing"

	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

func TestPatchDeltaRefuses(t *testing.T) {
	base := []byte("0123456789")
	for name, delta := range map[string][]byte{
		"nothing":                  {},
		"no second size":           {10},
		"a size without an end":    {10, 0x80},
		"another base":             {9, 1, 1, 'x'},
		"command 0":                {10, 1, 0},
		"an insert of too little":  {10, 2, 2, 'x'},
		"a copy without its size":  {10, 1, 0x91, 0},
		"a copy behind the end":    {10, 2, 0x91, 9, 2},
		"a copy of 64 KiB":         {10, 1, 0x80},
		"more than it says":        {10, 1, 2, 'x', 'y'},
		"less than it says":        {10, 3, 2, 'x', 'y'},
		"an object of a petabyte":  {10, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1},
		"a size beyond all bounds": {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	} {
		if got, err := patchDelta(nil, base, delta); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// FuzzPatchDelta holds that a delta gives what it gives in go-git, or an error: go-git takes sizes that end too early.
func FuzzPatchDelta(f *testing.F) {
	base := bytes.Repeat([]byte("0123456789"), 20)
	f.Add(base, []byte{200, 1, 5, 1, 'x', 0x91, 3, 4})
	f.Add(base, []byte{200, 1, 200, 1, 0x90, 200})
	f.Add(base, []byte{200, 1, 2, 0xff, 0, 0, 0, 0, 2, 0, 0})
	f.Fuzz(func(t *testing.T, base, delta []byte) {
		got, err := patchDelta(nil, base, delta)
		want, theirs := packfile.PatchDelta(base, delta)
		if err == nil && theirs == nil && !bytes.Equal(got, want) {
			t.Fatalf("%q where go-git has %q", got, want)
		}
	})
}
