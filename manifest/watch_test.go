package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The keys of releases that are there already are never spelled in another way: it would build all of them again.
func TestKeysStayAsTheyWere(t *testing.T) {
	shop := Source{Repository: "https://git.test/shop", Branch: "main"}
	in := func(change func(*SourceInput)) SourceInput {
		input := SourceInput{Part: PartSource, Image: AppImage, Source: shop}
		change(&input)
		return input
	}
	for _, c := range []struct {
		input SourceInput
		id    string
		json  string
	}{
		{in(func(*SourceInput) {}), SourceID("9fceb02", ""), `{"repository":"https://git.test/shop","id":"commit:9fceb02"}`},
		{in(func(i *SourceInput) { i.Source.Path = "web" }), SourceID("9fceb02", "4b825dc"),
			`{"repository":"https://git.test/shop","path":"web","id":"tree:4b825dc"}`},
		{in(func(i *SourceInput) {
			i.Source.Path, i.Build = "web", &Build{Framework: "go", Dockerfile: "D", Env: []BuildVar{{Name: "A", Value: "b"}}}
		}), SourceID("9fceb02", "4b825dc"),
			`{"repository":"https://git.test/shop","path":"web","id":"tree:4b825dc","framework":"go","dockerfile":"D","env":[{"name":"A","value":"b"}]}`},
		{in(func(i *SourceInput) { i.Source.Watch = []string{"docs", "!docs/a"} }), SourceID("9fceb02", "4b825dc"),
			`{"repository":"https://git.test/shop","id":"tree:4b825dc","watch":["docs","!docs/a"]}`},
		{SourceInput{Reference: "nginx"}, SourceInput{Reference: "nginx"}.ReferenceID(), `{"id":"image:nginx"}`},
	} {
		sum := sha256.Sum256([]byte(c.json))
		if got, want := c.input.Key(c.id), "sha256:"+hex.EncodeToString(sum[:]); got != want {
			t.Errorf("the key of %s is %s, want %s", c.json, got, want)
		}
	}
}

func TestInferWatches(t *testing.T) {
	released := Image{Name: AppImage, Commit: "9fceb02"}
	wide := Image{Name: AppImage, Commit: "9fceb02", Scope: ".", ScopeReason: "the Go module of go.mod"}
	for _, c := range []struct {
		name   string
		source Source
		images []Image
		want   []Inference
	}{
		{"nothing to say", Source{Path: "cmd/api"}, []Image{released}, nil},
		{"nobody has looked", Source{Path: "cmd/api"}, nil, nil},
		{"a module", Source{Path: "cmd/api"}, []Image{wide}, []Inference{{"watches", ".", "the Go module of go.mod"}}},
		{"patterns", Source{Path: "cmd/api", Watch: []string{"proto/**", "!docs"}}, []Image{wide},
			[]Inference{{"watches", "., then proto/**, !docs", "the Go module of go.mod; source.watch"}}},
		{"patterns and the path alone", Source{Path: "web", Watch: []string{"proto/**"}}, []Image{released},
			[]Inference{{"watches", "web, then proto/**", "source.watch"}}},
		{"patterns before anybody has looked", Source{Path: "web", Watch: []string{"proto/**"}}, []Image{{Name: AppImage, Digest: "(to be built)"}},
			[]Inference{{"watches", "what a build of web reads, then proto/**", "source.watch"}}},
		{"patterns for the whole repository", Source{Watch: []string{"!docs"}}, nil, []Inference{{"watches", "., then !docs", "source.watch"}}},
	} {
		in := ValuesInput{Project: ProjectSpec{Type: Monolithic, Source: &c.source}, Images: c.images}
		got := slices.DeleteFunc(Infer(in, acme(), nil), func(i Inference) bool { return i.Field != "watches" })
		if diff := cmp.Diff(c.want, got, cmp.Comparer(func(a, b []Inference) bool { return slices.Equal(a, b) })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	services := ProjectSpec{Type: SpringMicroservice, Source: &Source{Repository: "https://git.test/shop"}, SpringSpec: SpringSpec{Services: []Service{{Name: "orders"}}}}
	in := ValuesInput{Project: services, Images: []Image{{Name: "orders", Commit: "9fceb02", Scope: "pom.xml, orders", ScopeReason: "the parent pom pom.xml"}}}
	if got := Infer(in, acme(), nil); !slices.Contains(got, Inference{"services[orders].watches", "pom.xml, orders", "the parent pom pom.xml"}) {
		t.Errorf("a service: %+v", got)
	}
}
