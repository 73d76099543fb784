package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/plateform/plateform/manifest"
)

const (
	// everyStepVariable makes TestKilledAtEveryStep try every moment, and not only some.
	everyStepVariable = "PLATEFORM_E2E_EVERY_STEP"
	// spread is how many moments it tries else.
	spread = 12
	// crashAt and crashLog are what the test build listens to; the product knows nothing of them.
	crashAt, crashLog = "PLATEFORM_CRASH_AT", "PLATEFORM_CRASH_LOG"
)

// fragileBinary builds the binary that can be told to kill itself at a certain moment.
func fragileBinary(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "plateform-crash")
	mustRun(t, ".", "go", "build", "-tags", "crash", "-o", binary, "github.com/plateform/plateform/cmd/plateform")
	return binary
}

// The binary under test has no means to be told to kill itself, unlike the one that is built for that.
func TestTheProductCannotBeToldToCrash(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	knows := func(binary string) bool {
		content, err := os.ReadFile(binary)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(content, []byte(crashAt))
	}
	if knows(os.Getenv(binaryVariable)) {
		t.Errorf("the binary under test knows %s", crashAt)
	}
	if !knows(fragileBinary(t)) {
		t.Errorf("the test build does not know %s", crashAt)
	}
}

// Killed before or after any one thing that it does to the world, and started again, the product ends a whole story where
// it ends without: same releases, same values, nothing built, released or told twice.
func TestKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	binary := fragileBinary(t)
	undisturbed := newFragileWorld(t, binary, 0)
	want := undisturbed.play()
	steps := undisturbed.moments
	if len(want.Verdicts) != 4 || want.Builds != 2 || len(want.Releases) != 2 {
		t.Fatalf("undisturbed, it ends with %+v", want)
	}
	if len(steps) < spread {
		t.Fatalf("the story has only these moments: %v", steps)
	}
	chosen := spread
	if os.Getenv(everyStepVariable) != "" {
		chosen = len(steps)
	}
	for i := range chosen {
		n := 1 + i*(len(steps)-1)/(chosen-1)
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			t.Logf("moment %d of %d: %s", n, len(steps), steps[n-1])
			w := newFragileWorld(t, binary, n)
			got := w.play()
			if reached := w.reached(); len(reached) != n {
				t.Errorf("it was to be killed at moment %d, but went through %v", n, reached)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("how it ends (-undisturbed +killed):\n%s", diff)
			}
		})
	}
}

// fragileWorld is a world with one project, served by a binary that kills itself at one moment of the story and by the
// product from then on.
type fragileWorld struct {
	*world
	shop *project
	log  string
	// moments of the story. What comes after it has some more, so that a story which bunches its reports otherwise has no
	// fewer.
	moments []string
}

// newFragileWorld starts serving; the process kills itself at the n-th moment, or never for 0.
func newFragileWorld(t *testing.T, binary string, n int) *fragileWorld {
	t.Helper()
	w := newWorld(t)
	w.setUp()
	settings := w.writeSettings()
	f := &fragileWorld{world: w, shop: w.goProject("ws-1", "shop"), log: filepath.Join(w.dir, "moments")}
	const script = `trap 'kill -TERM $child' TERM
"$FRAGILE" serve --config "$1" & child=$!
wait $child; code=$?
[ $code -eq 137 ] && exec "$` + binaryVariable + `" serve --config "$1"
wait $child`
	cmd := command(w.dir, "sh", "-c", script, "sh", settings)
	cmd.Env = append(cmd.Env, "FRAGILE="+binary, fmt.Sprintf("%s=%d", crashAt, n), crashLog+"="+f.log)
	w.server = startProcess(t, cmd, w.serveLog())
	return f
}

// reached are the moments that the process which kills itself has reached.
func (f *fragileWorld) reached() []string {
	f.t.Helper()
	content, err := os.ReadFile(f.log)
	if err != nil {
		f.t.Fatal(err)
	}
	found := lines(string(content))
	for i, line := range found {
		_, found[i], _ = strings.Cut(line, " ")
	}
	return found
}

// end is what is left of the story that does not depend on where and when it was played.
type end struct {
	Values   string            // of what runs
	Releases map[string]string // what each release file has as values
	Verdicts []string          // how each run ended, by what asked for it
	Builds   int
}

// play tells the story and returns how it ends: a workspace and a project are added, the app changes, the release of
// that is reverted, the project's settings change.
func (f *fragileWorld) play() end {
	f.t.Helper()
	shop := f.shop
	added := f.add(shop)
	shop.runs("v1.0.0")
	shop.verdict(added)
	pushed := shop.push("two")
	shop.runs("v1.0.1")
	shop.sourceVerdict(pushed)
	reverted := shop.revert("v1.0.1")
	shop.runs("v1.0.0")
	shop.verdict(reverted)
	edited := shop.edit(`env: [{name: COLOR, value: "blue"}]`)
	shop.runs("v1.0.2")
	shop.verdict(edited)
	f.moments = f.reached()
	f.settle()

	if got := shop.says(); got != "one" {
		f.t.Errorf("what runs says %q, want that of the release that was not reverted", got)
	}
	shop.wantNothingDoubled(2)
	e := end{Values: f.normal(shop.values().text), Releases: map[string]string{}, Builds: shop.builds()}
	for _, version := range shop.releases() {
		e.Releases[version] = f.normal(f.valuesOf(version))
	}
	subjects := map[string]string{added: "added", reverted: "reverted", edited: "edited", pushed: "pushed"}
	for commit, reports := range f.notes() {
		for _, r := range terminals(reports) {
			if subject := subjects[commit]; r.Context == shop.context() && (subject != "" || r.Source != "") {
				e.Verdicts = append(e.Verdicts, strings.TrimSpace(fmt.Sprintf("%s%s: %s, %s", subject, subjects[r.Source], r.State, r.Stage)))
			}
		}
	}
	slices.Sort(e.Verdicts)
	return e
}

// valuesOf are the values that a release file has.
func (f *fragileWorld) valuesOf(version string) string {
	f.t.Helper()
	var r struct {
		Spec struct{ Values manifest.Document }
	}
	if err := yaml.Unmarshal([]byte(f.lastContent(f.shop.releaseFile(version))), &r); err != nil {
		f.t.Fatalf("release %s: %v", version, err)
	}
	return string(r.Spec.Values)
}

// normal are values without what differs from world to world: the address of the registry, and the digest, which covers
// where the source lies. In place of the digest is what the image says.
func (f *fragileWorld) normal(text string) string {
	f.t.Helper()
	var v struct{ Image image }
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		f.t.Fatalf("%v in\n%s", err, text)
	}
	text = strings.ReplaceAll(text, f.registry.host, "registry")
	return strings.ReplaceAll(text, v.Image.Digest, "an image that says "+f.says(v.Image))
}
