package localrun

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/plateform/plateform/manifest"
)

// secrets are what a project gets to know that its values do not say: its own secrets, and the databases of its workspace.
type secrets struct {
	key     manifest.Key
	options *Options
}

// open decrypts what came with a release.
func (s secrets) open(one sealed) (string, error) {
	if s.options.Secrets == nil {
		return "", errors.New("there is no key to open secrets with (set keys.identityFile in serve.yaml)")
	}
	value, err := s.options.Secrets.Open(one.ciphertext, manifest.SecretAt(s.key, one.owner, one.name))
	return value.Reveal(), err
}

// value of a variable that is not in the values themselves.
func (s secrets) value(v variable) (string, error) {
	if v.sealed.ciphertext != "" {
		return s.open(v.sealed)
	}
	database, found := secretOf(s.key.Workspace, v.secret)
	if !found {
		return "", fmt.Errorf("the release has no secret %s", v.secret)
	}
	c, err := readCredentials(dirsOf(s.options.Dir, database))
	if err != nil {
		return "", err
	}
	value, known := c.value(v.key)
	if !known {
		return "", fmt.Errorf("the secret %s has no key %s", v.secret, v.key)
	}
	return value, nil
}

// await waits until the databases that services use have credentials.
func (s secrets) await(ctx context.Context, services []service, progress func(string)) error {
	for _, one := range services {
		for _, v := range one.env {
			for v.secret != "" {
				_, err := s.value(v)
				if err == nil {
					break
				}
				if !errors.Is(err, fs.ErrNotExist) {
					return fmt.Errorf("%s: %w", v.name, err)
				}
				progress(fmt.Sprintf("%s waits for the database of the secret %s, which is not set up yet", v.name, v.secret))
				if sleep(ctx, s.options.Times.Interval); ctx.Err() != nil {
					return context.Cause(ctx)
				}
			}
		}
	}
	return nil
}
