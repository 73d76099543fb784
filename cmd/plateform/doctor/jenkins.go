package doctor

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/plateform/plateform/manifest/repourl"
	"github.com/plateform/plateform/reconciler/jenkins"
)

// checkJenkins asks the Jenkins that builds whether its job is there and takes what it will be told. It builds nothing.
func (d *examination) checkJenkins(ctx context.Context) []Diagnosis {
	const what = "jenkins"
	if !d.settings.Builder.IsJenkins() {
		return nil
	}
	settings := d.settings.Builder.Jenkins
	o, err := settings.Options()
	if err != nil {
		return []Diagnosis{broken(what, err, "check builder.jenkins in serve.yaml: the files that it names have to be there, readable for the user that runs serve")}
	}
	found, err := jenkins.Probe(ctx, o)
	if err != nil {
		return []Diagnosis{broken(what, err, "check builder.jenkins in serve.yaml, and that this machine reaches "+settings.URL)}
	}
	job := fmt.Sprintf("job %s at %s", settings.Job, settings.URL)
	switch {
	case len(found.Missing) > 0:
		return []Diagnosis{fail(what, fmt.Sprintf("%s lacks the parameters %s", job, strings.Join(found.Missing, ", ")), "add them to the configuration of the job, as docs/jenkins.md says")}
	case found.Disabled:
		return []Diagnosis{fail(what, job+" is disabled", "enable it in Jenkins")}
	}
	all := []Diagnosis{ok(what, "%s (Jenkins %s) has all parameters; whether the user %s may start builds shows with the first one", job, found.Version, settings.User)}
	if found.NoResume {
		all = append(all, warn(what, "builds of "+job+" do not go on after a restart of Jenkins", "take disableResume() out of its pipeline"))
	}
	if u, err := url.Parse(settings.URL); err == nil && u.Scheme == "http" && !repourl.IsHere(u.Host) {
		all = append(all, warn(what, settings.URL+" is not encrypted: whoever is on the way reads the token", "give Jenkins a certificate, and have builder.jenkins.url begin with https"))
	}
	return all
}
