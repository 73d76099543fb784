package card_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/card"
	"github.com/plateform/plateform/reconciler/plan"
)

var update = flag.Bool("update", false, "write the golden files")

var (
	shop = manifest.Key{Workspace: "ws-1", Project: "shop"}
	api  = manifest.Key{Workspace: "ws-1", Project: "api"}
)

func planOf(projects ...plan.Project) *plan.Plan {
	return &plan.Plan{
		Hash: "sha256:" + strings.Repeat("a", 64), Base: strings.Repeat("b", 40), Head: strings.Repeat("c", 40), Projects: projects,
	}
}

func released(k manifest.Key) plan.Project {
	return plan.Project{
		Key: k, Type: manifest.Monolithic, Action: plan.Release, Current: "v1.0.3", Next: "v1.0.4", BuildReason: "image known, 0 builds",
		URL: "https://" + k.Project + ".apps.example.com", Effects: plan.Effects{Restarts: true}, Changes: []string{"spec.env[LEVEL].value"},
		Inferred:   []manifest.Inference{{Field: "port", Value: "8080", Reason: "monolithic apps listen there"}},
		ValuesDiff: "--- values.yaml\n+++ values.yaml\n@@ -1 +1 @@\n-release: v1.0.3\n+release: v1.0.4\n   - name: LEVEL\n-    value: \"canary-old\"\n+    value: \"canary-new\"\n",
	}
}

// What people see on a pull request: before the merge, on a rollback, while it goes on, and afterwards.
func TestCards(t *testing.T) {
	rollback := plan.Project{Key: shop, Type: manifest.Monolithic, Action: plan.Rollback, Current: "v1.0.4", Next: "v1.0.3", BuildReason: "image known, 0 builds", URL: "https://shop.apps.example.com"}
	several := planOf(released(shop), released(api))
	several.Quota = []plan.Quota{{Workspace: "ws-1", QuotaUse: manifest.QuotaUse{What: "cpu", Used: "750m", Limit: "4"}, Before: "500m"}}
	broken := planOf()
	broken.Problems = manifest.Problems{{File: "workspaces/ws-1/projects/shop/project.yaml", Line: 3, Column: 7, What: "unknown key \"replica\"", Fix: "did you mean replicas?"}}
	done := card.Progress{
		Project: shop, State: reconciler.StateSuccess, Stage: reconciler.StageDeployed, Description: "v1.0.4 runs", Release: "v1.0.4", LiveURL: "https://shop.apps.example.com",
		RollbackURL: "https://git.example.com/acme/platform-config/delete/main/workspaces/ws-1/projects/shop/releases/v1.0.4.yaml",
	}
	merged := strings.Repeat("e", 40)
	taken := done
	taken.RolledBackBy = strings.Repeat("d", 40)
	for name, c := range map[string]card.Card{
		"release":  {Plan: planOf(released(shop)), Woken: "webhook +0.4 s", Command: "plateform plan --base b --head c --diff"},
		"several":  {Plan: several, Woken: "found by polling after 41 s"},
		"broken":   {Plan: broken, Rights: manifest.Problems{{File: "platform.yaml", What: "only platform admins may change this"}}},
		"trouble":  {Trouble: "the head cannot be merged into main: both change workspaces/ws-1/workspace.yaml"},
		"rollback": {Plan: planOf(rollback), Registry: map[manifest.Key]card.Presence{shop: card.There}},
		"gone":     {Plan: planOf(rollback), Registry: map[manifest.Key]card.Presence{shop: card.Gone}},
		"progress": {Merged: merged, Progress: []card.Progress{
			{Project: shop, State: reconciler.StatePending, Stage: reconciler.StageBuilding, Description: "building shop at 0123456789", LogURL: "https://builds.example.com/7"},
			{Project: api, State: reconciler.StateFailure, Stage: reconciler.StageFailed, Description: "v1.0.4 does not get healthy: it crashes; v1.0.3 keeps running"},
		}},
		"nothing":     {Merged: merged},
		"live":        {Merged: merged, Progress: []card.Progress{done}},
		"rolled-back": {Merged: merged, Progress: []card.Progress{taken}},
		"failed":      {Merged: merged, Progress: []card.Progress{done, {Project: api, State: reconciler.StateFailure, Stage: reconciler.StageFailed, Description: "build failed: main.go:3"}}},
	} {
		golden(t, name, c.Markdown())
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".md")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// However much there is to say, a card is no longer than it may be, is well formed, and counts what it leaves out.
func TestALongCardIsCut(t *testing.T) {
	p := planOf()
	for i := range 400 {
		project := released(manifest.Key{Workspace: "ws-1", Project: fmt.Sprintf("p%03d", i)})
		project.ValuesDiff += strings.Repeat("+x: y\n", 200)
		p.Projects = append(p.Projects, project)
		p.Problems = append(p.Problems, manifest.Problem{File: "platform.yaml", What: strings.Repeat("é", 900)})
	}
	c := card.Card{Plan: p, Command: "plateform plan --base b --head c --diff", Woken: "webhook +0.4 s"}
	for i := range 300 {
		c.Progress = append(c.Progress, card.Progress{Project: p.Projects[i].Key, State: reconciler.StateSuccess, Description: strings.Repeat("ü", 400)})
	}
	c.Progress = append(c.Progress, card.Progress{Project: shop, State: reconciler.StateFailure, Description: "the one that failed"})
	got := c.Markdown()
	if len(got) > card.Limit || !utf8.ValidString(got) {
		t.Errorf("the card has %d bytes, valid UTF-8: %v", len(got), utf8.ValidString(got))
	}
	for _, want := range []string{"Left out here", "projects", "plateform plan --base b --head c --diff", "webhook +0.4 s", "the one that failed"} {
		if !strings.Contains(got, want) {
			t.Errorf("it lacks %q", want)
		}
	}
	few := card.Card{Plan: planOf(p.Projects[:40]...), Command: c.Command}.Markdown()
	if len(few) > card.Limit || strings.Count(few, "<details>") != strings.Count(few, "</details>") || strings.Count(few, "```")%2 != 0 {
		t.Errorf("the diffs of %d bytes are not closed", len(few))
	}
	if !strings.Contains(few, "diffs") {
		t.Error("it does not say that diffs are left out")
	}
}

// spans are code spans: nothing in them becomes a link.
var spans = regexp.MustCompile("`[^`\n]*`")

// What people wrote breaks out of nothing, mentions nobody, refers to no issue, becomes no link, and shows no value.
func FuzzHostileText(f *testing.F) {
	for _, seed := range []string{
		"a|b`c\n## <script>@alice [x](https://evil.test) *b* ![i](http://evil.test) #12 www.evil.test", "```\n</details>", "<!-- plateform:card -->", "\u202etxt.exe\u0000", "$\\href{x}{y}$", "&lt;b&gt;", "](<javascript:alert(1)>)",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, hostile string) {
		p := released(shop)
		p.BuildReason, p.Changes, p.Why = hostile, []string{hostile}, []string{hostile}
		p.Inferred = []manifest.Inference{{Field: hostile, Value: hostile, Reason: hostile}}
		made := planOf(p, released(api))
		made.Problems = manifest.Problems{{File: hostile, Line: 1, What: hostile, Fix: hostile}}
		made.Unknown = []string{hostile}
		c := card.Card{Plan: made, Woken: hostile, Command: hostile, Rights: made.Problems, Progress: []card.Progress{{Project: shop, Description: hostile, LiveURL: hostile, LogURL: hostile}}}
		got, plain := c.Markdown(), card.Card{Plan: planOf(released(shop), released(api)), Rights: nil, Progress: []card.Progress{{Project: shop}}}.Markdown()
		if strings.Count(got, card.Marker) != 1 || !utf8.ValidString(got) || len(got) > card.Limit {
			t.Fatalf("it is not one card:\n%s", got)
		}
		for _, structure := range []string{"<details>", "</details>", "\n```", "\n### ", "\n#### ", "<script", "](<javascript"} {
			if strings.Count(got, structure) > strings.Count(plain, structure) {
				t.Errorf("it has another %q:\n%s", structure, got)
			}
		}
		for _, line := range strings.Split(spans.ReplaceAllString(strings.ReplaceAll(got, "\\`", ""), ""), "\n") {
			for _, bad := range []string{" @alice", "|@alice", " #12", "canary"} {
				if strings.Contains(line, bad) {
					t.Errorf("it has %q in %q", bad, line)
				}
			}
		}
	})
}

// What woke Plateform is no news: the comment is the same, and left alone.
func TestTheSameCommentWhateverWoke(t *testing.T) {
	one := card.Card{Trouble: "it conflicts", Woken: "webhook +0.4 s"}.Comment()
	two := card.Card{Trouble: "it conflicts", Woken: "found by polling after 41 s"}.Comment()
	moved := planOf(released(shop))
	moved.Base = strings.Repeat("d", 40)
	if a, b := (card.Card{Plan: planOf(released(shop))}), (card.Card{Plan: moved, Woken: "the branch moved"}); a.Comment().Same != b.Comment().Same || a.Summary() != b.Summary() ||
		a.Markdown() == b.Markdown() || strings.Contains(b.Summary(), "the branch moved") || !strings.Contains(b.Summary(), "v1.0.4") {
		t.Errorf("on another base it says\n%s\nand not\n%s", b.Summary(), a.Summary())
	}
	other := card.Card{Trouble: "it conflicts elsewhere", Woken: "webhook +0.4 s"}.Comment()
	if one.Same != two.Same || one.Text == two.Text || one.Same == other.Same {
		t.Errorf("two wakings:\n%s\n%s\nanother trouble:\n%s", one.Text, two.Text, other.Text)
	}
	for _, line := range []string{one.Same, one.Marker} {
		if !strings.Contains("\n"+one.Text, "\n"+line+"\n") {
			t.Errorf("the comment does not have the line %q:\n%s", line, one.Text)
		}
	}
}
