package examples

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/github/auth"
)

const appDir = "../../examples/github-app"

// readApp decodes a file of the example strictly.
func readApp(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(appDir + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// TestAppManifest: the App of the example may do what Plateform does, and nothing else.
func TestAppManifest(t *testing.T) {
	var manifest struct {
		Name, URL string
		Hook      struct {
			URL    string
			Active bool
		} `json:"hook_attributes"`
		Redirect    string `json:"redirect_url"`
		Public      bool
		Permissions auth.Permissions `json:"default_permissions"`
		Events      []string         `json:"default_events"`
	}
	readApp(t, "manifest.json", &manifest)
	want := auth.ConfigRepository()
	want["metadata"] = "read" // every App has it
	if diff := cmp.Diff(want, manifest.Permissions); diff != "" {
		t.Errorf("permissions (-used +example):\n%s", diff)
	}
	if diff := cmp.Diff(auth.Events(), manifest.Events); diff != "" {
		t.Errorf("events (-used +example):\n%s", diff)
	}
	if manifest.Public || !manifest.Hook.Active {
		t.Errorf("the App is %+v", manifest)
	}
}

// TestRuleset: merging waits for both checks of the App, and the App alone passes the rules by.
func TestRuleset(t *testing.T) {
	var set github.Ruleset
	readApp(t, "ruleset.json", &set)
	var checks []string
	for _, rule := range set.Rules {
		if rule.Type != "required_status_checks" {
			continue
		}
		var parameters github.RequiredStatusChecksRuleParameters
		if err := json.Unmarshal(*rule.Parameters, &parameters); err != nil {
			t.Fatal(err)
		}
		for _, check := range parameters.RequiredStatusChecks {
			checks = append(checks, check.Context)
			if check.GetIntegrationID() != set.BypassActors[0].GetActorID() {
				t.Errorf("%s may be said by anybody", check.Context)
			}
		}
	}
	slices.Sort(checks)
	if diff := cmp.Diff([]string{reconciler.OwnersCheck, reconciler.PlanCheck}, checks); diff != "" {
		t.Errorf("required checks (-want +got):\n%s", diff)
	}
	if len(set.BypassActors) != 1 || set.BypassActors[0].GetActorType() != "Integration" {
		t.Errorf("the rules are passed by by %v", set.BypassActors)
	}
}
