package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/plateform/plateform/reconciler/harbor"
	"github.com/plateform/plateform/reconciler/registry"
	"github.com/plateform/plateform/reconciler/release"
)

// checkHarbor asks a Harbor whether it is well, has a scanner, shows us the project of our images, and keeps those of releases.
func (d *examination) checkHarbor(ctx context.Context) []Diagnosis {
	const what = "harbor"
	if !d.settings.Registry.IsHarbor() || d.platform == nil {
		return nil
	}
	options, err := d.settings.Registry.Options()
	if err != nil {
		return []Diagnosis{broken(what, err, checkRegistrySettings)}
	}
	options.Root = func() string { return d.platform.Spec.Registry.URL }
	images, err := registry.New(options)
	if err != nil {
		return []Diagnosis{broken(what, err, checkRegistrySettings)}
	}
	defer images.Close()
	repository := atRegistry{d}.someImage()
	host, _, _ := strings.Cut(repository, "/")
	login := images.LoginFor(repository)
	client := harbor.New(harbor.Options{
		Host: func() string { return host }, Username: login.Username, Password: harbor.Secret(login.Password), Insecure: options.Insecure, Clock: d.now,
	})
	defer client.Close()
	keep := d.platform.Spec.Releases.Keep
	if keep <= 0 {
		keep = release.DefaultKeep
	}
	found, err := client.Probe(ctx, repository, keep)
	if err != nil {
		return []Diagnosis{broken(what, err, "check that the project is there, that registry in serve.yaml names an account of it that may read it, and that registry.kind is right")}
	}
	return atRegistry{d}.judgeHarbor(what, found, keep)
}

// judgeHarbor says what of a Harbor's condition matters.
func (d atRegistry) judgeHarbor(what string, c harbor.Condition, keep int) (found []Diagnosis) {
	if len(c.Unhealthy) > 0 {
		found = append(found, fail(what, "it is not well: "+strings.Join(c.Unhealthy, "; "), "see the log of these components of Harbor"))
	}
	if policy := d.platform.Spec.Policy.Scan.FailOn; policy != "" && !c.Scanner {
		found = append(found, warn(what, fmt.Sprintf("it names no scanner among its components, and platform.yaml wants images scanned (policy.scan.failOn: %s)", policy),
			"install it with trivy, or see that another one is the default under Interrogation Services"))
	}
	const keeping = "docs/registry.md says which rules keep them; plateform images check looks for all of them"
	switch {
	case c.Hidden:
		found = append(found, warn(what, fmt.Sprintf("the account may not read which images of project %s are retained", c.Project), "see that the rules keep what release files name; "+keeping))
	case c.Retention && !c.KeepsReleases:
		found = append(found, warn(what, fmt.Sprintf("the retention of project %s may remove images of releases that are there: no rule keeps all tags v*, or the %d newest, in all repositories", c.Project, keep), keeping))
	}
	if len(found) == 0 {
		found = append(found, ok(what, "it is well, shows us project %s, and no rule removes images of releases; whether images may be scanned shows with the first one", c.Project))
	}
	return found
}
