package decision

import (
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
)

// RefusedImages are the authored images at HEAD that could not be used and are held for that, by their part.
func RefusedImages(run manifest.RunSpec, v *config.View) map[string]string {
	if len(run.Holds) == 0 || !v.Present || !v.Parsed {
		return nil
	}
	var refused map[string]string
	for _, input := range manifest.SourceInputs(v.Spec) {
		key := ""
		if input.Reference != "" {
			key = input.Key(input.ReferenceID())
		}
		if key != "" && slices.ContainsFunc(run.Holds, func(h manifest.Hold) bool { return refusedImage(h) && h.Part == input.Part && h.Key == key }) {
			if refused == nil {
				refused = map[string]string{}
			}
			refused[input.Part] = input.Reference
		}
	}
	return refused
}

// refusedImage says that a hold is on an image that somebody named: there is no commit of an app, and nothing was built.
func refusedImage(h manifest.Hold) bool {
	return h.Reason == manifest.HeldFailed && h.Source == "" && !authored(h.Part)
}

// FailedHold is the hold of a part that failed; nothing when there is none.
func FailedHold(run manifest.RunSpec, part string) manifest.Hold {
	i := slices.IndexFunc(run.Holds, func(h manifest.Hold) bool { return h.Part == part && h.Reason == manifest.HeldFailed })
	if i < 0 {
		return manifest.Hold{}
	}
	return run.Holds[i]
}

// ImageCame ends the hold of an authored image that can be used by now, and of what came with it.
func ImageCame(run manifest.RunSpec, part string) manifest.RunSpec {
	for _, came := range run.Holds {
		if came.Part == part && refusedImage(came) {
			run.Holds = without(run.Holds, func(h manifest.Hold) bool {
				return h == came || h.Reason == manifest.HeldWaiting && h.WaitsFor == came.Key
			})
		}
	}
	return run
}
