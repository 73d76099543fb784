package e2e

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/plateform/plateform/manifest"
)

// checkInvariants holds what is so at the end of every story, whatever happened in it.
func (w *world) checkInvariants() {
	w.t.Helper()
	w.config.checkHistory()
	w.gitops.checkHistory()
	w.checkReleases()
	w.checkValues()
	for commit, reports := range w.notes() {
		w.checkReports(commit, reports)
	}
}

// checkReleases: a release is one file in one commit of its own, made once, and Plateform never touches it again but to
// remove it when it is too old.
func (w *world) checkReleases() {
	w.t.Helper()
	made := map[string]string{}
	for _, commit := range lines(w.config.look("log", "--reverse", "--author=^Plateform <", "--format=%H", "main")) {
		changes := lines(w.config.look("show", "--name-status", "--format=", commit))
		subject := w.config.look("log", "-1", "--format=%s", commit)
		for _, change := range changes {
			status, file, _ := strings.Cut(change, "\t")
			if f, ok := manifest.FileOf(file); !ok || f.Kind != manifest.KindRelease {
				w.t.Errorf("%q (%s) touches %s, which is not Plateform's", subject, commit, file)
			}
			switch {
			case status == "A" && len(changes) == 1 && made[file] == "":
				made[file] = commit
			case status == "D" && !strings.HasPrefix(subject, "Release "):
			default:
				w.t.Errorf("%q (%s) changes %v; %s was made by %q", subject, commit, changes, file, made[file])
			}
		}
	}
}

// checkValues: what runs is word for word what a release file says or said.
func (w *world) checkValues() {
	w.t.Helper()
	for _, file := range lines(w.gitops.look("ls-tree", "-r", "--name-only", "main")) {
		parts := strings.Split(file, "/")
		if len(parts) != 4 || parts[0] != "workspaces" || parts[3] != "values.yaml" {
			continue
		}
		p := &project{w: w, workspace: parts[1], name: parts[2]}
		running := p.values()
		var r struct {
			Spec struct{ Values manifest.Document }
		}
		release := w.lastContent(p.releaseFile(running.Release))
		if err := yaml.Unmarshal([]byte(release), &r); err != nil {
			w.t.Errorf("%s: %v", p.releaseFile(running.Release), err)
		}
		if string(r.Spec.Values) != running.text {
			w.t.Errorf("%s of the GitOps repository is not what release %s says:\n%s\nbut\n%s", file, running.Release, running.text, r.Spec.Values)
		}
	}
}

// lastContent is the newest content that Plateform ever gave a file of the config repository, also when it is gone.
func (w *world) lastContent(file string) string {
	commits := lines(w.config.look("log", "--all", "--reflog", "--author=^Plateform <", "--diff-filter=A", "--format=%H", "--", file))
	if len(commits) == 0 {
		return ""
	}
	return w.config.readAt(commits[0], file)
}

// checkReports: a run goes forward through its stages and ends at most once, with its last report. A failure that goes on by
// itself may come after a success, and the run begins anew after it. A rollout that failed may get healthy after all.
func (w *world) checkReports(commit string, reports []report) {
	w.t.Helper()
	order := []string{"queued", "building", "scanning", "pushing", "updating GitOps", "synced", "deployed", "failed", "superseded", "held"}
	last := map[string]report{}
	for _, r := range reports {
		run := r.Context + " " + r.Source
		before, known := last[run]
		if known && strings.HasPrefix(before.Description, "the rollout of ") && r.State == "success" && r.Stage == "deployed" {
			last[run] = r
			continue
		}
		if known && before.terminal() && !(r.Waits && before.State == "success") {
			w.t.Errorf("%s on %s says %+v after it had ended with %+v", run, commit, r, before)
		}
		if known && !before.Waits && slices.Index(order, r.Stage) < slices.Index(order, before.Stage) {
			w.t.Errorf("%s on %s goes back from %s to %s", run, commit, before.Stage, r.Stage)
		}
		if !slices.Contains(order, r.Stage) || !slices.Contains([]string{"pending", "success", "failure"}, r.State) || r.At.IsZero() {
			w.t.Errorf("%s on %s is no report: %+v", run, commit, r)
		}
		last[run] = r
	}
}
