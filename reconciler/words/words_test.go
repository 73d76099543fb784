package words

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// told is a report but for its outcome, and what a commit says of it.
type told struct {
	name string
	reconciler.Report
	words string
	url   string
}

const (
	liveURL  = "https://shop.example.com"
	buildURL = "https://ci.example.com/job/1"
	logTail  = "connecting as robot with hunter2"
)

// places are two problems, each with its place and what to do.
func places() manifest.Problems {
	return manifest.Problems{
		{File: "workspaces/ws-1/shop/project.yaml", Line: 7, Column: 3, Field: "spec.replicaz", What: "unknown field", Fix: "write replicas"},
		{File: "platform.yaml", What: "it is not there"},
	}
}

const placesInWords = "workspaces/ws-1/shop/project.yaml:7:3: unknown field (write replicas)\nplatform.yaml: it is not there"

func TestWords(t *testing.T) {
	for outcome, cases := range allCases() {
		for _, tt := range cases {
			t.Run(string(outcome)+" "+tt.name, func(t *testing.T) { tt.check(t, outcome) })
		}
	}
}

func allCases() map[reconciler.Outcome][]told {
	all := underWayCases()
	for _, group := range []map[reconciler.Outcome][]told{asItHasToBeCases(), failureCases(), setAsideCases(), filesCases()} {
		maps.Copy(all, group)
	}
	return all
}

// check gives every report the same project, links and log lines, so that the words and the URL alone differ.
func (tt told) check(t *testing.T, outcome reconciler.Outcome) {
	r := tt.Report
	r.Outcome = outcome
	r.Project = manifest.Key{Workspace: "ws-1", Project: "shop"}
	r.Source, r.At = strings.Repeat("9", 40), time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	r.LiveURL = liveURL
	r.Build = reconciler.BuildFacts{ID: "4f5e6d", What: "1234567890", URL: buildURL, LogTail: logTail}
	want := reconciler.Statement{
		Context: "plateform/ws-1/shop", State: r.State, Stage: r.Stage, Description: tt.words, URL: tt.url, Source: r.Source, At: r.At,
	}
	if outcome == reconciler.OutcomeBuildFailed || outcome == reconciler.OutcomeImageRefused {
		want.Build = "4f5e6d"
	}
	if outcome == reconciler.OutcomeUnchanged {
		want.Unchanged = "4f5e6d"
	}
	want.Idle = outcome == reconciler.OutcomeBuildWaits
	if !r.Since.IsZero() {
		want.Fails = r.Release.Version
	}
	got := Statement(r)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("statement (-want +got):\n%s", diff)
	}
	if strings.Contains(fmt.Sprintf("%+v", got), "hunter2") {
		t.Error("everybody can read a line of the log")
	}
}

func pendingAt(stage reconciler.Stage) reconciler.Report {
	return reconciler.Report{State: reconciler.StatePending, Stage: stage}
}

func success(stage reconciler.Stage, version string) reconciler.Report {
	return reconciler.Report{State: reconciler.StateSuccess, Stage: stage, Release: reconciler.ReleaseFacts{
		Version: version, GitOps: "abcdef0123456789abcdef0123456789abcdef01",
	}}
}

func failure(version, before string) reconciler.Report {
	return reconciler.Report{
		State: reconciler.StateFailure, Stage: reconciler.StageFailed, Release: reconciler.ReleaseFacts{Version: version, Before: before},
	}
}

func (r told) reach(reach reconciler.Reach) told {
	r.Release.Reach = reach
	return r
}

func (r told) detail(text string) told {
	r.Detail = text
	return r
}

func (r told) problems() told {
	r.Problems = places()
	return r
}

func (r told) holds(holds ...manifest.Hold) told {
	r.Holds = holds
	return r
}

func (r told) lost(parts ...string) told {
	for _, part := range parts {
		r.Lost = append(r.Lost, manifest.LostSource{
			Part: part, Reason: manifest.LostBranch, What: reconciler.LostWhat(manifest.LostBranch, manifest.Source{Repository: "https://git.test/shop"}),
		})
	}
	return r
}

func underWayCases() map[reconciler.Outcome][]told {
	return map[reconciler.Outcome][]told{
		reconciler.OutcomeWaiting: {
			{"its turn", pendingAt(reconciler.StageQueued), "queued", ""},
			told{"something else", pendingAt(reconciler.StageQueued), "waiting for what is under way", ""}.detail("what is under way"),
		},
		reconciler.OutcomeBuildWaits: {
			told{"in a queue", pendingAt(reconciler.StageQueued), "waiting for Jenkins: Waiting for next available executor", ""}.
				detail("Jenkins: Waiting for next available executor"),
		},
		reconciler.OutcomePushRefused: {
			told{"a protected branch", pendingAt(reconciler.StageUpdatingGitOps), "waiting: the server refuses Plateform's push of plateform-gitops: GH006\n" +
				"let Plateform's account push there (rules of the branch, hooks, signatures, quota); it goes on by itself", ""}.
				detail("the server refuses Plateform's push of plateform-gitops: GH006"),
		},
		reconciler.OutcomeRetrying: {
			told{"a source", pendingAt(reconciler.StageQueued), "trying again: reading /srv/nowhere.git: not found\nwait, or mend what it says; it goes on by itself", ""}.
				detail("reading /srv/nowhere.git: not found"),
			told{"a registry", pendingAt(reconciler.StagePushing), "trying again: 403 Forbidden (give the account access)\nwait, or mend what it says; it goes on by itself", ""}.
				detail("403 Forbidden (give the account access)\n" + logTail),
		},
		reconciler.OutcomePushUnanswered: {
			told{"silence", pendingAt(reconciler.StageUpdatingGitOps), "trying again: Plateform's push of plateform-gitops does not get in: no answer in 30s\n" +
				"see that the server is well and can be reached from where serve runs (plateform doctor asks it); it goes on by itself", ""}.
				detail("Plateform's push of plateform-gitops does not get in: no answer in 30s"),
		},
		reconciler.OutcomeBuilding: {
			{"", pendingAt(reconciler.StageBuilding), "building 1234567890", buildURL},
			{"further on", pendingAt(reconciler.StagePushing), "pushing 1234567890", buildURL},
		},
		reconciler.OutcomeReleasing: {{"", reconciler.Report{
			State: reconciler.StatePending, Stage: reconciler.StageUpdatingGitOps, Release: reconciler.ReleaseFacts{Version: "v1.0.1"},
		}, "releasing v1.0.1", ""}},
	}
}

func asItHasToBeCases() map[reconciler.Outcome][]told {
	synced := success(reconciler.StageSynced, "v1.0.1")
	synced.State = reconciler.StatePending
	unpushed := success(reconciler.StageUpdatingGitOps, "v1.0.1")
	unpushed.Release.GitOps = ""
	const bothHeld = "source 1234567890 is held because v1.0.1 was rolled back and its build failed, " +
		"project is held because v1.0.1 was rolled back (change it, or run `plateform retry ws-1/shop`)"
	holds := []manifest.Hold{
		{Part: "source", Reason: manifest.HeldRollback, Release: "v1.0.1", Source: "1234567890abcdef"},
		{Part: "project", Reason: manifest.HeldRollback, Release: "v1.0.1"},
		{Part: "source", Reason: manifest.HeldFailed, Source: "1234567890abcdef"},
	}
	reused := success(reconciler.StageDeployed, "v1.0.1")
	reused.Release.Reused = true
	return map[reconciler.Outcome][]told{
		reconciler.OutcomeRuns: {
			{"in GitOps", success(reconciler.StageUpdatingGitOps, "v1.0.1"), "v1.0.1 is in plateform-gitops at abcdef0123", liveURL},
			{"in GitOps, who knows where", unpushed, "v1.0.1 is in plateform-gitops", liveURL},
			{"rolling out", synced, "rolling out v1.0.1", ""},
			told{"rolling out, and why it takes so long", synced, "rolling out v1.0.1: 1 of 2 pods is ready", ""}.detail("1 of 2 pods is ready"),
			{"deployed", success(reconciler.StageDeployed, "v1.0.1"), "v1.0.1 runs", liveURL},
			told{"live", success(reconciler.StageDeployed, "v1.0.1"), "v1.0.1 is live", liveURL}.reach(reconciler.Reach{Live: true}),
			told{"live, and hard to find", success(reconciler.StageDeployed, "v1.0.1"), "v1.0.1 runs; answers through the ingress; DNS does not know it", liveURL}.
				reach(reconciler.Reach{Live: true, Missing: "DNS does not know it"}),
			told{"not asked", success(reconciler.StageDeployed, "v1.0.1"), "v1.0.1 runs; whether it answers is not known; the ingress cannot be reached from here", liveURL}.
				reach(reconciler.Reach{Unasked: true, Missing: "the ingress cannot be reached from here"}),
			{"deployed without a build", reused, "v1.0.1 runs (its image is reused: this source was built before)", liveURL},
			told{"with something held", success(reconciler.StageUpdatingGitOps, "v1.0.0"),
				"v1.0.0 is in plateform-gitops at abcdef0123; " + bothHeld, liveURL}.holds(holds...),
		},
		reconciler.OutcomeUnchanged: {
			{"built to what runs", success(reconciler.StageDeployed, "v1.0.1"),
				"nothing new to release: the build came to the image that runs, v1.0.1", liveURL},
			told{"with something held", success(reconciler.StageUpdatingGitOps, "v1.0.1"),
				"nothing new to release: the build came to the image that runs, v1.0.1; " + bothHeld, liveURL}.holds(holds...),
		},
		reconciler.OutcomeNothingRuns: {
			{"", success(reconciler.StageUpdatingGitOps, ""), "nothing to run", liveURL},
			told{"with something held", success(reconciler.StageUpdatingGitOps, ""), "nothing runs; " + bothHeld, liveURL}.holds(holds...),
		},
		reconciler.OutcomeRemoved:  {{"", success(reconciler.StageUpdatingGitOps, ""), "removed", liveURL}},
		reconciler.OutcomeDataKept: {{"", success(reconciler.StageUpdatingGitOps, ""), "removed; its data is kept", liveURL}},
	}
}

func failureCases() map[reconciler.Outcome][]told {
	return map[reconciler.Outcome][]told{
		reconciler.OutcomeBuildFailed: {
			told{"", failure("", ""), "build failed: main.go:3 does not compile (mend the source and push)\nits log: `plateform logs ws-1/shop --build`", buildURL}.
				detail("main.go:3 does not compile (mend the source and push)"),
			told{"with log lines in the detail", failure("", ""), "build failed: main.go:3 does not compile\nits log: `plateform logs ws-1/shop --build`", buildURL}.
				detail("main.go:3 does not compile\n" + logTail),
		},
		reconciler.OutcomeImageRefused: {
			told{"", failure("", "v1.0.0"), "project.yaml:5:3: the image r.test/app:2 cannot be used: no such tag\nit is asked for again by itself\nv1.0.0 keeps running", ""}.
				detail("project.yaml:5:3: the image r.test/app:2 cannot be used: no such tag"),
		},
		reconciler.OutcomeRolloutFailed: {
			told{"", failure("v1.0.1", "v1.0.0"), "the rollout of v1.0.1 failed: it does not answer on /health\n" +
				"mend it and push, or run `plateform rollback ws-1/shop` to go back to v1.0.0", ""}.detail("it does not answer on /health"),
			told{"of the first release", failure("v1.0.0", ""), "the rollout of v1.0.0 failed: it does not answer on /health\nmend it and push", ""}.
				detail("it does not answer on /health\n" + logTail),
			told{"with places", failure("v1.0.1", "v1.0.0"), "the rollout of v1.0.1 failed: " + placesInWords +
				"\nmend it and push, or run `plateform rollback ws-1/shop` to go back to v1.0.0", ""}.problems(),
		},
		reconciler.OutcomeFails: {
			told{"", failsSince("v1.0.1"), "v1.0.1 fails since 2026-11-22 11:00 UTC: it ended with exit code 7\n" +
				"mend that, or run `plateform rollback ws-1/shop`; it is told here once it is well again", ""}.detail("it ended with exit code 7"),
		},
		reconciler.OutcomeImageGone: {
			told{"", failure("v1.0.1", "v1.0.0"), "the rollout of v1.0.1 failed: the image r.test/app@sha256:1 is gone", ""}.detail("the image r.test/app@sha256:1 is gone"),
		},
		reconciler.OutcomeRefused: {
			told{"", failure("v1.0.0", "v1.0.1"), "not deployed: " + placesInWords, ""}.problems(),
			told{"in one line", failure("v1.0.0", ""), "not deployed: the quota is used up", ""}.detail("the quota is used up"),
		},
		reconciler.OutcomeNotHonoured: {
			told{"", failure("v1.0.1", "v1.0.0"), "not honoured: " + placesInWords + "\nv1.0.0 keeps running", ""}.problems(),
			told{"and nothing runs", failure("v1.0.1", ""), "not honoured: " + placesInWords, ""}.problems(),
		},
		reconciler.OutcomeBlocked: {
			told{"", failure("v1.0.0", ""), "nothing new is released: " + placesInWords + "\nv1.0.0 keeps running", ""}.problems(),
			told{"a release that was to come", failure("v1.0.1", "v1.0.0"), "nothing new is released: the disk is full\nv1.0.0 keeps running", ""}.
				detail("the disk is full"),
			told{"and nothing runs", failure("", ""), "nothing new is released: " + placesInWords, ""}.problems(),
		},
		reconciler.OutcomeSourceLost: {
			told{"", failure("", "v1.0.0"), "no push is released: the source is not followed: there is no branch main in https://git.test/shop " +
				"(create it, or change source.branch; it goes on by itself)\nv1.0.0 keeps running", ""}.lost(manifest.PartSource),
			told{"of two services", failure("", ""), "no push is released: the source of api is not followed: there is no branch main in https://git.test/shop " +
				"(create it, or change source.branch; it goes on by itself), the source of web is not followed: there is no branch main in " +
				"https://git.test/shop (create it, or change source.branch; it goes on by itself)", ""}.lost("source/api", "source/web"),
		},
		reconciler.OutcomeFrozen: {{"", failure("v1.0.1", ""), "the config history was rewritten and release v1.0.1 vanished; " +
			"what runs stays (run `plateform retry ws-1/shop` to go on from what is there)", ""}},
	}
}

func setAsideCases() map[reconciler.Outcome][]told {
	superseded := success(reconciler.StageSuperseded, "")
	superseded.SupersededBy = "fedcba9876543210fedcba9876543210fedcba98"
	return map[reconciler.Outcome][]told{
		reconciler.OutcomeHeld: {told{"", success(reconciler.StageHeld, "v1.0.0"),
			"held: source/api 1234567890 is held because its build failed (change it, or run `plateform retry ws-1/shop`)", liveURL}.
			holds(manifest.Hold{Part: "source/api", Reason: manifest.HeldFailed, Source: "1234567890abcdef"}),
			told{"an image that somebody named", success(reconciler.StageHeld, "v1.0.0"),
				"held: source is held because its image cannot be used (change it, or run `plateform retry ws-1/shop`)", liveURL}.
				holds(manifest.Hold{Part: "source", Reason: manifest.HeldFailed})},
		reconciler.OutcomePaused: {{"", success(reconciler.StageHeld, "v1.0.0"),
			"held: the project is paused (remove `paused: true` to go on)", liveURL}},
		reconciler.OutcomeSuperseded: {{"", superseded, "superseded by fedcba9876", ""}},
	}
}

func filesCases() map[reconciler.Outcome][]told {
	return map[reconciler.Outcome][]told{
		reconciler.OutcomeFilesBroken: {
			told{"", failure("", ""), placesInWords, ""}.problems(),
			told{"in one line", failure("", ""), "the config repository has become empty", ""}.detail("the config repository has become empty"),
		},
		reconciler.OutcomeFilesMended: {{"", success(reconciler.StageUpdatingGitOps, ""), "every file can be used again", liveURL}},
	}
}

// TestEveryOutcomeHasWords reads the outcomes from where they are declared: a new one needs words and a case.
func TestEveryOutcomeHasWords(t *testing.T) {
	declared := outcomes(t)
	if len(declared) < 10 {
		t.Fatalf("found the outcomes %v, want all of them", declared)
	}
	all := allCases()
	for _, outcome := range declared {
		if len(all[outcome]) == 0 {
			t.Errorf("outcome %q has no case above", outcome)
		}
		for _, tt := range all[outcome] {
			if tt.words == "" {
				t.Errorf("outcome %q has no words", outcome)
			}
		}
	}
}

// outcomes are the constants of type Outcome.
func outcomes(t *testing.T) []reconciler.Outcome {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../report.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []reconciler.Outcome
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Outcome" {
			return true
		}
		for _, value := range spec.Values {
			literal, ok := value.(*ast.BasicLit)
			if !ok {
				t.Fatalf("the value of %v is no literal", spec.Names)
			}
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, reconciler.Outcome(text))
		}
		return true
	})
	return found
}

func TestWordsOfTheConfigRepository(t *testing.T) {
	s := Statement(reconciler.Report{
		State: reconciler.StateFailure, Stage: reconciler.StageFailed, Outcome: reconciler.OutcomeFilesBroken, Problems: places(),
	})
	if s.Context != reconciler.ConfigContext || s.Description != placesInWords {
		t.Errorf("got %+v", s)
	}
}

func TestAnOutcomeOfLaterSaysItsDetail(t *testing.T) {
	if words := Of(reconciler.Report{Outcome: "verified", Detail: "all is well"}); words != "all is well" {
		t.Errorf("got %q", words)
	}
}

// failsSince is a report of a release that was healthy.
func failsSince(version string) reconciler.Report {
	r := failure(version, "")
	r.Since = time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC)
	return r
}
