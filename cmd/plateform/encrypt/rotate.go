package encrypt

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
	"github.com/plateform/plateform/reconciler/secrets"
)

func (a Terminal) rotateCommand() *cobra.Command {
	var dir, identity string
	c := &cobra.Command{
		Use:   "rotate",
		Short: "Encrypt all secret values anew for the recipients in platform.yaml",
		Long: `Encrypt all secret values of a checkout anew for the recipients in platform.yaml.

Whoever has the key of Plateform changes it so: add a second identity to the file of keys.identityFile and its public key to
platform.yaml, push, run this, push what it wrote, and take the old public key out. The old identity stays in the file as
long as releases from before are to run, or be rolled back to.

The project.yaml files on the disk are changed, and nothing else: look at them with git diff, and commit them.`,
		Example: `  plateform secret rotate --identity keys/age.key`,
		Args:    a.Arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			folder, err := a.folder(dir)
			if err != nil {
				return err
			}
			if identity == "" {
				return exit.Usage("name the file with the identities that open the values now: --identity FILE")
			}
			return a.rotate(folder, identity)
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "checkout of the config repository (default: the one you stand in)")
	c.Flags().StringVar(&identity, "identity", "", "file with the identities that open the values now, as keys.identityFile of serve.yaml names it")
	return c
}

// rotate encrypts all secrets of a checkout anew.
func (a Terminal) rotate(dir, identityFile string) error {
	data, err := os.ReadFile(identityFile)
	if err != nil {
		return exit.Usage("--identity: %w", err)
	}
	identities, err := secret.ParseIdentities(data)
	if err != nil {
		return exit.Usage("--identity: %s: %w", identityFile, err)
	}
	recipients, err := recipientsIn(dir)
	if err != nil {
		return err
	}
	config, problems := manifest.Load(os.DirFS(dir))
	if len(problems) > 0 {
		return fmt.Errorf("the config repository has to be valid first:\n%w", problems)
	}
	r := rotation{dir: dir, identities: identities, recipients: recipients}
	for _, key := range slices.SortedFunc(maps.Keys(config.Projects), manifest.Key.Compare) {
		if w := config.Workspaces[key.Workspace]; w != nil {
			if err := r.project(key, w.Spec.Owner.ID, config.Projects[key].Spec); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(a.Out, "Encrypted anew: %s in %s\n", terminal.Count(r.values, "value"), terminal.Count(r.files, "file"))
	return nil
}

// rotation encrypts the secrets of projects anew.
type rotation struct {
	dir        string
	identities secret.Identities
	recipients []string
	// values and files that were written.
	values, files int
}

// project writes the file of one project anew; all of its secrets or none.
func (r *rotation) project(key manifest.Key, owner int64, spec manifest.ProjectSpec) error {
	sealed := manifest.SecretVariables(spec)
	if len(sealed) == 0 {
		return nil
	}
	file := filepath.Join(r.dir, manifest.ProjectFile(key))
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading a project: %w", err)
	}
	if problems := secrets.Check(key, owner, spec, r.identities); len(problems) > 0 {
		return manifest.Locate(manifest.ProjectFile(key), data, problems)
	}
	values := 0
	for n, e := range sealed {
		at := manifest.SecretAt(key, owner, e.Name)
		value, err := r.identities.Open(e.Secret, at)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", manifest.ProjectFile(key), e.Name, err)
		}
		anew, err := secret.Seal(value, at, r.recipients)
		if err != nil {
			return exit.Usage("%w", err)
		}
		if !bytes.Contains(data, []byte(e.Secret)) {
			if slices.ContainsFunc(sealed[:n], func(o manifest.EnvVar) bool { return o.Secret == e.Secret }) {
				continue // it is the same in two services
			}
			return fmt.Errorf("%s: the secret of %s is written over several lines (write it in one)", manifest.ProjectFile(key), e.Name)
		}
		data = bytes.ReplaceAll(data, []byte(e.Secret), []byte(anew))
		values++
	}
	info, err := os.Stat(file)
	if err == nil {
		err = os.WriteFile(file, data, info.Mode().Perm())
	}
	if err != nil {
		return fmt.Errorf("writing a project: %w", err)
	}
	r.values += values
	r.files++
	return nil
}
