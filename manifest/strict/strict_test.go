package strict

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// menu is a file of nobody's.
type menu struct {
	Title  string   `yaml:"title"`
	Dishes []dish   `yaml:"dishes,omitempty"`
	Notes  Document `yaml:"notes,omitempty"`
}

type dish struct {
	Name  string `yaml:"name"`
	Price int    `yaml:"price,omitempty"`
}

func read(data string) (menu, Problems) {
	var m menu
	f, problems := Parse("menu.yaml", []byte(data), "write title and dishes")
	if f == nil {
		return m, problems
	}
	f.Decode(&m)
	return m, f.Problems()
}

func TestDecode(t *testing.T) {
	got, problems := read("title: Noon\ndishes:\n  - {name: soup, price: 3}\n  - name: bread\nnotes:\n  b: 1\n  a: x\n")
	want := menu{Title: "Noon", Dishes: []dish{{"soup", 3}, {Name: "bread"}}, Notes: "b: 1\na: x\n"}
	if diff := cmp.Diff(want, got); diff != "" || len(problems) > 0 {
		t.Errorf("problems %v, content (-want +got):\n%s", problems, diff)
	}
}

func TestDecodeTellsEverythingAtOnce(t *testing.T) {
	for data, want := range map[string]string{
		"": "menu.yaml:1:1: the file is empty (write title and dishes)",
		"titles: x\ndishes:\n  - {name: soup, price: 03}\n  - price: 1\n": `menu.yaml:1:1: unknown key "titles" in the file (did you mean "title"?)
menu.yaml:1:1: title is missing (add the key title)
menu.yaml:3:25: dishes[0].price is the number 03, but a whole number is wanted (write 3 without quotes or leading zeros)
menu.yaml:4:5: dishes[1].name is missing (add the key name)`,
		"title: [": "menu.yaml:1:1: this is not YAML: did not find expected node content (check quotes, brackets and indentation)",
		"title: \"x\ndishes:\n  - {name: \"soup\"}\n":                "menu.yaml:3:3: this is not YAML: did not find expected key (close the quote that begins in line 1, or check the indentation of this line)",
		"title: 'it''s'\ndishes:\n - {name: \"a \\\" b\"}\n  - {}\n": "menu.yaml:4:3: this is not YAML: did not find expected '-' indicator (check quotes, brackets and indentation)",
	} {
		if _, problems := read(data); problems.Error() != want {
			t.Errorf("of %q is told:\n%v\nwant:\n%s", data, problems, want)
		}
	}
}

// FuzzParse holds that places are in the file, and that there are problems when there is nothing to go on with.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "title: Noon\ndishes: [{name: soup}]\n", "a: &x 1\nb: *x\na: 2", "\xff", "title: [", "{{{}: 1}: 2}", "a: |\n  x\r\n\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		lines := bytes.Count(data, []byte("\n")) + 1
		file, problems := Parse("f", data, "")
		if file != nil {
			file.Decode(&menu{})
			problems = file.Problems()
		} else if len(problems) == 0 {
			t.Fatal("nothing is told of a file that does not parse")
		}
		for _, p := range problems {
			if p.Line < 1 && len(data) <= MaxFileBytes || p.Line > lines {
				t.Fatalf("%v is in none of the %d lines", p, lines)
			}
		}
	})
}
