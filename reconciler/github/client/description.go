package client

import (
	"strings"
	"unicode/utf8"
)

// maxDescription is how many characters GitHub takes in the description of a commit status.
const maxDescription = 140

// Description makes one line of a text that GitHub takes in a commit status, and cuts it at a word: a command at its end stays, as it says where
// the rest is. GitHub refuses characters beyond the basic plane.
func Description(text string) string {
	joined := ""
	for line := range strings.Lines(text) {
		line = strings.Join(strings.Fields(line), " ")
		switch {
		case line == "":
		case joined == "":
			joined = line
		case strings.HasSuffix(joined, ":"):
			joined += " " + line
		default:
			joined += "; " + line
		}
	}
	text = strings.Map(func(r rune) rune {
		if r > 0xFFFF {
			return utf8.RuneError
		}
		return r
	}, joined)
	characters := []rune(text)
	if len(characters) <= maxDescription {
		return text
	}
	end := command(text)
	kept := string(characters[:maxDescription-1-utf8.RuneCountInString(end)])
	if at := strings.LastIndexByte(kept, ' '); at > len(kept)/2 {
		kept = kept[:at]
	}
	return strings.TrimRight(kept, " ,;:") + "…" + end
}

// command is the part at the end of a text that ends with a command between backticks, unless it takes most of the room.
func command(text string) string {
	at := strings.LastIndex(text, "; ")
	if at < 0 || !strings.HasSuffix(text, "`") || strings.Count(text[at:], "`") != 2 || utf8.RuneCountInString(text[at:]) > maxDescription*2/3 {
		return ""
	}
	return text[at:]
}
