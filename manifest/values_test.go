package manifest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
	helmyaml "sigs.k8s.io/yaml"
)

func valuesInputs() map[string]ValuesInput {
	full := shop()
	full.Domain = "shop.example.com"
	full.Env = append(full.Env,
		EnvVar{Name: "STRIPE_KEY", Secret: "age:c2VjcmV0"},
		EnvVar{Name: "DB_URL", From: &EnvFrom{Project: "shop-db", Key: "url"}},
		EnvVar{Name: "DB_HOST", From: &EnvFrom{Project: "shop-db", Key: "host"}},
		EnvVar{Name: "API_URL", From: &EnvFrom{Project: "api", Key: "url"}},
		EnvVar{Name: "API_HOST", From: &EnvFrom{Project: "api", Key: "host"}},
		EnvVar{Name: "API_PORT", From: &EnvFrom{Project: "api", Key: "port"}},
		EnvVar{Name: "EMPTY", Value: new("")})
	several := bank()
	several.Env = []EnvVar{{Name: "TZ", Value: new("UTC")}, {Name: "LOG", Value: new("info")}}
	several.Services[0].Env = []EnvVar{{Name: "TZ", Value: new("CET")}, {Name: "X", Value: new("1")}}
	several.Services[2].Public = true
	custom := bank()
	custom.Domain = "bank.example.com"
	custom.Services[2].Public = true
	custom.Health = &Health{Path: "/up"}
	inner := bank()
	inner.Services[1].Public = false
	backed := store()
	backed.Backup = &Backup{Schedule: "0 3 * * *"}
	backed.DeletionPolicy = "delete"
	backed.Resources = Resources{CPU: "1", Memory: "2Gi"}
	cache := ProjectSpec{Type: Database, DatabaseSpec: DatabaseSpec{Engine: "redis", Version: "7.4", Storage: "1Gi"}}
	local := acme()
	local.Spec.Domain, local.Spec.Ingress.Port = "localhost", 8480
	return map[string]ValuesInput{
		"app-localhost":     valuesInputOn(local, ProjectSpec{Type: Monolithic, Source: &Source{Repository: "https://github.com/acme/shop"}}),
		"spring-localhost":  valuesInputOn(local, bank()),
		"app-least":         valuesInput(ProjectSpec{Type: Monolithic, Source: &Source{Repository: "https://github.com/acme/shop"}}),
		"app-most":          valuesInput(full),
		"spring-one-public": valuesInput(bank()),
		"spring-two-public": valuesInput(several),
		"spring-domain":     valuesInput(custom),
		"spring-inner":      valuesInput(inner),
		"database-postgres": valuesInput(store()),
		"database-backup":   valuesInput(backed),
		"database-redis":    valuesInput(cache),
	}
}

func valuesInput(spec ProjectSpec) ValuesInput { return valuesInputOn(acme(), spec) }

func valuesInputOn(platform *Platform, spec ProjectSpec) ValuesInput {
	k := Key{"ws-1", "shop"}
	projects := map[string]*Project{"shop-db": {Spec: store()}, "api": {Spec: shop()}}
	in := ValuesInput{Key: k, Release: Version{1, 0, 3}, Project: spec, Platform: UsedInputs(Surroundings{Platform: platform, Workspace: tenant(), Projects: projects}, k, spec, Chart{Name: string(spec.Type), Version: "1.0.0"})}
	for i, input := range SourceInputs(spec) {
		image := Image{Name: input.Image, Repository: "harbor.example.com/ws-1/shop/" + input.Image, Tag: "v1.0.3",
			Digest: "sha256:" + strings.Repeat(fmt.Sprint(i), 64), Framework: "go"}
		if i == 2 {
			image.Port = 9000
		}
		in.Images = append(in.Images, image)
	}
	return in
}

func TestValuesGolden(t *testing.T) {
	for name, in := range valuesInputs() {
		t.Run(name, func(t *testing.T) {
			values, err := BuildValues(in)
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			for _, i := range Infer(in, acme(), tenant()) {
				fmt.Fprintf(&text, "# %s: %s (%s)\n", i.Field, i.Value, i.Reason)
			}
			golden(t, "values/"+name+".yaml", text.String()+string(values))
		})
	}
}

func TestValuesBegin(t *testing.T) {
	want := map[ProjectType]string{
		Monolithic:         "workspace project release namespace host port image replicas resources env",
		SpringMicroservice: "workspace project release namespace host port services",
		Database:           "workspace project release namespace engine version image port storage",
	}
	for name, in := range valuesInputs() {
		values, err := BuildValues(in)
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for line := range strings.Lines(string(values)) {
			if key, _, found := strings.Cut(line, ":"); found && !strings.HasPrefix(key, " ") {
				keys = append(keys, key)
			}
		}
		if got := strings.Join(keys, " "); !strings.HasPrefix(got, want[in.Project.Type]) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestValuesThatCannotBe(t *testing.T) {
	tests := map[string]struct {
		edit func(*ValuesInput)
		want string
	}{
		"no type":         {func(in *ValuesInput) { in.Project.Type = "" }, `"" is not a project type`},
		"no image":        {func(in *ValuesInput) { in.Images = nil }, `no image "app"`},
		"another image":   {func(in *ValuesInput) { in.Images[0].Name = "web" }, `no image "app"`},
		"no engine":       {func(in *ValuesInput) { in.Project = ProjectSpec{Type: Database} }, `"" is not a database engine`},
		"no services":     {func(in *ValuesInput) { in.Project = ProjectSpec{Type: SpringMicroservice} }, "no service"},
		"a service's":     {func(in *ValuesInput) { in.Project = bank() }, `no image "accounts"`},
		"not UTF-8 value": {func(in *ValuesInput) { in.Project.Env = []EnvVar{{Name: "A", Value: new("\xff")}} }, "UTF-8"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := valuesInput(shop())
			test.edit(&in)
			_, err := BuildValues(in)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "ws-1/shop") {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}

func TestPort(t *testing.T) {
	tests := []struct {
		authored, found, want int
		reason                string
	}{
		{3000, 5000, 3000, ""},
		{0, 5000, 5000, "found in the source"},
		{0, 0, 8080, "the default, as the source names none"},
	}
	for _, test := range tests {
		in := valuesInput(shop())
		in.Project.Port, in.Images[0].Port = test.authored, test.found
		values, err := BuildValues(in)
		if err != nil || !strings.Contains(string(values), fmt.Sprintf("\nport: %d\n", test.want)) {
			t.Errorf("%+v: %v\n%s", test, err, values)
		}
		inferred := Infer(in, acme(), nil)
		i := slices.IndexFunc(inferred, func(i Inference) bool { return i.Field == "port" })
		switch {
		case test.reason == "" && i >= 0:
			t.Errorf("%+v: an authored port is inferred: %v", test, inferred[i])
		case test.reason != "" && (i < 0 || inferred[i].Value != fmt.Sprint(test.want) || inferred[i].Reason != test.reason):
			t.Errorf("%+v: %v", test, inferred)
		}
	}
}

func TestInferBeforeTheBuild(t *testing.T) {
	in := valuesInput(ProjectSpec{Type: Monolithic, Source: &Source{Repository: "https://github.com/acme/shop"}})
	in.Images = nil
	want := []Inference{
		{"namespace", "tenant", "spec.namespace of the workspace"},
		{"chart", "monolithic 1.0.0", "spec.charts of platform.yaml"},
		{"domain", "shop-ws-1.apps.example.com", "<project>-<workspace> under the platform's domain"},
		{"source.branch", "main", "the default"},
		{"build.framework", "not known yet", "it is found in the source when that is built"},
		{"port", "8080", "the default, unless the source names one when it is built"},
		{"replicas", "1", "the default"},
		{"resources.cpu", "250m", "the default"},
		{"resources.memory", "256Mi", "the default"},
		{"health", "TCP", "no path is named: the app is well when its port answers"},
	}
	p, w := acme(), tenant()
	p.Spec.Defaults, p.Spec.Charts = DefaultsSpec{}, map[ProjectType]string{Monolithic: "1.0.0"}
	w.Spec.Namespace = "tenant"
	in.Platform = UsedInputs(Surroundings{Platform: p, Workspace: w}, in.Key, in.Project, monolithicChart)
	if diff := cmp.Diff(want, Infer(in, p, w)); diff != "" {
		t.Error(diff)
	}
}

// FuzzValues holds that what people write comes out of the values as it went in: read by Helm, and also after the values
// went through a release file.
func FuzzValues(f *testing.F) {
	for _, s := range []string{"", "012", "yes", "1e3", "{{ .x }}", "a\nb\n", " x ", `"'\`, "\ufeff", "\u2028\u0085", "\x00\x07", "12:30:00", "<<", "- a", "# b", "a: b", "~", "0x1_F", "é🚀", "\t"} {
		f.Add(s, "shop", "16")
	}
	f.Add("x", "e3", "1e3")
	f.Add("x", "on", "012")
	f.Add("x", "null", "16.10")
	f.Fuzz(func(t *testing.T, value, project, version string) {
		if !utf8.ValidString(value) || checkLabel("name", project, longestLabel) != nil || !isEngineVersion(version) {
			return // the checks refuse it
		}
		in := valuesInput(shop())
		in.Key.Project = project
		in.Project.Env = []EnvVar{{Name: "A", Value: &value}, {Name: "B", Value: new("end")}}
		got := throughRelease(t, in)
		if got.Project != project || got.Env[0].Value != value || got.Env[1].Value != "end" {
			t.Fatalf("%q, %q became %+v", value, project, got)
		}
		db := valuesInput(store())
		db.Project.Version = version
		if got := throughRelease(t, db); got.Version != version || got.Image.Tag != version {
			t.Fatalf("version %q became %+v", version, got)
		}
	})
}

type readValues struct {
	Project, Version string
	Image            struct{ Tag string }
	Env              []struct{ Name, Value string }
}

// throughRelease builds values, writes and reads them in a release file, and reads them as Helm does.
func throughRelease(t *testing.T, in ValuesInput) readValues {
	t.Helper()
	values, err := BuildValues(in)
	if err != nil {
		t.Fatal(err)
	}
	r := &Release{Header: NewHeader(KindRelease, "v1.0.3")}
	r.Spec.Values = values
	file, err := EncodeRelease(r, Key{"ws-1", "shop"}, 7, nil)
	if err != nil {
		t.Fatal(err)
	}
	var back Release
	if err := yaml.Unmarshal(file, &back); err != nil {
		t.Fatalf("%v\n%s", err, file)
	}
	if back.Spec.Values != values {
		t.Fatalf("not word for word:\n%s\n%s", values, back.Spec.Values)
	}
	var read readValues
	if err := helmyaml.Unmarshal([]byte(values), &read); err != nil {
		t.Fatalf("%v\n%s", err, values)
	}
	return read
}
