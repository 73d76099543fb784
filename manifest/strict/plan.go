package strict

import (
	"reflect"
	"strings"
	"sync"
)

// field is one key that a mapping may have, and where its value goes.
type field struct {
	index    []int
	required bool
	// number of the field in its plan.
	number int
}

// plan says which keys the mapping of a struct may have. It comes from the yaml tags: a field without omitempty must be
// there.
type plan struct {
	fields map[string]field
	// names in the order of the struct.
	names []string
}

// plans keeps the plan of every struct type met so far; it depends on the types alone, and is only a memory of them.
var plans sync.Map // reflect.Type to *plan

func planOf(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	p := &plan{fields: map[string]field{}}
	p.add(t, nil)
	plans.Store(t, p)
	return p
}

// add adds the fields of a struct, those of inlined structs in their place.
func (p *plan) add(t reflect.Type, index []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		at := append(append([]int(nil), index...), i)
		if options == "inline" {
			p.add(f.Type, at)
			continue
		}
		p.fields[name] = field{index: at, required: options != "omitempty", number: len(p.names)}
		p.names = append(p.names, name)
	}
}

// homes finds the paths of all places below a type where a key belongs, spec.source.branch for branch.
func homes(t reflect.Type, key, path string) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		if t.Kind() == reflect.Slice {
			path += "[]"
		}
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == timeType {
		return nil
	}
	p := planOf(t)
	var found []string
	for _, name := range p.names {
		below := strings.TrimPrefix(path+"."+name, ".")
		if name == key {
			found = append(found, below)
		}
		found = append(found, homes(t.FieldByIndex(p.fields[name].index).Type, key, below)...)
	}
	return found
}
