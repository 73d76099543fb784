package manifest

import "testing"

func TestWhatOthersWroteIsPlain(t *testing.T) {
	if got, want := Plain("a\x1b[31mb\u202ec\td\ne\r"), "a[31mbc d\ne"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
