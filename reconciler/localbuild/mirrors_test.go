package localbuild_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/reconciler/localbuild"
)

func TestParseMirrors(t *testing.T) {
	got, err := localbuild.ParseMirrors([]string{"docker.io=mirror.example.com:5000/hub", "quay.io=http://127.0.0.1:5001", "127.0.0.1:80=a/b-c/d.e_f"})
	want := localbuild.Mirrors{"docker.io": "mirror.example.com:5000/hub", "quay.io": "http://127.0.0.1:5001", "127.0.0.1:80": "a/b-c/d.e_f"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, tt := range []struct {
		says string
		all  []string
	}{
		{"write REGISTRY=MIRROR", []string{"docker.io"}},
		{"docker.io has two mirrors", []string{"docker.io=a", "docker.io=b"}},
		{"write its host alone", []string{"docker.io/library=mirror"}},
		{"write its host alone", []string{"https://docker.io=mirror"}},
		{"write its host alone", []string{"=mirror"}},
		{"is no mirror of docker.io", []string{"docker.io="}},
		{"is no mirror of docker.io", []string{"docker.io=https://mirror"}},
		{"is no mirror of docker.io", []string{"docker.io=robot:hunter2@mirror"}},
		{"is no mirror of docker.io", []string{"docker.io=mirror/"}},
		{"is no mirror of docker.io", []string{"docker.io=mirror/../x"}},
		{"is no mirror of docker.io", []string{"docker.io=mirror\"\nblocked = true"}},
	} {
		if m, err := localbuild.ParseMirrors(tt.all); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%q: %v, %v, want %q", tt.all, m, err, tt.says)
		}
	}
}

// Tools that read a registries.conf get one with the mirrors, and are taken before those that do not.
func TestToolsAreToldOfMirrors(t *testing.T) {
	const conf = `unqualified-search-registries = ["docker.io"]

[[registry]]
location = "docker.io"

[[registry.mirror]]
location = "mirror.example.com/hub"

[[registry]]
location = "quay.io"

[[registry.mirror]]
location = "127.0.0.1:5001"
insecure = true
`
	mirrors := localbuild.Mirrors{"docker.io": "mirror.example.com/hub", "quay.io": "http://127.0.0.1:5001"}
	keep := `[ -z "$CONTAINERS_REGISTRIES_CONF" ] || cp "$CONTAINERS_REGISTRIES_CONF" $here/conf` + "\n"
	for _, tt := range []struct {
		name    string
		tools   map[string]string
		mirrors localbuild.Mirrors
		tool    string
		conf    string
		says    string
	}{
		{"buildah before a daemon", map[string]string{"buildctl": buildctl, "buildah": buildah, "docker": docker}, mirrors, "buildah", conf,
			"images of quay.io come from http://127.0.0.1:5001; what that does not have, from quay.io"},
		{"podman before docker", map[string]string{"buildctl": buildctl, "docker": docker, "podman": docker}, mirrors, "podman", conf, "come from mirror.example.com/hub"},
		{"docker alone", map[string]string{"docker": docker}, mirrors, "docker", conf, "the mirror mirror.example.com/hub of docker.io is not used: docker takes mirrors from the settings of its daemon alone"},
		{"no mirrors", map[string]string{"buildah": buildah, "podman": docker}, nil, "buildah", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newToolbox(t)
			for tool, body := range tt.tools {
				b.add(t, tool, keep+body)
			}
			src := sourceWith(t, map[string]string{"Dockerfile": "FROM scratch\n"})
			d, err := localbuild.Detect(src, nil)
			if err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			steps := localbuild.Steps{Name: "one", Work: t.TempDir(), Cache: t.TempDir(), Mirrors: tt.mirrors, Log: &log}
			if tool, takes, err := steps.Tool(t.Context()); err != nil || tool != tt.tool || takes != (tool != "docker") {
				t.Errorf("Tool says %q, mirrors %t, %v", tool, takes, err)
			}
			if _, _, err := steps.Build(t.Context(), src, d, nil); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(filepath.Join(b.dir, "conf")); string(got) != tt.conf || (err != nil) != (tt.conf == "") {
				t.Errorf("the registries.conf is %v\n%s", err, got)
			}
			if !strings.Contains(log.String(), tt.says) || tt.says == "" && strings.Contains(log.String(), "mirror") {
				t.Errorf("the log is\n%s", log.String())
			}
			if last := b.read(t, "calls"); !strings.Contains(last, tt.tool+" ") {
				t.Errorf("called was\n%s", last)
			}
		})
	}
}

// Tools that make images in the format of the OCI by themselves are told not to: it has no place for a HEALTHCHECK.
func TestImagesAreMadeAsDockerMakesThem(t *testing.T) {
	for tool, body := range map[string]string{"buildah": buildah, "podman": docker} {
		t.Run(tool, func(t *testing.T) {
			b := newToolbox(t)
			b.add(t, tool, body)
			if _, _, _, err := followDockerfile(t, "FROM scratch\n"); err != nil {
				t.Fatal(err)
			}
			if calls := b.read(t, "calls"); !strings.Contains(calls, "--format=docker") {
				t.Errorf("called was\n%s", calls)
			}
		})
	}
}
