package jenkinsserver

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// sections are what a stage of a declarative pipeline may have.
var sections = []string{"agent", "environment", "failFast", "input", "matrix", "options", "parallel", "post", "stages", "steps", "tools", "when"}

// opening is the beginning of a stage, up to its brace.
var opening = regexp.MustCompile(`stage\('([^']*)'\)\s*\{`)

// section is a word with a brace behind it.
var section = regexp.MustCompile(`^\s*([A-Za-z]+)\s*(\{|[a-z'])`)

// lint checks the sections of the stages of a Jenkinsfile as the linter of Jenkins does, and nothing else of it.
func lint(file string) string {
	var problems strings.Builder
	for _, at := range opening.FindAllStringSubmatchIndex(file, -1) {
		name := file[at[2]:at[3]]
		words := sectionsOf(file[at[1]:])
		begin := strings.LastIndex(file[:at[0]], "\n") + 1
		line, column := strings.Count(file[:at[0]], "\n")+1, at[0]-begin+1
		source, _, _ := strings.Cut(file[begin:], "\n")
		problem := func(what string) {
			fmt.Fprintf(&problems, "WorkflowScript: %d: %s @ line %d, column %d.\n   %s\n%s^\n\n", line, what, line, column, source, strings.Repeat(" ", column+2))
		}
		for _, word := range words {
			if !slices.Contains(sections, word) {
				problem(fmt.Sprintf("Unknown stage section %q. Starting with version 0.5, steps in a stage must be in a ‘steps’ block.", word))
			}
		}
		if !slices.ContainsFunc([]string{"steps", "stages", "parallel", "matrix"}, func(w string) bool { return slices.Contains(words, w) }) {
			problem(fmt.Sprintf("Expected one of \"steps\", \"stages\", or \"parallel\" for stage %q", name))
		}
	}
	if problems.Len() == 0 {
		return "Jenkinsfile successfully validated.\n"
	}
	return "Errors encountered validating Jenkinsfile:\n" + problems.String()
}

// sectionsOf are the names of the sections in a block whose opening brace is gone.
func sectionsOf(text string) []string {
	var names []string
	for depth := 0; text != ""; text = text[1:] {
		if depth == 0 {
			if found := section.FindStringSubmatch(text); found != nil {
				names = append(names, found[1])
				text = text[strings.Index(text, found[1])+len(found[1]):]
			}
			if text == "" {
				break
			}
		}
		switch text[0] {
		case '{':
			depth++
		case '}':
			if depth == 0 {
				return names
			}
			depth--
		}
	}
	return names
}
