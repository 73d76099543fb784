package main

import (
	"fmt"
	"io"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/plateform/plateform/reconciler/ledger"
)

// palette colours text on a terminal, and leaves it alone everywhere else.
type palette struct{ on bool }

func (a *app) palette() palette { return palette{a.colour} }

// The sixteen colours of a terminal follow the user's theme.
func (p palette) good(s string) string { return p.colour("2", s) }
func (p palette) bad(s string) string  { return p.colour("1", s) }
func (p palette) warn(s string) string { return p.colour("3", s) }

func (p palette) bold(s string) string {
	if !p.on {
		return s
	}
	return lipgloss.NewStyle().Bold(true).Render(s)
}

func (p palette) dim(s string) string {
	if !p.on {
		return s
	}
	return lipgloss.NewStyle().Faint(true).Render(s)
}

func (p palette) colour(number, s string) string {
	if !p.on {
		return s
	}
	return lipgloss.NewStyle().Foreground(lipgloss.Color(number)).Render(s)
}

// state colours by how a project is.
func (p palette) state(state ledger.State, s string) string {
	switch state {
	case ledger.StateRunning, ledger.StateReleased:
		return p.good(s)
	case ledger.StateFailed, ledger.StateFrozen, ledger.StateRefused:
		return p.bad(s)
	}
	return p.warn(s)
}

// table lines up columns of plain text; colour comes in when it is printed.
type table struct {
	header []string
	rows   [][]string
}

func newTable(header ...string) *table { return &table{header: header} }

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// gap is the room between two columns.
const gap = "  "

// print writes the table. paint may colour a padded cell. On a terminal that is too narrow the last column has lines of
// its own, so that no row is broken anywhere; width 0 is no terminal.
func (t *table) print(w io.Writer, width int, style palette, paint func(row, column int, cell string) string) {
	widths := t.widths()
	last, total := len(widths)-1, 0
	for _, column := range widths {
		total += column + len(gap)
	}
	narrow := width > 0 && total-len(gap) > width
	line := func(cells []string, paint func(column int, cell string) string) {
		var b strings.Builder
		for i, cell := range cells {
			padding := strings.Repeat(" ", widths[i]-lipgloss.Width(cell))
			if i == last {
				padding = ""
				if narrow {
					b.WriteString("\n" + gap)
				}
			}
			b.WriteString(paint(i, cell) + padding + gap)
		}
		for text := range strings.Lines(b.String()) {
			fmt.Fprintln(w, strings.TrimRight(text, " \n"))
		}
	}
	line(t.header, func(_ int, cell string) string { return style.dim(cell) })
	for i, row := range t.rows {
		line(row, func(column int, cell string) string { return paint(i, column, cell) })
	}
}

// widths are those of the columns.
func (t *table) widths() []int {
	widths := make([]int, len(t.header))
	for _, row := range append([][]string{t.header}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], lipgloss.Width(cell))
		}
	}
	return widths
}
