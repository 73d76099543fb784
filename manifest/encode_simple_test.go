package manifest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// What Plateform writes is written the fast way, and as the YAML library would.
func TestSimpleEncode(t *testing.T) {
	values, err := BuildValues(valuesInput(shop()))
	if err != nil {
		t.Fatal(err)
	}
	r := sampleRelease(t)
	r.Spec.Values = values
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	run := Run{Header: NewHeader(KindRun, "shop"), Spec: RunSpec{
		Highest: "v1.0.3", Owner: 7, Holds: []Hold{{Part: "source", Key: "sha256:aa", Reason: HeldFailed}},
		Last: &LastRun{ID: "ab12", Result: ResultFailed, Cause: Cause{Kind: CauseConfig}, StartedAt: at, EndedAt: at.Add(time.Second / 2)},
	}}
	for name, v := range map[string]any{
		"a release": r,
		"a run":     run,
		"an empty list": struct {
			A []int `yaml:"a"`
		}{},
		"maps":  map[string]any{"b-d": 1, "b": []string{"c"}, "bd": map[string]string{}, "a.b/c": true, "abc": "12"},
		"texts": map[string]any{"a": []string{"true", "12", "", "v1.0.0", "500m", "hello world", "a=b", "sha256:00"}},
	} {
		if !checkSimpleEncode(t, v) {
			t.Errorf("%s is not simple", name)
		}
	}
	for name, v := range map[string]any{
		"an old boolean":    map[string]string{"a": "on"},
		"a time as a text":  map[string]string{"a": "2026-11-22T12:00:00Z"},
		"a float as a text": map[string]string{"a": "1e3"},
		"several lines":     map[string]string{"a": "b\nc"},
		"umlauts":           map[string]string{"a": "ä"},
		"no value":          map[string]any{"a": nil},
		"lists of lists":    map[string]any{"a": [][]string{{"b"}}},
		"numbers in keys":   map[string]string{"a10": "b", "a9": "c"},
		"strange keys":      map[string]string{"a b": "c"},
		"tags not known": struct {
			A []int `yaml:"a,flow"`
		}{},
		"a scalar": "a",
		"nothing":  nil,
	} {
		if checkSimpleEncode(t, v) {
			t.Errorf("%s is simple", name)
		}
	}
}

// FuzzSimpleEncode holds that what is written the fast way is what the YAML library writes, for every object that parses,
// and for texts.
func FuzzSimpleEncode(f *testing.F) {
	archive, err := txtar.ParseFile("testdata/parse/good.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range cases(archive) {
		for _, data := range c.files {
			f.Add(data)
		}
	}
	for _, s := range []string{"yes", "1e3", "0x1f", "1_0", "12:30", "a: b", "a #b", "-", "null", "~", "=", "a:", "/a", "2001-1-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, kind := range []string{"platform.yaml", "workspace.yaml", "project.yaml", "release.yaml", "run.yaml"} {
			if object, problems := parseAny(kind, []byte(s)); len(problems) == 0 {
				checkSimpleEncode(t, object)
			}
		}
		checkSimpleEncode(t, map[string]string{"key": s, s: "a", s + "b": "c", strings.TrimSuffix(s, "a"): "d"})
		checkSimpleEncode(t, map[string]any{"key": []string{s}, "quoted": quoted(s)})
		checkSimpleEncode(t, Project{Spec: ProjectSpec{AppSpec: AppSpec{Domain: s, Env: []EnvVar{{Name: s, Value: &s}}}}})
	})
}

func checkSimpleEncode(t *testing.T, v any) bool {
	t.Helper()
	fast, simple := simpleEncode(v)
	if !simple {
		return false
	}
	slow, err := fullEncode(v)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(slow), string(fast)); diff != "" {
		t.Fatalf("%+v is not written as it should be (-want +got):\n%s", v, diff)
	}
	return true
}
