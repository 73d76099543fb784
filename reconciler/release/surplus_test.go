package release_test

import (
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/release"
)

func TestSurplus(t *testing.T) {
	version := func(n int) manifest.Version { return manifest.Version{Major: 1, Patch: n} }
	for _, tt := range []struct {
		name                        string
		files, newest, keep, coming int
		gone                        bool
		shown                       int // 0 for one that is not among those in question
		want                        int
	}{
		{name: "as many as are kept", files: 3, newest: 2, keep: 3},
		{name: "one too many", files: 4, newest: 3, keep: 3, want: 1},
		{name: "one more is about to be made", files: 3, newest: 2, keep: 3, coming: 1, want: 1},
		{name: "the newest that is honoured is the oldest", files: 4, newest: 0, keep: 2},
		{name: "it stays, and those before it go", files: 4, newest: 1, keep: 1, want: 1},
		{name: "it is about to be followed", files: 4, newest: 1, keep: 2, coming: 1, want: 3},
		{name: "nobody says how many", files: release.DefaultKeep + 2, newest: release.DefaultKeep + 1, want: 2},
		{name: "what GitOps shows runs, as the newer ones are refused", files: 6, newest: 5, keep: 2, shown: 2, want: 3},
		{name: "the project has gone", files: 9, newest: 8, keep: 1, gone: true},
	} {
		v := &config.View{Present: !tt.gone, Newest: &manifest.Release{Header: manifest.NewHeader(manifest.KindRelease, version(tt.newest).String())}}
		for i := range tt.files {
			v.Releases = append(v.Releases, config.ReleaseFile{Version: version(i)})
		}
		shown := version(tt.shown)
		if tt.shown == 0 {
			shown = manifest.Version{}
		}
		old := release.Surplus(v, tt.keep, tt.coming, shown)
		if len(old) != tt.want {
			t.Errorf("%s: %d release files go, want %d", tt.name, len(old), tt.want)
		}
		next := 0
		for _, file := range old {
			if next == tt.shown && tt.shown > 0 {
				next++
			}
			if file.Version != version(next) {
				t.Errorf("%s: %s goes before older ones", tt.name, file.Version)
			}
			next++
		}
	}
}
