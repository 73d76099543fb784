package images

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fake is registries that note how they are asked.
type fake struct {
	answer func(repository, digest string) (bool, error)

	mu     sync.Mutex
	asked  map[string]int
	inside map[string]int // by repository
	most   int
	twice  bool // one repository was asked twice at once
}

// Has implements registries.
func (f *fake) Has(_ context.Context, repository, digest string) (bool, error) {
	f.mu.Lock()
	f.asked[repository+"@"+digest]++
	f.inside[repository]++
	f.twice = f.twice || f.inside[repository] > 1
	f.most = max(f.most, len(f.inside))
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.inside[repository]--; f.inside[repository] == 0 {
			delete(f.inside, repository)
		}
	}()
	return f.answer(repository, digest)
}

func newFake(answer func(repository, digest string) (bool, error)) *fake {
	return &fake{answer: answer, asked: map[string]int{}, inside: map[string]int{}}
}

// Each image is asked for once, in a bounded number of repositories at a time, and told under each release that names it.
func TestAsk(t *testing.T) {
	const projects, releases = 1000, 10
	var named []Missing
	for p := range projects {
		for r := range releases {
			named = append(named, Missing{Project: fmt.Sprintf("ws-1/p%04d", p), Release: fmt.Sprintf("v1.0.%d", r), Newest: r == releases-1, Image: "app",
				Repository: fmt.Sprintf("r.test/ws-1/p%04d", p), Digest: fmt.Sprintf("sha256:%d", r/2)})
		}
	}
	f := newFake(func(repository, digest string) (bool, error) {
		return !(repository == "r.test/ws-1/p0007" && digest == "sha256:1" || repository == "r.test/ws-1/p0500" && digest == "sha256:4"), nil
	})
	r := Report{}
	if err := r.ask(t.Context(), f, named); err != nil {
		t.Fatal(err)
	}
	want := []Missing{named[7*releases+2], named[7*releases+3], named[500*releases+8], named[500*releases+9]}
	if diff := cmp.Diff(want, r.Missing); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	if r.Images != projects*releases/2 || len(f.asked) != r.Images || len(r.Unknown) > 0 {
		t.Errorf("%d images, %d were asked for; unknown is %v", r.Images, len(f.asked), r.Unknown)
	}
	for image, times := range f.asked {
		if times != 1 {
			t.Errorf("%s was asked for %d times", image, times)
		}
	}
	if f.twice || f.most > atOnce {
		t.Errorf("%d repositories were asked at once, one of them twice: %t", f.most, f.twice)
	}
}

// What cannot be known is told once for each reason. An answer about one image says nothing of the next.
func TestAskWithoutAnAnswer(t *testing.T) {
	named := []Missing{{Project: "ws-1/a", Release: "v1.0.0", Repository: "r.test/a", Digest: "sha256:1"}, {Project: "ws-1/a", Release: "v1.0.1", Repository: "r.test/a", Digest: "sha256:2"}}
	r := Report{}
	err := r.ask(t.Context(), newFake(func(_, digest string) (bool, error) {
		if digest == "sha256:1" {
			return false, errors.New("that is no digest")
		}
		return false, nil
	}), named)
	if err != nil || len(r.Missing) != 1 || r.Missing[0].Release != "v1.0.1" || len(r.Unknown) != 1 || r.Unknown[0] != (Unknown{"r.test", 1, "that is no digest"}) {
		t.Errorf("%+v, %v", r, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.ask(ctx, newFake(nil), named); !errors.Is(err, context.Canceled) {
		t.Errorf("after its end it comes to %v", err)
	}
}

// The words fit the exit code.
func TestTell(t *testing.T) {
	for _, tt := range []struct {
		report Report
		prints string
		says   string
	}{
		{Report{Projects: 1, Releases: 2, Images: 2}, "Looked for 2 images of 2 releases of 1 project: all are there.\n", ""},
		{Report{Missing: []Missing{{Project: "ws-1/a", Release: "v1.0.0", Newest: true, Repository: "r.test/a", Digest: "sha256:1"}}}, "ws-1/a v1.0.0, the newest: r.test/a@sha256:1 is not there\n", "1 image of releases is not there"},
		{Report{Unknown: []Unknown{{"r.test", 7, "503"}, {"s.test", 1, "401"}}}, "r.test: 7 images not known: 503\ns.test: 1 image not known: 401\n", "of 8 images nothing is known"},
		{Report{Unreadable: []string{"x.yaml"}}, "x.yaml: it cannot be read\n", "1 release file cannot be read"},
	} {
		var out strings.Builder
		err := tt.report.tell(&out, "text")
		if !strings.Contains(out.String(), tt.prints) || (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%+v: %v\n%s", tt.report, err, out.String())
		}
	}
}
