package terminal

import (
	"os"
	"strings"
	"testing"
)

func TestTableLinesUpWithColour(t *testing.T) {
	for _, colour := range []bool{false, true} {
		style := Palette{colour}
		table := NewTable("PROJECT", "STATE", "URL")
		table.Add("ws-1/shop", "running", "https://shop")
		table.Add("ws-1/größe", "failed", "-")
		var b strings.Builder
		table.Print(&b, 0, style, func(_, column int, cell string) string {
			if column == 1 {
				return style.Bad(cell)
			}
			return cell
		})
		if got := strings.Contains(b.String(), "\x1b["); got != colour {
			t.Errorf("colour %t: escape codes %t:\n%q", colour, got, b.String())
		}
		if colour {
			continue
		}
		want := "PROJECT     STATE    URL\nws-1/shop   running  https://shop\nws-1/größe  failed   -\n"
		if b.String() != want {
			t.Errorf("got\n%s\nwant\n%s", b.String(), want)
		}
	}
}

// TestNoColourOutsideATerminal: a file is no terminal, whatever the environment says.
func TestNoColourOutsideATerminal(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if WantsColour(f, func(string) string { return "" }) {
		t.Error("a file is taken for a terminal")
	}
}
