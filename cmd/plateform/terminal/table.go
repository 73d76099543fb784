package terminal

import (
	"fmt"
	"io"
	"strings"

	"charm.land/lipgloss/v2"
)

// Table lines up columns of plain text; colour comes in when it is printed.
type Table struct {
	header []string
	rows   [][]string
}

// NewTable begins a table.
func NewTable(header ...string) *Table { return &Table{header: header} }

// Add adds a row, with a cell for each column.
func (t *Table) Add(cells ...string) { t.rows = append(t.rows, cells) }

// gap is the room between two columns.
const gap = "  "

// Print writes the table. paint may colour a padded cell. On a terminal that is too narrow the last column has lines of
// its own, so that no row is broken anywhere; width 0 is no terminal.
func (t *Table) Print(w io.Writer, width int, style Palette, paint func(row, column int, cell string) string) {
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
	line(t.header, func(_ int, cell string) string { return style.Dim(cell) })
	for i, row := range t.rows {
		line(row, func(column int, cell string) string { return paint(i, column, cell) })
	}
}

// widths are those of the columns.
func (t *Table) widths() []int {
	widths := make([]int, len(t.header))
	for _, row := range append([][]string{t.header}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], lipgloss.Width(cell))
		}
	}
	return widths
}
