package decision

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// mixed is a project of which releases are made and taken back in commits that change something else too.
type mixed struct {
	view *config.View
	run  manifest.RunSpec
	tip  string
	ever map[string]*manifest.Release
}

func newMixed() *mixed {
	m := &mixed{tip: commit1, ever: map[string]*manifest.Release{}}
	m.view = newScene().head
	m.release()
	return m
}

func (m *mixed) tips() map[string]reconciler.Tip {
	if m.tip == "" {
		return nil
	}
	return map[string]reconciler.Tip{manifest.PartSource: {Commit: m.tip}}
}

// commit takes in a commit that changes the project and leaves so many releases fewer.
func (m *mixed) commit(fewer int, retry bool, edits ...func(v *config.View)) {
	after := *m.view
	after.Releases = after.Releases[:len(after.Releases)-fewer]
	for _, edit := range edits {
		edit(&after)
	}
	after.Newest = nil
	if n := len(after.Releases); n > 0 {
		after.Newest = m.ever[after.Releases[n-1].Version.String()]
	}
	s := Change{
		Transition: config.Transition{Key: m.view.Key, Before: m.view, After: &after},
		Commit:     "commit", Running: m.view.Newest, Retry: retry, Tips: m.tips(),
	}
	for _, file := range Withdrawn(s.Transition, s.Running) {
		s.Withdrawn = append(s.Withdrawn, m.ever[file.Version.String()])
	}
	if branchOf(m.view) != branchOf(&after) {
		m.tip = ""
	}
	s.Keys = KnownKeys(&after, s.Running, m.tips())
	m.run, m.view = Remember(m.run, s), &after
}

// release makes what HEAD says the newest release.
func (m *mixed) release() {
	v := m.view.Highest().Next()
	keys, _ := HeadKeys(m.view, nil, true, m.tips())
	m.ever[v.String()] = &manifest.Release{Header: manifest.NewHeader(manifest.KindRelease, v.String()), Spec: manifest.ReleaseSpec{
		Parts: keys, Images: []manifest.Image{{Name: "app", Digest: "sha256:" + m.tip, Commit: m.tip}}, Project: m.view.Spec, Platform: m.view.Inputs,
	}}
	m.commit(0, false, func(v *config.View) {
		v.Releases = append(v.Releases[:len(v.Releases):len(v.Releases)], config.ReleaseFile{Version: m.ever[v.Highest().Next().String()].Version()})
	})
}

func (m *mixed) push(commit string) { m.tip = commit }

func level(value string) func(*config.View) {
	return func(v *config.View) { v.Spec.Env = []manifest.EnvVar{{Name: "LEVEL", Value: &value}} }
}

func mode(value string) func(*config.View) {
	return func(v *config.View) {
		v.Spec.Build = &manifest.Build{Env: []manifest.BuildVar{{Name: "MODE", Value: value}}}
	}
}

func branch(name string) func(*config.View) {
	return func(v *config.View) {
		source := *v.Spec.Source
		source.Branch = name
		v.Spec.Source = &source
	}
}

func replicas(n int) func(*config.View) { return func(v *config.View) { v.Inputs.Replicas = n } }

// A commit takes releases back and changes something else too: what it changed is not held, nor what was never in them.
func TestRememberMixedCommits(t *testing.T) {
	tests := []struct {
		name string
		play func(m *mixed)
		held []string
	}{
		{"code is taken back, and a value changes", func(m *mixed) {
			m.push(commit2)
			m.release()
			m.commit(1, false, level("off"))
		}, []string{"source"}},
		{"code is taken back, and the platform changes", func(m *mixed) {
			m.push(commit2)
			m.release()
			m.commit(1, false, replicas(5))
		}, []string{"source"}},
		{"code is taken back, and how it is built changes", func(m *mixed) {
			m.push(commit2)
			m.release()
			m.commit(1, false, mode("x"))
		}, nil},
		{"code is taken back, and how it is built changes there and back, with nobody having looked", func(m *mixed) {
			built := m.view.Spec.Build
			m.push(commit2)
			m.release()
			m.commit(1, false)
			m.push("")
			m.commit(0, false, mode("x"))
			m.commit(0, false, func(v *config.View) { v.Spec.Build = built })
		}, nil},
		{"code is taken back, and a branch is followed that nobody has looked at", func(m *mixed) {
			m.push(commit2)
			m.release()
			m.commit(1, false, branch("next"))
		}, []string{"source"}},
		{"and which has other code", func(m *mixed) {
			m.push(commit2)
			m.release()
			m.commit(1, false, branch("next"))
			m.push(commit3)
			m.run = SourceMoved(Before{Run: m.run}, m.view, m.tips(), manifest.PartSource, false)
		}, nil},
		{"and which has the code that was taken back", func(m *mixed) {
			m.push(commit2)
			m.release()
			m.commit(1, false, branch("next"))
			m.push(commit2)
			m.run = SourceMoved(Before{Run: m.run}, m.view, m.tips(), manifest.PartSource, false)
		}, []string{"source"}},
		{"a value is taken back, and another is set", func(m *mixed) {
			m.commit(0, false, level("bad"))
			m.release()
			m.commit(1, false, level("good"))
		}, nil},
		{"a value is taken back, and the platform changes", func(m *mixed) {
			m.commit(0, false, level("bad"))
			m.release()
			m.commit(1, false, replicas(5))
		}, []string{"project"}},
		{"two releases are taken back at once, and a value changes", func(m *mixed) {
			m.push(commit2)
			m.release()
			m.commit(0, false, level("bad"))
			m.release()
			m.commit(2, false, level("good"))
		}, []string{"source"}},
		{"two releases are taken back at once, and the platform changes", func(m *mixed) {
			m.push(commit2)
			m.release()
			m.commit(0, false, level("bad"))
			m.release()
			m.commit(2, false, replicas(5))
		}, []string{"project", "source"}},
		{"a value changed before code was taken back, and was in no release", func(m *mixed) {
			m.push(commit2)
			m.release()
			m.commit(0, false, level("off"))
			m.commit(1, false)
		}, []string{"source"}},
		{"the platform changed before code was taken back", func(m *mixed) {
			m.push(commit2)
			m.release()
			m.commit(0, false, replicas(5))
			m.commit(1, false)
		}, []string{"source"}},
		{"code was pushed before a value is taken back, and was in no release", func(m *mixed) {
			m.commit(0, false, level("bad"))
			m.release()
			m.push(commit2)
			m.commit(1, false)
		}, []string{"project"}},
		{"a value changed on top of the one that is taken back: it has that one in it", func(m *mixed) {
			m.commit(0, false, level("bad"))
			m.release()
			m.commit(0, false, level("worse"))
			m.commit(1, false)
		}, []string{"project"}},
		{"a value is what an older one of the withdrawn had, and not the newest", func(m *mixed) {
			m.commit(0, false, level("bad"))
			m.release()
			m.commit(0, false, func(v *config.View) { v.Spec.Env = nil })
			m.release()
			m.commit(0, false, level("bad"))
			m.commit(2, false)
		}, []string{"project"}},
		{"a retry in the commit that takes code back: what was held before goes, what it takes back does not", func(m *mixed) {
			m.commit(0, false, level("bad"))
			m.release()
			m.commit(1, false)
			m.push(commit2)
			m.release()
			m.run.Holds = append(m.run.Holds, manifest.Hold{Part: manifest.PartPlatform, Key: "old", Reason: manifest.HeldRollback, Release: "v1.0.9"})
			m.commit(1, true)
		}, []string{"project", "source"}},
		{"the revert is reverted, and a value changes", func(m *mixed) {
			m.push(commit2)
			m.release()
			m.commit(1, false)
			m.commit(0, false, level("off"), func(v *config.View) {
				v.Releases = append(v.Releases[:len(v.Releases):len(v.Releases)], config.ReleaseFile{Version: v.Highest().Next()})
			})
		}, nil},
		{"no release is left, and a value changes: the code waits for another push", func(m *mixed) {
			m.commit(1, false, level("off"))
		}, []string{"platform", "source"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := newMixed()
			test.play(m)
			var held []string
			for _, h := range m.run.Holds {
				held = append(held, h.Part)
			}
			if diff := cmp.Diff(test.held, held); diff != "" {
				t.Errorf("held (-want +got):\n%s", diff)
			}
		})
	}
}

// What HEAD has where nobody has looked at a source is held at the key of each release that was withdrawn.
func TestRememberTwoWithdrawnUnseen(t *testing.T) {
	m := newMixed()
	for _, commit := range []string{commit2, commit3} {
		m.push(commit)
		m.release()
	}
	m.tip = ""
	m.commit(2, false)
	var held []string
	for _, h := range m.run.Holds {
		held = append(held, fmt.Sprintf("%s %.4s", h.Part, h.Source))
	}
	if diff := cmp.Diff([]string{"source 2222", "source 3333"}, held); diff != "" {
		t.Errorf("held (-want +got):\n%s", diff)
	}
}
