package terminal

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSheetWrapsBetweenWordsOnATerminalOnly(t *testing.T) {
	const text = "run: plateform retry ws-1/a-very-long-name-of-a-project, or push"
	tests := []struct {
		width int
		want  string
	}{
		{0, "  next      " + text + "\n"},
		{40, "  next      run: plateform retry\n            ws-1/a-very-long-name-of-a-project,\n            or push\n"},
		{15, "  next      " + text + "\n"},
	}
	for _, tt := range tests {
		var b strings.Builder
		Sheet{Out: &b, Width: tt.width, Indent: 2, Label: 9}.Line("next", text)
		if diff := cmp.Diff(tt.want, b.String()); diff != "" {
			t.Errorf("width %d (-want +got):\n%s", tt.width, diff)
		}
	}
}

func TestWrapWordsKeepsLines(t *testing.T) {
	if got, want := wrapWords("a b c\nd e f", 3), "a b\nc\nd e\nf"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestReflow(t *testing.T) {
	const text = "One two three\nfour five.\n\nAsk with:\n  a    first of them all\n  b    second\n\nEnd."
	want := "One two\nthree four\nfive.\n\nAsk with:\n  a    first of them all\n  b    second\n\nEnd."
	if diff := cmp.Diff(want, Reflow(text, 10)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := Reflow(text, 80); !strings.HasPrefix(got, "One two three four five.\n\nAsk with:\n  a ") {
		t.Errorf("got %q", got)
	}
}

func TestTableOnANarrowTerminal(t *testing.T) {
	table := NewTable("PROJECT", "URL")
	table.Add("ws-1/shop", "https://shop-ws-1.apps.example.com")
	var b strings.Builder
	table.Print(&b, 40, Palette{}, func(_, _ int, cell string) string { return cell })
	want := "PROJECT\n  URL\nws-1/shop\n  https://shop-ws-1.apps.example.com\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
