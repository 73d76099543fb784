package plan

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/hexops/gotextdiff"
	"github.com/hexops/gotextdiff/myers"
	textspan "github.com/hexops/gotextdiff/span"
	"gopkg.in/yaml.v3"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
)

// toBeBuilt stands for the digest of an image that is not there yet.
const toBeBuilt = "(to be built)"

// url is where the project is served after the change; empty when it is not.
func (p *Project) url(v *config.View, before decision.Before, seen decision.Observed) string {
	if !v.Parsed || !v.Present {
		return ""
	}
	made := manifest.Authored{Project: v.Spec, Platform: v.Inputs}
	switch running := decision.RunningRelease(before, v); {
	case p.makes():
		made = nextAuthored(before, v, seen)
	case running != nil:
		made = manifest.Authored{Project: running.Spec.Project, Platform: running.Spec.Platform}
	}
	domain := strings.TrimPrefix(made.Platform.Host, v.Key.Project+"-"+v.Key.Workspace+".")
	hosts := manifest.HostsOf(v.Key, made.Project, domain)
	if len(hosts) == 0 {
		return ""
	}
	return made.Platform.Ingress.URL(hosts[0])
}

// makes says that a new release is made.
func (p *Project) makes() bool { return p.Action == Create || p.Action == Release }

// nextAuthored is what the next release is made of: what people wrote, unless it is held.
func nextAuthored(before decision.Before, v *config.View, seen decision.Observed) manifest.Authored {
	made := manifest.Authored{Project: v.Spec, Platform: v.Inputs}
	next, base := decision.Next(before, v, seen)
	if base == nil {
		return made
	}
	if next[manifest.PartProject] != manifest.ProjectKey(v.Spec) {
		made.Project = base.Spec.Project
	}
	if next[manifest.PartPlatform] != manifest.PlatformKey(v.Inputs) {
		made.Platform = base.Spec.Platform
	}
	return made
}

// values adds the inferred values and the diff of the Helm values to a plan.
func (p *Project) values(ch *change, t config.Transition, before decision.Before, seen decision.Observed, ran *manifest.Release) error {
	if !t.After.Present || !t.After.Parsed {
		if p.Action == Remove && ran != nil {
			p.ValuesDiff = unified(string(ran.Spec.Values), "")
		}
		return nil
	}
	made := manifest.Authored{Project: t.After.Spec, Platform: t.After.Inputs}
	if p.makes() {
		made = nextAuthored(before, t.After, seen)
	}
	in := manifest.ValuesInput{Key: t.Key, Project: made.Project, Platform: made.Platform}
	in.Images = nextImages(made.Project, t.After, before, seen)
	if found, known := ch.options.Found[t.Key]; known {
		fill(in.Images, found)
	}
	if w := ch.catalog.Workspaces[t.Key.Workspace]; w != nil && w.Spec != nil {
		p.Inferred = manifest.Infer(in, ch.catalog.Platform, w.Spec)
	}
	old := ""
	if ran != nil {
		old = string(ran.Spec.Values)
	}
	switch p.Action {
	case Rollback, RollForward:
		if next := decision.RunningRelease(before, t.After); next != nil {
			p.ValuesDiff = unified(old, string(next.Spec.Values))
			p.Restarts = restarts(old, string(next.Spec.Values))
			p.also(ch.options, t, next.Spec.Project)
		}
		return nil
	case Create, Release:
	default:
		return nil
	}
	version, err := manifest.ParseVersion(p.Next)
	if err != nil {
		return fmt.Errorf("naming the next release: %w", err)
	}
	in.Release = version
	document, err := manifest.BuildValues(in)
	if err != nil {
		return err
	}
	p.also(ch.options, t, made.Project)
	p.ValuesDiff = unified(old, string(document))
	p.Restarts = ran != nil && (p.Builds > 0 || restarts(old, string(document)))
	return nil
}

// nextImages are the images that the next release would have, as far as they are known.
func nextImages(made manifest.ProjectSpec, v *config.View, before decision.Before, seen decision.Observed) []manifest.Image {
	next, base := decision.Next(before, v, seen)
	var images []manifest.Image
	for _, input := range manifest.SourceInputs(made) {
		image := manifest.Image{Name: input.Image, Repository: decision.Destination(v, input), Tag: toBeBuilt, Digest: toBeBuilt}
		if input.Reference != "" {
			image.Repository, image.Tag = input.Reference, ""
		}
		key := next[input.Part]
		known, found := seen.Images[key]
		if base != nil && key != "" && base.Spec.Parts[input.Part] == key {
			known, found = base.Image(input.Image)
		}
		if found {
			known.Name = input.Image
			image = known
		} else if base != nil && readsAlike(base.Spec.Project, input) {
			ran, _ := base.Image(input.Image)
			image.Scope, image.ScopeReason = ran.Scope, ran.ScopeReason
		}
		images = append(images, image)
	}
	return images
}

// fill says of images that were never built what was found in their source.
func fill(images []manifest.Image, found manifest.Image) {
	for i := range images {
		if image := &images[i]; image.Digest == toBeBuilt {
			image.Framework, image.Port, image.Scope, image.ScopeReason = found.Framework, found.Port, found.Scope, found.ScopeReason
		}
	}
}

// readsAlike says that a build reads what it did before, as far as nobody has looked: it is of the same folder, in the same way.
func readsAlike(before manifest.ProjectSpec, input manifest.SourceInput) bool {
	return slices.ContainsFunc(manifest.SourceInputs(before), func(was manifest.SourceInput) bool {
		was.Source.Watch, input.Source.Watch = nil, nil
		return was.Part == input.Part && was.Key("") == input.Key("")
	})
}

// restarts says that two sets of values differ in what pods are made of.
func restarts(before, after string) bool {
	pods := func(values string) map[string]any {
		var m map[string]any
		if err := yaml.Unmarshal([]byte(values), &m); err != nil {
			return nil
		}
		for _, key := range []string{"release", "replicas", "host", "ingress"} {
			delete(m, key)
		}
		return m
	}
	return before != "" && after != "" && !reflect.DeepEqual(pods(before), pods(after))
}

func unified(before, after string) string {
	if before == after {
		return ""
	}
	edits := myers.ComputeEdits(textspan.URIFromPath("values.yaml"), before, after)
	return fmt.Sprint(gotextdiff.ToUnified("values.yaml", "values.yaml", before, edits))
}

// changedFields names the authored fields that differ, without their values.
func changedFields(t config.Transition) []string {
	if t.Before == nil || !t.Before.Parsed || !t.Before.Present || !t.After.Parsed || !t.After.Present {
		return nil
	}
	before, after := map[string]string{}, map[string]string{}
	flatten("spec", asTree(t.Before.Spec), before)
	flatten("spec", asTree(t.After.Spec), after)
	flatten("platform", asTree(t.Before.Inputs), before)
	flatten("platform", asTree(t.After.Inputs), after)
	fields := maps.Clone(before)
	maps.Copy(fields, after)
	differs := func(field string) bool {
		old, had := before[field]
		now, has := after[field]
		return had != has || old != now
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(fields)), func(field string) bool {
		own, ofPlatform := strings.CutPrefix(field, "platform.")
		// A default is dropped because the project says so itself: that is one change.
		return !differs(field) || ofPlatform && differs("spec."+own)
	})
}

func asTree(v any) any {
	var tree any
	document, err := manifest.Encode(v)
	if err != nil || yaml.Unmarshal(document, &tree) != nil {
		return nil
	}
	return tree
}

// flatten writes the leaves of a tree by their path. Entries of a list that have a name go by it.
func flatten(path string, tree any, into map[string]string) {
	switch node := tree.(type) {
	case map[string]any:
		for key, value := range node {
			flatten(path+"."+key, value, into)
		}
	case []any:
		for i, value := range node {
			label := fmt.Sprint(i)
			if entry, ok := value.(map[string]any); ok && entry["name"] != nil {
				label = fmt.Sprint(entry["name"])
			}
			flatten(path+"["+label+"]", value, into)
		}
	default:
		into[strings.TrimSuffix(path, ".")] = fmt.Sprint(node)
	}
}
