package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
	"github.com/plateform/plateform/reconciler/secrets"
)

// ofSecrets are checks of what is encrypted for the platform.
type ofSecrets struct{ *examination }

// check looks whether it can be opened here.
func (d ofSecrets) check(context.Context) []Diagnosis {
	const what = "secret values"
	identities, err := d.identities()
	if err != nil {
		return []Diagnosis{broken(what, fmt.Errorf("keys.identityFile: %w", err), "name a file with an age identity there; plateform init makes one, and so does age-keygen")}
	}
	if d.platform == nil {
		return []Diagnosis{warn(what, "not tried: platform.yaml, which says for whom they are encrypted, cannot be read", "mend the config repository first")}
	}
	named, here := d.platform.Spec.Secrets.Recipients, identities.Recipients()
	opens := slices.ContainsFunc(named, func(r string) bool { return slices.Contains(here, r) })
	values := d.secretValues()
	switch {
	case len(named) == 0 && len(here) == 0:
		return []Diagnosis{warn(what, "there is no key for them: projects cannot have secrets, and databases in a cluster get no credentials",
			"set keys.identityFile in serve.yaml, and name its public key in spec.secrets.recipients of platform.yaml (age-keygen makes a pair)")}
	case len(named) == 0:
		return []Diagnosis{warn(what, "platform.yaml names nobody to encrypt for: projects cannot have secrets, and databases in a cluster get no credentials",
			fmt.Sprintf("add %s to spec.secrets.recipients of platform.yaml", here[0]))}
	case len(here) == 0:
		return []Diagnosis{fail(what, "platform.yaml says for whom they are encrypted, and there is no key here to open them with", "set keys.identityFile in serve.yaml to the file with the identity of "+named[0])}
	case !opens:
		return []Diagnosis{fail(what, "none of the identities in keys.identityFile is of a recipient in platform.yaml: what is encrypted now cannot be opened",
			fmt.Sprintf("add the identity of %s to the file, or %s to spec.secrets.recipients of platform.yaml", named[0], here[0]))}
	}
	if problems := d.closed(identities); len(problems) > 0 {
		return []Diagnosis{fail(what, fmt.Sprintf("%s of %d cannot be opened; the first: %s", terminal.Count(len(problems), "value"), values, terminal.Plain(problems[0].String())),
			"encrypt these values again with plateform secret encrypt, or add the identity they were encrypted for to keys.identityFile")}
	}
	return []Diagnosis{ok(what, "%s can be opened, and what is encrypted for %s", terminal.Count(values, "value"), strings.Join(here, " or "))}
}

// identities are none when no file is named.
func (d ofSecrets) identities() (secret.Identities, error) {
	if d.settings.Keys.IdentityFile == "" {
		return secret.Identities{}, nil
	}
	return secrets.File(d.settings.Keys.IdentityFile).Identities()
}

// secretValues is how many secrets the projects have.
func (d ofSecrets) secretValues() (number int) {
	for _, project := range d.projects {
		number += len(manifest.SecretVariables(project.Spec))
	}
	return number
}

// closed are the secrets at HEAD that cannot be opened, with their lines.
func (d ofSecrets) closed(identities secret.Identities) (problems manifest.Problems) {
	for _, key := range slices.SortedFunc(maps.Keys(d.projects), manifest.Key.Compare) {
		if w := d.workspaces[key.Workspace]; w != nil {
			problems = append(problems, secrets.Check(key, w.Spec.Owner.ID, d.projects[key].Spec, identities)...)
		}
	}
	return manifest.LocateIn(gitstore.FS(d.config, d.head), problems)
}
