package scan_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/scan"
)

// built is a builder whose builds have all ended well.
type built struct {
	started []reconciler.BuildRequest
}

func (b *built) Start(_ context.Context, r reconciler.BuildRequest) error {
	b.started = append(b.started, r)
	return nil
}

func (b *built) Statuses(_ context.Context, ids []string) (map[string]reconciler.BuildStatus, error) {
	statuses := map[string]reconciler.BuildStatus{}
	for _, id := range ids {
		statuses[id] = reconciler.BuildStatus{
			Stages: []reconciler.Stage{reconciler.StageBuilding, reconciler.StagePushing}, Done: true,
			Image: &manifest.Image{Repository: "harbor.test/ws-1/shop", Digest: "sha256:" + id},
		}
	}
	return statuses, nil
}

func (*built) Cancel(context.Context, string) error { return nil }

// scanner answers one after the other what it was given, and the last of it for ever.
type scanner struct {
	found []*manifest.ScanResult
	err   error
	asked int
	again int
}

func (s *scanner) Result(_ context.Context, repository, digest string, again bool) (*manifest.ScanResult, error) {
	s.asked++
	if again {
		s.again++
		return nil, nil
	}
	if s.err != nil {
		return nil, s.err
	}
	found := s.found[0]
	if len(s.found) > 1 {
		s.found = s.found[1:]
	}
	return found, nil
}

// gated is a gate with what is on both sides of it.
type gated struct {
	*scan.Gate
	t       *testing.T
	builder *built
	scanner *scanner
	now     time.Time
}

func newGated(t *testing.T, found ...*manifest.ScanResult) *gated {
	g := &gated{t: t, builder: &built{}, scanner: &scanner{found: found}, now: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)}
	g.Gate = scan.NewGate(g.builder, g.scanner, func() time.Time { return g.now })
	return g
}

func (g *gated) start(failOn, attempt string) {
	g.t.Helper()
	if err := g.Start(g.t.Context(), reconciler.BuildRequest{ID: "a1", Attempt: attempt, Scan: manifest.ScanPolicy{FailOn: failOn}}); err != nil {
		g.t.Fatal(err)
	}
}

func (g *gated) status() reconciler.BuildStatus {
	g.t.Helper()
	statuses, err := g.Statuses(g.t.Context(), []string{"a1"})
	if err != nil {
		g.t.Fatal(err)
	}
	return statuses["a1"]
}

func TestWithoutAPolicyNobodyIsAsked(t *testing.T) {
	g := newGated(t)
	g.start("", "")
	if s := g.status(); s.Image == nil || g.scanner.asked != 0 {
		t.Errorf("%+v, asked %d times", s, g.scanner.asked)
	}
}

func TestABuildHasEndedWhenItsImageWasScanned(t *testing.T) {
	g := newGated(t, nil, &manifest.ScanResult{High: 2})
	g.start("critical", "")
	if got := g.builder.started[0].Scan; got.FailOn != "" {
		t.Errorf("the builder is to scan, too: %+v", got)
	}
	if s := g.status(); s.Done || s.Image != nil || len(s.Stages) != 2 {
		t.Errorf("while it is being looked at it is %+v", s)
	}
	for range 3 {
		if s := g.status(); !s.Done || s.Image == nil || s.Scan == nil || s.Scan.High != 2 {
			t.Errorf("afterwards it is %+v", s)
		}
	}
	if g.scanner.asked != 2 {
		t.Errorf("it was asked %d times", g.scanner.asked)
	}
	g.start("high", "") // the policy of now
	if s := g.status(); s.Failure == nil || s.Image != nil || !strings.Contains(s.Failure.Summary, "found 2 high") || s.Failure.Temporary {
		t.Errorf("with a stricter policy it is %+v", s)
	}
}

func TestAnotherAttemptIsScannedAnew(t *testing.T) {
	g := newGated(t, &manifest.ScanResult{Critical: 1})
	g.start("high", "")
	if s := g.status(); s.Failure == nil {
		t.Fatalf("it is %+v", s)
	}
	g.start("high", "") // the same again
	if s := g.status(); s.Failure == nil || g.scanner.asked != 1 {
		t.Errorf("asked %d times: %+v", g.scanner.asked, s)
	}
	g.start("high", "commit2")
	g.scanner.found = []*manifest.ScanResult{{}}
	if s := g.status(); s.Done || g.scanner.again != 1 {
		t.Errorf("scanned anew %d times: %+v", g.scanner.again, s)
	}
	if s := g.status(); s.Image == nil || g.scanner.again != 1 {
		t.Errorf("scanned anew %d times: %+v", g.scanner.again, s)
	}
}

func TestARegistryThatDoesNotSay(t *testing.T) {
	g := newGated(t, nil)
	g.scanner.err = errors.New("harbor is down")
	g.start("high", "")
	if s := g.status(); !s.Done || s.Image != nil || s.Failure == nil || !s.Failure.Temporary || !strings.Contains(s.Failure.Summary, "harbor is down (it is asked again by itself)") {
		t.Errorf("%+v", s.Failure)
	}
	g.scanner.err = nil
	g.start("high", "")
	if s := g.status(); s.Done {
		t.Errorf("it is %+v", s)
	}
	g.now = g.now.Add(31 * time.Minute)
	if s := g.status(); s.Failure == nil || !s.Failure.Temporary || !strings.Contains(s.Failure.Summary, "more than 30m") {
		t.Errorf("after half an hour it is %+v", s)
	}
	g.start("high", "")
	if s := g.status(); s.Done {
		t.Errorf("asked anew it is %+v", s)
	}
}
