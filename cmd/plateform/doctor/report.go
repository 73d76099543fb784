package doctor

import (
	"fmt"
	"strings"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/terminal"
)

// Report is everything that was found, as `doctor --output json` prints it. Keys are added, never renamed or removed.
type Report struct {
	Checks   []Diagnosis `json:"checks"`
	OK       int         `json:"ok"`
	Warnings int         `json:"warnings"`
	Failures int         `json:"failures"`
}

func (r *Report) add(found Diagnosis) {
	r.Checks = append(r.Checks, found)
	switch found.Status {
	case Fine:
		r.OK++
	case Warning:
		r.Warnings++
	default:
		r.Failures++
	}
}

// Health is how well something is.
type Health string

// How well something is, from the best to the worst.
const (
	Fine    Health = "ok"
	Warning Health = "warn"
	Failure Health = "fail"
)

// Diagnosis is what was found about one thing.
type Diagnosis struct {
	Status Health `json:"status"`
	// What was looked at.
	What   string `json:"what"`
	Detail string `json:"detail"`
	// Fix says how to mend it; empty when nothing has to be.
	Fix string `json:"fix,omitempty"`
}

func ok(what, format string, args ...any) Diagnosis {
	return Diagnosis{Status: Fine, What: what, Detail: fmt.Sprintf(format, args...)}
}

func warn(what, detail, fix string) Diagnosis { return Diagnosis{Warning, what, detail, fix} }

func fail(what, detail, fix string) Diagnosis { return Diagnosis{Failure, what, detail, fix} }

// broken is fail for an error, in one line. One about the settings that says itself how to mend it, in brackets, needs no other fix.
func broken(what string, err error, fix string) Diagnosis {
	text := strings.Join(strings.Fields(terminal.Plain(err.Error())), " ")
	if at := strings.LastIndex(text, " ("); exit.CodeOf(err) == exit.WrongUsage && at > 0 && strings.HasSuffix(text, ")") {
		text, fix = text[:at], text[at+2:len(text)-1]
	}
	return fail(what, text, fix)
}

// Print prints one line.
func (d Diagnosis) Print(sheet terminal.Sheet) {
	style := sheet.Style
	status := map[Health]func(string) string{Fine: style.Good, Warning: style.Warn, Failure: style.Bad}[d.Status]
	text := d.What + ": " + d.Detail
	if d.Fix != "" {
		text += " (" + d.Fix + ")"
	}
	const columns = 5
	sheet.Wrap(status(string(d.Status))+strings.Repeat(" ", columns-len(d.Status)), columns, text)
}
