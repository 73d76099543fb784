package localrun

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/plateform/plateform/manifest"
)

// secrets are what a project gets to know of the databases of its workspace.
type secrets struct {
	key     manifest.Key
	options *Options
}

// secret is the value of a key of a secret.
func (s secrets) value(secret, key string) (string, error) {
	database, found := secretOf(s.key.Workspace, secret)
	if !found {
		return "", fmt.Errorf("the secret %s is not known to engine local, which only knows those of databases", secret)
	}
	c, err := readCredentials(dirsOf(s.options.Dir, database))
	if err != nil {
		return "", err
	}
	value, known := c.value(key)
	if !known {
		return "", fmt.Errorf("the secret %s has no key %s", secret, key)
	}
	return value, nil
}

// await waits until the databases that services use have credentials.
func (s secrets) await(ctx context.Context, services []service, progress func(string)) error {
	for _, one := range services {
		for _, v := range one.env {
			for v.secret != "" {
				_, err := s.value(v.secret, v.key)
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
