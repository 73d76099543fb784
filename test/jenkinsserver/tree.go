package jenkinsserver

import (
	"errors"
	"strconv"
	"strings"
)

// tree is what a request wants to know: builds[number,actions[parameters[name,value]]]{0,3}.
type tree struct {
	fields map[string]*tree // nil for all there is
	from   int
	to     int // -1 for the end
}

// parseTree reads a list of fields up to the bracket that ends it, which is in rest.
func parseTree(text string) (t *tree, rest string, err error) {
	t = &tree{fields: map[string]*tree{}, to: -1}
	for {
		end := strings.IndexAny(text, ",[]{")
		if end < 0 {
			end = len(text)
		}
		name := text[:end]
		if name == "" {
			return nil, text, errors.New("a field has no name")
		}
		below := &tree{to: -1}
		text = text[end:]
		if strings.HasPrefix(text, "[") {
			if below, text, err = parseTree(text[1:]); err != nil {
				return nil, text, err
			}
			if !strings.HasPrefix(text, "]") {
				return nil, text, errors.New("a bracket is not closed")
			}
			text = text[1:]
		}
		if strings.HasPrefix(text, "{") {
			if text, err = below.parseRange(text[1:]); err != nil {
				return nil, text, err
			}
		}
		t.fields[name] = below
		if !strings.HasPrefix(text, ",") {
			return t, text, nil
		}
		text = text[1:]
	}
}

// parseRange reads {from,to}, {from,} or {,to}, whose first brace is gone.
func (t *tree) parseRange(text string) (rest string, err error) {
	inside, rest, closed := strings.Cut(text, "}")
	from, to, both := strings.Cut(inside, ",")
	if !closed || !both {
		return text, errors.New("a range is {from,to}")
	}
	if from != "" {
		if t.from, err = strconv.Atoi(from); err != nil {
			return text, err
		}
	}
	if to != "" {
		if t.to, err = strconv.Atoi(to); err != nil {
			return text, err
		}
	}
	return rest, nil
}

// of is the part of a value that is wanted.
func (t *tree) of(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if t.fields == nil {
			return shallow(v)
		}
		part := map[string]any{}
		for name, value := range v {
			if below := t.fields[name]; below != nil {
				part[name] = below.of(value)
			} else if name == "_class" {
				part[name] = value
			}
		}
		return part
	case []any:
		to := len(v)
		if t.to >= 0 {
			to = min(to, t.to)
		}
		part := []any{}
		for _, element := range v[min(t.from, to):to] {
			part = append(part, t.of(element))
		}
		return part
	}
	return v
}

// shallow is what is told of an object when nothing of it is named.
func shallow(v map[string]any) map[string]any {
	part := map[string]any{}
	for name, value := range v {
		switch value.(type) {
		case map[string]any, []any:
		default:
			part[name] = value
		}
	}
	return part
}
