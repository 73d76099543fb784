// Package encrypt has the commands that encrypt secret values for a platform.
package encrypt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
)

// Terminal is where the commands read and print, and what they have in common with others.
type Terminal struct {
	In       io.Reader
	Out, Err io.Writer
	// Folder is the checkout that is named, or the one that somebody stands in; Key reads WORKSPACE/PROJECT.
	Folder func(args []string) (string, error)
	Key    func(text string) (manifest.Key, error)
	// Arguments refuses any other number of them.
	Arguments func(least, most int) cobra.PositionalArgs
}

// Command holds what is about secret values, in a group of the help.
func (a Terminal) Command(group string) *cobra.Command {
	c := &cobra.Command{
		Use:     "secret",
		GroupID: group,
		Short:   "Encrypt secret values for the platform",
		Args:    a.Arguments(0, 0),
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.encryptCommand(), a.rotateCommand())
	return c
}

func (a Terminal) encryptCommand() *cobra.Command {
	var dir string
	var keepNewline bool
	c := &cobra.Command{
		Use:   "encrypt WORKSPACE/PROJECT/NAME",
		Short: "Encrypt a value from standard input for a variable of a project",
		Long: `Encrypt a value from standard input for a variable of a project, and print what to write into project.yaml.

The value is encrypted for the recipients in platform.yaml, and bound to the workspace, its owner, the project and the
name: written anywhere else it is refused. Nobody can read it but Plateform. One newline at its end is left out, as echo
and editors add one, unless with --keep-newline.

The checkout of the config repository that you stand in is read, as it is on the disk. Nothing is written.`,
		Example: `  plateform secret encrypt ws-1/shop/STRIPE_KEY < key.txt
  pass show stripe | plateform secret encrypt ws-1/shop/STRIPE_KEY

  and in project.yaml:
    env:
      - {name: STRIPE_KEY, secret: "age:..."}`,
		Args: a.Arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			folder, err := a.folder(dir)
			if err != nil {
				return err
			}
			at := strings.LastIndexByte(args[0], '/')
			if at < 0 || strings.Count(args[0], "/") != 2 {
				return exit.Usage("%q is not a variable of a project (write it like ws-1/shop/STRIPE_KEY)", args[0])
			}
			key, err := a.Key(args[0][:at])
			if err != nil {
				return err
			}
			return a.encrypt(folder, key, args[0][at+1:], keepNewline)
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "checkout of the config repository (default: the one you stand in)")
	c.Flags().BoolVar(&keepNewline, "keep-newline", false, "encrypt the value with the newline at its end")
	return c
}

func (a Terminal) folder(dir string) (string, error) {
	if dir == "" {
		return a.Folder(nil)
	}
	return a.Folder([]string{dir})
}

// encrypt prints a value of standard input, encrypted for one variable.
func (a Terminal) encrypt(dir string, key manifest.Key, name string, keepNewline bool) error {
	if len(validation.IsCIdentifier(name)) > 0 {
		return exit.Usage("%q is not the name of an environment variable (use letters, digits and _, not a digit first, like STRIPE_KEY)", name)
	}
	recipients, err := recipientsIn(dir)
	if err != nil {
		return err
	}
	owner, err := ownerIn(dir, key.Workspace)
	if err != nil {
		return err
	}
	value, err := a.readSecret(name, keepNewline)
	if err != nil {
		return err
	}
	sealed, err := secret.Seal(value, manifest.SecretAt(key, owner, name), recipients)
	if err != nil {
		return exit.Usage("%w", err)
	}
	if _, err := os.Stat(filepath.Join(dir, manifest.ProjectFile(key))); errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(a.Err, "There is no %s yet: the value is good for a project of that name alone.\n", manifest.ProjectFile(key))
	}
	fmt.Fprintln(a.Out, sealed)
	return nil
}

// readSecret reads a value. It is in no error.
func (a Terminal) readSecret(name string, keepNewline bool) (secret.Value, error) {
	const limit = manifest.MaxVariableBytes + 2
	read := func() ([]byte, error) { return io.ReadAll(io.LimitReader(a.In, limit+1)) }
	if file, is := a.In.(*os.File); is && term.IsTerminal(int(file.Fd())) {
		fmt.Fprintf(a.Err, "Value of %s, which is not shown, then Enter: ", name)
		read = func() ([]byte, error) { return term.ReadPassword(int(file.Fd())) }
	}
	data, err := read()
	if err != nil {
		return secret.Value{}, fmt.Errorf("reading the value from standard input: %w", err)
	}
	if !keepNewline {
		if cut, had := bytes.CutSuffix(data, []byte("\n")); had {
			data = bytes.TrimSuffix(cut, []byte("\r"))
		}
	}
	switch {
	case len(data) == 0:
		return secret.Value{}, exit.Usage("there is no value on standard input (give it like: plateform secret encrypt ... < file)")
	case bytes.IndexByte(data, 0) >= 0:
		return secret.Value{}, exit.Usage("the value has a NUL byte, which no variable can hold (encode it, as base64 does)")
	}
	if err := manifest.CheckVariableSize(name, string(data)); err != nil {
		return secret.Value{}, exit.Usage("%w", err)
	}
	return secret.New(string(data)), nil
}

// recipientsIn are those of the platform.yaml in a folder.
func recipientsIn(dir string) ([]string, error) {
	data, err := os.ReadFile(filepath.Join(dir, manifest.PlatformFile))
	if err != nil {
		return nil, exit.Usage("%w (name a checkout of the config repository with --dir)", err)
	}
	platform, problems := manifest.ParsePlatform(manifest.PlatformFile, data)
	if platform == nil || len(problems) > 0 {
		return nil, fmt.Errorf("%w", problems)
	}
	if len(platform.Spec.Secrets.Recipients) == 0 {
		return nil, exit.Usage("%s names nobody to encrypt for: a platform admin writes the public key of keys.identityFile into spec.secrets.recipients (plateform init makes a pair, and so does age-keygen)", manifest.PlatformFile)
	}
	return platform.Spec.Secrets.Recipients, nil
}

// ownerIn is the id of the owner of a workspace in a folder.
func ownerIn(dir, workspace string) (int64, error) {
	file := manifest.WorkspaceFile(workspace)
	data, err := os.ReadFile(filepath.Join(dir, file))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, exit.Usage("there is no workspace %s: a value is bound to the owner that %s names (write that first)", workspace, file)
	}
	if err != nil {
		return 0, fmt.Errorf("reading the workspace: %w", err)
	}
	w, problems := manifest.ParseWorkspace(file, data)
	if w == nil || len(problems) > 0 {
		return 0, fmt.Errorf("%w", problems)
	}
	if w.Spec.Owner.ID <= 0 {
		return 0, exit.Usage("%s names no owner with an id, which a value is bound to (write it first: plateform validate says how)", file)
	}
	return w.Spec.Owner.ID, nil
}
