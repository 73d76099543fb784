package dockerfile

import (
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// ExposedPort is the first TCP port that the image of a Dockerfile exposes; 0 when the file names none. A base image may
// expose one nevertheless: only the built image tells.
func ExposedPort(dockerfile io.Reader) (int, error) {
	parsed, err := parser.Parse(dockerfile)
	if err != nil {
		return 0, err
	}
	s := stages{ports: map[string]int{}, variables: map[string]string{}}
	for _, instruction := range parsed.AST.Children {
		s.next(instruction)
	}
	return s.port, nil
}

// stages follows the instructions of a Dockerfile.
type stages struct {
	// port of the stage at hand, its name, and the ports of all stages by their names.
	port  int
	name  string
	ports map[string]int
	// variables are those of ARG and ENV so far.
	variables map[string]string
}

func (s *stages) next(instruction *parser.Node) {
	var words []string
	for n := instruction.Next; n != nil; n = n.Next {
		words = append(words, n.Value)
	}
	switch strings.ToUpper(instruction.Value) {
	case "FROM":
		s.from(words)
	case "ARG":
		for _, word := range words {
			if name, value, ok := strings.Cut(word, "="); ok {
				s.variables[name] = strings.Trim(value, `"'`)
			}
		}
	case "ENV": // name, value, separator
		for ; len(words) >= 3; words = words[3:] {
			s.variables[words[0]] = strings.Trim(words[1], `"'`)
		}
	case "EXPOSE":
		s.expose(words)
	}
}

// from begins a stage; one that stands on another exposes what that one does.
func (s *stages) from(words []string) {
	if len(words) == 0 {
		return
	}
	s.port, s.name = s.ports[strings.ToLower(words[0])], ""
	if len(words) == 3 && strings.EqualFold(words[1], "as") {
		s.name = strings.ToLower(words[2])
		s.ports[s.name] = s.port
	}
}

func (s *stages) expose(words []string) {
	for _, word := range words {
		word = os.Expand(word, func(name string) string {
			name, fallback, _ := strings.Cut(name, ":-")
			if value := s.variables[name]; value != "" {
				return value
			}
			return fallback
		})
		number, protocol, _ := strings.Cut(word, "/")
		first, _, _ := strings.Cut(number, "-")
		port, err := strconv.Atoi(first)
		if err != nil || port < 1 || port > 65535 || protocol != "" && !strings.EqualFold(protocol, "tcp") {
			continue
		}
		if s.port == 0 {
			s.port = port
		}
		if s.name != "" {
			s.ports[s.name] = s.port
		}
	}
}
