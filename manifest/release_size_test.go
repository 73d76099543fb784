package manifest

import (
	"fmt"
	"strings"
	"testing"
)

// The largest project there can be has a release that can be read, however its text is encoded.
func TestTheReleaseOfTheLargestProject(t *testing.T) {
	for name, text := range map[string]string{"letters": "x", "of several bytes": "\U0001F600", "quotes": `"`, "tabs": "\t"} {
		spec := ProjectSpec{Type: Monolithic, Image: "ghost:5"}
		data := []byte{}
		for i := 0; ; i++ {
			value := strings.Repeat(text, 20<<10/len(text))
			spec.Env = append(spec.Env, EnvVar{Name: fmt.Sprintf("V%d", i), Value: &value})
			more, err := Encode(Project{Header: NewHeader(KindProject, "blog"), Spec: spec})
			if err != nil {
				t.Fatal(err)
			}
			if len(more) > maxProjectBytes {
				spec.Env = spec.Env[:i]
				break
			}
			data = more
		}
		project, problems := ParseProject("project.yaml", data)
		if len(problems) > 0 || len(data) < maxProjectBytes/2 {
			t.Fatalf("%s: %d bytes: %v", name, len(data), problems)
		}
		values, err := BuildValues(ValuesInput{Key: Key{Workspace: "ws", Project: "blog"}, Release: FirstVersion(), Project: project.Spec,
			Images: []Image{{Name: "app", Repository: "ghost", Tag: "5"}}})
		if err != nil {
			t.Fatal(err)
		}
		release, err := Encode(Release{Header: NewHeader(KindRelease, "v1.0.0"), Spec: ReleaseSpec{Project: project.Spec, Values: values}})
		if err != nil {
			t.Fatal(err)
		}
		if len(release) > MaxFileBytes {
			t.Errorf("%s: the release of a project of %d bytes has %d", name, len(data), len(release))
		}
	}
}
