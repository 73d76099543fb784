package strict

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// Problem is one thing that is wrong with what somebody wrote.
type Problem struct {
	// File as a path inside the repository.
	File string `json:"file"`
	// Line and Column count from 1; 0 when the problem is about the whole file.
	Line   int `json:"line"`
	Column int `json:"column"`
	// Field is the path of the YAML field, spec.env[2].name; empty when the problem is not about one field.
	Field string `json:"field,omitempty"`
	// What is wrong.
	What string `json:"what"`
	// Fix says how to mend it.
	Fix string `json:"fix,omitempty"`
}

// String is the one-line form: file:line:column: what (fix). The name of a file that is no plain text is quoted.
func (p Problem) String() string {
	s := p.File
	if quoted := strconv.Quote(s); quoted != `"`+s+`"` {
		s = quoted
	}
	if p.Line > 0 {
		s += fmt.Sprintf(":%d:%d", p.Line, p.Column)
	}
	s += ": " + WithoutCredentials(p.What)
	if p.Fix != "" {
		s += " (" + WithoutCredentials(p.Fix) + ")"
	}
	return s
}

// Problems are all that is wrong, in the order of file, line and column.
type Problems []Problem

// Error makes Problems an error; one problem a line.
func (ps Problems) Error() string {
	s := ""
	for i, p := range ps {
		if i > 0 {
			s += "\n"
		}
		s += p.String()
	}
	return s
}

// Err returns the problems as an error, or nil when there are none.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// Sort puts problems in the order of file, line and column, and keeps the order of those at one place.
func (ps Problems) Sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
