package manifest

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest/signing"
	"github.com/plateform/plateform/manifest/strict"
)

// releaseOf writes a release file of what is authored.
func releaseOf(t testing.TB, in ValuesInput, by string, key *signing.Key) []byte {
	t.Helper()
	values, err := BuildValues(in)
	if err != nil {
		t.Fatal(err)
	}
	r := &Release{Header: NewHeader(KindRelease, in.Release.String()), Spec: ReleaseSpec{
		Parts:  Parts{PartSource: "sha256:" + strings.Repeat("0", 64), PartProject: ProjectKey(in.Project), PartPlatform: PlatformKey(in.Platform)},
		Images: in.Images, Chart: Chart{Name: string(in.Project.Type), Version: "1.0.0", Digest: "sha256:" + strings.Repeat("c", 64)},
		Values: values, Project: in.Project, Platform: in.Platform, Plan: PlanHash(in.Key, in.Project, in.Platform),
		Cause:     Cause{Kind: CauseConfig, Commit: strings.Repeat("a", 40), Config: strings.Repeat("a", 40), By: by},
		Build:     &BuildRecord{URL: "https://jenkins.example.com/job/1", Seconds: 84, Scan: &ScanResult{High: 2}},
		CreatedAt: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
	}}
	file, err := EncodeRelease(r, in.Key, 7, key)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// A release of what is still authored is read without parsing all of it, and comes to the same.
func TestReadReleaseOfWhatIsAuthored(t *testing.T) {
	key := testKey(t, 1)
	keys := []signing.PublicKey{key.Public()}
	for name, in := range valuesInputs() {
		t.Run(name, func(t *testing.T) {
			now := Authored{in.Project, in.Platform}
			for _, signed := range []bool{false, true} {
				var by *signing.Key
				var trusted []signing.PublicKey
				if signed {
					by, trusted = &key, keys
				}
				file := releaseOf(t, in, "Zoë: O'Hara", by)
				full, problems := ReadRelease(file, Expected{Key: in.Key, Version: in.Release, Owner: 7, Keys: trusted}, nil)
				if len(problems) > 0 {
					t.Fatal(problems)
				}
				quick := readUnchanged(file, Expected{Key: in.Key, Version: in.Release, Owner: 7, Keys: trusted}, now)
				if quick == nil {
					t.Fatalf("it is parsed although nothing has changed:\n%s", file)
				}
				if diff := cmp.Diff(full, quick); diff != "" {
					t.Errorf("read without parsing it is another (-parsed +read):\n%s", diff)
				}
				paused := now
				paused.Project.Paused = true
				if quick := readUnchanged(file, Expected{Key: in.Key, Version: in.Release, Owner: 7, Keys: trusted}, paused); quick == nil || quick.Spec.Project.Paused {
					t.Errorf("with the project paused since, it is read as %+v", quick)
				}
				changed := now
				changed.Platform.Namespace = "other"
				if readUnchanged(file, Expected{Key: in.Key, Version: in.Release, Owner: 7, Keys: trusted}, changed) != nil {
					t.Error("it takes what is authored now for what it was made of")
				}
				if got, problems := ReadRelease(file, Expected{Key: in.Key, Version: in.Release, Owner: 7, Keys: trusted}, &changed); !cmp.Equal(got, full) {
					t.Errorf("with something else authored it is read as %+v, %v", got, problems)
				}
			}
		})
	}
}

// Whatever byte is changed, neither way reads the file, and it counts as sealed in no place but its own.
func TestReadReleaseThatWasEdited(t *testing.T) {
	key := testKey(t, 1)
	in := valuesInput(shop())
	now := &Authored{in.Project, in.Platform}
	file := releaseOf(t, in, "alice", &key)
	read := func(data []byte, k Key, v Version, owner int64, keys ...signing.PublicKey) bool {
		r, problems := ReadRelease(data, Expected{Key: k, Version: v, Owner: owner, Keys: keys}, now)
		if (r == nil) == (len(problems) == 0) {
			t.Errorf("it returns %v and %v", r, problems)
		}
		if sealed := Sealed(data, Expected{Key: k, Version: v, Owner: owner, Keys: keys}); sealed != (r != nil) {
			t.Errorf("sealed: %v, but read: %v", sealed, r != nil)
		}
		return r != nil
	}
	if !read(file, in.Key, in.Release, 7, key.Public()) {
		t.Fatal("it is not read as it was written")
	}
	for i := range file {
		edited := bytes.Clone(file)
		edited[i] ^= 1
		if read(edited, in.Key, in.Release, 7, key.Public()) {
			t.Errorf("byte %d was edited, and it is honoured", i)
		}
	}
	other := Key{"ws-1", "other"}
	if read(file, other, in.Release, 7, key.Public()) || read(file, in.Key, in.Release.Next(), 7, key.Public()) ||
		read(file, in.Key, in.Release, 8, key.Public()) || read(file, in.Key, in.Release, 7, testKey(t, 2).Public()) {
		t.Error("it is honoured somewhere else")
	}
}

func FuzzReadRelease(f *testing.F) {
	for _, s := range []string{"", "x", "a\nb", "|", "x: |", "- >", "  plan: sha256:00", "\n  project:\n", "yes", "é", "a: b", strings.Repeat("x ", 99)} {
		f.Add(s, s, s)
	}
	f.Fuzz(func(t *testing.T, value, build, by string) {
		in := valuesInput(shop())
		in.Project.Env = []EnvVar{{Name: "A", Value: &value}}
		in.Project.Build = &Build{Env: []BuildVar{{Name: "B", Value: build}}}
		if strict.CheckText("f", []byte(value)) != nil || strict.CheckText("f", []byte(build)) != nil || strict.CheckText("f", []byte(by)) != nil || by == "" || strings.ContainsAny(by, "<>\n") {
			return // the parser refuses it, and Git has no such names
		}
		if _, err := BuildValues(in); err != nil {
			return // the checks refuse it
		}
		file := releaseOf(t, in, by, nil)
		full, problems := ReadRelease(file, Expected{Key: in.Key, Version: in.Release, Owner: 7, Keys: nil}, nil)
		if full == nil || !cmp.Equal(full.Spec.Project, in.Project) || full.Spec.Cause.By != by {
			t.Fatalf("of %q, %q, %q it says %v\n%s", value, build, by, problems, file)
		}
		quick := readUnchanged(file, Expected{Key: in.Key, Version: in.Release, Owner: 7, Keys: nil}, Authored{in.Project, in.Platform})
		if quick != nil && !cmp.Equal(full, quick) {
			t.Errorf("%v\n%s", problems, cmp.Diff(full, quick))
		}
	})
}
