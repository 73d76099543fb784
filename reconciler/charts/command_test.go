package charts_test

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/plateform/plateform/manifest"
)

// Where it is said which release a command has run for, releases that are not newer have none, by number and not by letter.
func TestACommandThatHasRunIsLeftOut(t *testing.T) {
	for _, tt := range []struct{ release, said, job string }{
		{"v1.0.9", "", "shop-release-v1-0-9"},
		{"v1.0.9", `commandRanFor: ""`, "shop-release"},
		{"v1.0.9", "commandRanFor: v1.0.8", "shop-release"},
		{"v1.0.10", "commandRanFor: v1.0.9", "shop-release"},
		{"v1.0.9", "commandRanFor: v1.0.9", ""},
		{"v1.0.9", "commandRanFor: v1.0.10", ""},
	} {
		in := inputs()["monolithic-commands"]
		in.Release, _ = manifest.ParseVersion(tt.release)
		values, err := manifest.BuildValues(in)
		if err != nil {
			t.Fatal(err)
		}
		rendered, err := render(t, in.Project.Type, values+manifest.Document(tt.said+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		var objects []any
		for _, o := range rendered {
			objects = append(objects, decode(t, o))
		}
		name := ""
		for _, job := range pick[*batchv1.Job](objects) {
			name = job.Name
		}
		if name != tt.job {
			t.Errorf("%s with %q has Job %q and not %q", tt.release, tt.said, name, tt.job)
		}
	}
}
