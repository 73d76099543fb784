package doctor

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/reconciler/embedded"
)

// brokenInWords is how many broken images are named.
const brokenInWords = 5

// checkImages looks at what the embedded registry has on disk: how much that is, and whether it is whole.
func (d *examination) checkImages(ctx context.Context) []Diagnosis {
	const what = "images"
	if !d.settings.Registry.Embedded() {
		return nil
	}
	dir := d.settings.ImagesDir()
	c, err := embedded.Inspect(ctx, dir)
	if err != nil {
		return []Diagnosis{broken(what, err, "let the user that runs serve read there")}
	}
	has := fmt.Sprintf("%s: %s, %s", dir, terminal.Count(c.Images, "image"), sizeText(uint64(c.Bytes)))
	var found []Diagnosis
	switch {
	case len(c.Broken) > 0:
		named := strings.Join(c.Broken[:min(brokenInWords, len(c.Broken))], ", ")
		found = append(found, fail(what, fmt.Sprintf("%s; %s damaged or without a part: %s", has, terminal.Count(len(c.Broken), "image"), named),
			"a new commit in the app's repository builds it anew, an image of your own has to be pushed again; and look at the disk"))
	case c.Unchecked > 0:
		found = append(found, warn(what, fmt.Sprintf("%s; %s not looked at in time", has, terminal.Count(c.Unchecked, "file")), "give more with --timeout"))
	case c.Images > 0:
		found = append(found, ok(what, "%s, all whole; plateform images copy REGISTRY moves them to another registry", has))
	default:
		found = append(found, ok(what, "%s", has))
	}
	if c.Aside > 0 {
		found = append(found, warn(what, fmt.Sprintf("%s put aside in %s, as they were damaged", terminal.Count(c.Aside, "file"), dir), "look at the disk; they are removed after a week"))
	}
	return found
}

// checkEmbedded says what can be said of the embedded registry without asking it; false when it has to be asked.
func (d *examination) checkEmbedded(ctx context.Context, what string) ([]Diagnosis, bool) {
	settings, url := d.settings.Registry, d.platform.Spec.Registry.URL
	if !settings.Embedded() {
		return nil, false
	}
	if !settings.IsEmbedded(url) {
		return []Diagnosis{warn(what, fmt.Sprintf("platform.yaml names %s, and not the embedded registry at %s: new images go there", url, settings.Listen),
			"set registry.url in platform.yaml to "+settings.Listen+", or, once no release file names that, registry.kind to external")}, false
	}
	var listening net.ListenConfig
	listener, err := listening.Listen(ctx, "tcp", settings.Listen)
	if err != nil {
		return nil, false // somebody is there
	}
	if err := listener.Close(); err != nil {
		return []Diagnosis{broken(what, fmt.Errorf("giving %s back: %w", settings.Listen, err), "run plateform doctor again")}, true
	}
	return []Diagnosis{ok(what, "%s is free: serve is the registry there, for this machine alone", settings.Listen)}, true
}
