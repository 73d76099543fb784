package manifest

import (
	"slices"
	"strings"
	"testing"

	"github.com/plateform/plateform/manifest/frameworks"
)

func TestFrameworksHaveOneNameEach(t *testing.T) {
	words := frameworks.All()
	if sorted := slices.Sorted(slices.Values(words)); len(slices.Compact(sorted)) != len(words) {
		t.Errorf("a word is there twice: %v", sorted)
	}
	for _, word := range words {
		if err := CheckFramework(word); err != nil || frameworks.Current(word) != word {
			t.Errorf("%s: %v, is read as %s", word, err, frameworks.Current(word))
		}
	}
	for old, current := range map[string]string{"nodejs": "node", "spring": "spring-boot"} {
		if frameworks.Current(old) != current || frameworks.Port(frameworks.Current(old)) != frameworks.Port(current) {
			t.Errorf("%s is read as %s, want %s", old, frameworks.Current(old), current)
		}
		if err := CheckFramework(old); err == nil || !strings.Contains(err.Error(), "write "+current) {
			t.Errorf("written down, %s is %v", old, err)
		}
	}
	if err := CheckFramework("expres"); err == nil || !strings.Contains(err.Error(), `did you mean "express"?`) {
		t.Errorf("a typo is %v", err)
	}
}

// A release of earlier keeps its word, and shows the one of today.
func TestInferNamesAnEarlierFramework(t *testing.T) {
	for old, current := range map[string]string{"nodejs": "node", "spring": "spring-boot", "go": "go"} {
		l := inferences{in: ValuesInput{
			Project: ProjectSpec{Type: Monolithic, Source: &Source{Repository: "https://example.com/x"}},
			Images:  []Image{{Name: AppImage, Framework: old}},
		}}
		l.sources()
		if !slices.ContainsFunc(l.found, func(i Inference) bool { return i.Field == "build.framework" && i.Value == current }) {
			t.Errorf("%s is shown as %+v", old, l.found)
		}
	}
}
