package reconciler_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

func TestACloneOfABuildStatusSharesNothing(t *testing.T) {
	status := func() reconciler.BuildStatus {
		return reconciler.BuildStatus{
			Stages: []reconciler.Stage{reconciler.StageBuilding}, Done: true,
			Image: &manifest.Image{Digest: "sha256:1"}, Failure: &reconciler.BuildFailure{Summary: "no"}, Scan: &manifest.ScanResult{High: 1},
		}
	}
	kept := status()
	clone := kept.Clone()
	if diff := cmp.Diff(kept, clone); diff != "" {
		t.Errorf("the clone differs (-want +got):\n%s", diff)
	}
	clone.Stages[0], clone.Image.Digest, clone.Failure.Summary, clone.Scan.High = reconciler.StagePushing, "sha256:2", "yes", 2
	if diff := cmp.Diff(status(), kept); diff != "" {
		t.Errorf("a change of the clone changed what is kept (-want +got):\n%s", diff)
	}
}
