package logline

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

const (
	aSecret  = "hunter2-of-the-registry"
	anAnswer = "correct horse battery staple"
)

// linesOf cleans a text that comes in pieces.
func linesOf(t testing.TB, pieces ...string) []string {
	t.Helper()
	c := &Cleaner{Masks: NewMasks([]string{aSecret, anAnswer + "\nsecond line of a key\n"})}
	var lines []string
	add := func(line string) error {
		lines = append(lines, line)
		return nil
	}
	for _, piece := range pieces {
		if err := c.Write([]byte(piece), add); err != nil {
			t.Fatal(err)
		}
	}
	if line, some := c.Rest(); some {
		lines = append(lines, line)
	}
	return lines
}

func TestClean(t *testing.T) {
	long := strings.Repeat("x", Max)
	tests := []struct{ name, in, want string }{
		{"plain", "hello\tworld", "hello\tworld"},
		{"colours stay, and end with the line", "\x1b[1;31merror\x1b[0m: \x1b[38;5;8mx", "\x1b[1;31merror\x1b[0m: \x1b[38;5;8mx\x1b[0m"},
		{"text behind colours", "\x1b[32mok\x1b[0m and more", "\x1b[32mok\x1b[0m and more"},
		{"colours that were ended", "\x1b[32mok\x1b[0m", "\x1b[32mok\x1b[0m"},
		{"the cursor", "a\x1b[2Jb\x1b[10;20Hc\x1b[?25ld\x1b[1Ae", "abcde"},
		{"a title", "a\x1b]0;owned\x07b\x1b]2;owned\x1b\\c", "abc"},
		{"a title without an end", "a\x1b]0;owned", "a"},
		{"a link", "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\", "click"},
		{"other texts for the terminal", "a\x1bPq#0\x1b\\b\x1b_x\x1b\\c\x1b^y\x1b\\d", "abcd"},
		{"other sequences", "a\x1b(0b\x1b7c\x1bcd\x1b", "abcd"},
		{"private colours", "a\x1b[>4;2mb\x1b[?1mc", "abc"},
		{"an endless colour", "a\x1b[" + strings.Repeat("1;", 100) + "mb", "ab"},
		{"eight-bit controls", "a\u009b2Jb\u009d0;owned\u009cc\u0085d", "abc d"},
		{"control characters", "a\x00b\x07c\x08d\x7fe", "abcde"},
		{"direction marks", "a\u202eb\u2066c\u200fd", "abcd"},
		{"line separators", "a\u2028b\u00a0c", "a b c"},
		{"invalid UTF-8", "a\xffb\xc3", "a\uFFFDb\uFFFD"},
		{"HTML is text", "<script>alert(1)</script>", "<script>alert(1)</script>"},
		{"a secret", "login with " + aSecret + ", twice " + aSecret, "login with ***, twice ***"},
		{"each line of a secret", "second line of a key", "***"},
		{"a secret as it is sent", "Basic " + base64.StdEncoding.EncodeToString([]byte(aSecret)) + " correct+horse+battery+staple", "Basic *** ***"},
		{"a secret with colours in it", "\x1b[31mhunter2\x1b[0m-of-the-registry", "***"},
		{"a secret with the cursor in it", "hunter2\x1b[K-of-the-registry", "***"},
		{"a password with an @", "https://bob:p@ss@example.com/x", "https://***@example.com/x"},
		{"a URL", "https://bob:pass@example.com/x", "https://***@example.com/x"},
		{"a header", "> Authorization: Bearer abc.def.ghi", "> Authorization: Bearer ***"},
		{"a token of GitHub", "using ghs_0123456789abcdefghijABCDEFGHIJ012345 now", "using *** now"},
		{"a long line", long + "y", long + "…"},
		{"a long line with a secret on its border", long[:Max-3] + aSecret + long, long[:Max-3] + "***…"},
		{"a long line with a secret where it stops being read", strings.Repeat("\x1b[K", (maxRaw-10)/3) + aSecret + long, "…"},
		{"a long line of long characters", strings.Repeat("€", Max), strings.Repeat("€", Max/3) + "…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			whole := strings.Join(linesOf(t, tt.in), "\n")
			if whole != tt.want {
				t.Errorf("got %.200q, want %.200q", whole, tt.want)
			}
			single := make([]string, len(tt.in))
			for i := range len(tt.in) {
				single[i] = tt.in[i : i+1]
			}
			if got := strings.Join(linesOf(t, single...), "\n"); got != whole {
				t.Errorf("byte by byte it is %.200q", got)
			}
		})
	}
}

func TestLines(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"nothing", "", "[]"},
		{"no end", "a", `["a"]`},
		{"line feeds", "a\n\nb\n", `["a" "" "b"]`},
		{"of Windows", "a\r\n\r\nb\r\n", `["a" "" "b"]`},
		{"a progress bar", "10%\r20%\rdone\n", `["10%" "20%" "done"]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for cut := range len(tt.in) + 1 {
				if got := fmt.Sprintf("%q", linesOf(t, tt.in[:cut], tt.in[cut:])); got != tt.want {
					t.Errorf("cut at %d: got %s, want %s", cut, got, tt.want)
				}
			}
		})
	}
}

// A line of 10 MB is held to what is shown of it.
func TestAnEndlessLineTakesNoMemory(t *testing.T) {
	c := &Cleaner{Masks: NewMasks(nil)}
	piece := bytes.Repeat([]byte("x"), 1<<10)
	for range 10 << 10 {
		if err := c.Write(piece, func(string) error { return fmt.Errorf("there is no end of the line") }); err != nil {
			t.Fatal(err)
		}
	}
	if cap(c.line) > 2*maxRaw {
		t.Errorf("%d bytes are kept", cap(c.line))
	}
	if line, _ := c.Rest(); len(line) > Max+len("…") {
		t.Errorf("the line has %d bytes", len(line))
	}
}

// FuzzClean cuts what a build prints anywhere, with a secret put in anywhere.
func FuzzClean(f *testing.F) {
	for _, seed := range []string{"", "hello\n", "a\r\nb\rc", "\x1b[31mred\x1b[0m\n", "\x1b]0;t\x07x", "a\xffb\xe2\x82", "https://u:p@h/\n", "\u009b1m\u202e", "\x1b[", "\x1b"} {
		f.Add([]byte(seed), uint16(3), uint16(5))
	}
	f.Fuzz(func(t *testing.T, data []byte, cut, at uint16) {
		at = min(at, uint16(min(len(data), 1<<15)))
		whole := string(data[:at]) + aSecret + string(data[at:])
		border := min(int(cut), len(whole))
		lines := linesOf(t, whole)
		if got := linesOf(t, whole[:border], whole[border:]); fmt.Sprint(got) != fmt.Sprint(lines) {
			t.Fatalf("cut at %d it is %q, else %q", border, got, lines)
		}
		for _, line := range lines {
			wantHarmless(t, line)
		}
	})
}

// wantHarmless fails unless a line can be shown anywhere.
func wantHarmless(t testing.TB, line string) {
	t.Helper()
	if !utf8.ValidString(line) || len(line) > Max+len("…"+resetColours) {
		t.Errorf("%d bytes, valid: %v", len(line), utf8.ValidString(line))
	}
	bare := Plain(line)
	if strings.Contains(bare, aSecret) {
		t.Errorf("the secret is in %q", line)
	}
	if strings.ContainsFunc(bare, func(r rune) bool { return r != '\t' && r != '\u200d' && !unicode.IsPrint(r) }) {
		t.Errorf("%q has more than print in it", line)
	}
	if at := strings.LastIndex(line, "\x1b"); at >= 0 && !strings.HasPrefix(line[at:], resetColours) {
		t.Errorf("the colours of %q go on", line)
	}
}
