package terminal

import (
	"charm.land/lipgloss/v2"
)

// Palette colours text on a terminal, and leaves it alone everywhere else. The sixteen colours of a terminal follow the
// user's theme.
type Palette struct {
	// On says that what is printed goes to a terminal that wants colour.
	On bool
}

// Good is green.
func (p Palette) Good(s string) string { return p.colour("2", s) }

// Bad is red.
func (p Palette) Bad(s string) string { return p.colour("1", s) }

// Warn is yellow.
func (p Palette) Warn(s string) string { return p.colour("3", s) }

// Bold is for titles.
func (p Palette) Bold(s string) string {
	if !p.On {
		return s
	}
	return lipgloss.NewStyle().Bold(true).Render(s)
}

// Dim is for what matters less.
func (p Palette) Dim(s string) string {
	if !p.On {
		return s
	}
	return lipgloss.NewStyle().Faint(true).Render(s)
}

func (p Palette) colour(number, s string) string {
	if !p.On {
		return s
	}
	return lipgloss.NewStyle().Foreground(lipgloss.Color(number)).Render(s)
}
