package installation

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/repourl"
	"github.com/plateform/plateform/manifest/signing"
	"github.com/plateform/plateform/reconciler/registry"
)

// Access says how to log in at a repository.
func (r RemoteSettings) Access() (gitstore.Access, error) {
	access := gitstore.Access{SSH: gitstore.SSH{KeyFile: r.SSHKeyFile, KnownHostsFile: r.KnownHostsFile}}
	if r.PasswordFile == "" {
		return access, nil
	}
	if _, err := ReadSecret(r.PasswordFile); err != nil {
		return access, err
	}
	access.Credentials = func(context.Context, string) (gitstore.Credential, error) {
		// Read for each operation, so that a token can be renewed under a running process.
		password, err := ReadSecret(r.PasswordFile)
		return gitstore.Credential{Username: r.Username, Password: password}, err
	}
	return access, nil
}

// SourceAccess says how to log in at the repositories of sources. Each host gets its own credentials alone, over https, and
// over http only where that is this machine.
func (s *Settings) SourceAccess() gitstore.Access {
	if len(s.Sources) == 0 {
		return gitstore.Access{}
	}
	return gitstore.Access{Credentials: func(_ context.Context, repository string) (gitstore.Credential, error) {
		host, secure := hostOf(repository)
		for _, source := range s.Sources {
			if named, err := normalHost(source.Host); err == nil && named == host && secure {
				return source.credential()
			}
		}
		return gitstore.Credential{}, nil
	}}
}

// credential reads the two files, for each operation, so that a token can be renewed under a running process.
func (s SourceSettings) credential() (gitstore.Credential, error) {
	username, err := ReadSecret(s.UsernameFile)
	if err != nil {
		return gitstore.Credential{}, err
	}
	password, err := ReadSecret(s.PasswordFile)
	return gitstore.Credential{Username: username, Password: password}, err
}

// hostOf is the host of a URL, with its port where that is not the usual one, and whether what is sent there stays secret.
func hostOf(repository string) (host string, secure bool) {
	u, err := url.Parse(repository)
	if err != nil {
		return "", false
	}
	local := repourl.IsHere(u.Host)
	host, err = normalHost(u.Host)
	return host, err == nil && (u.Scheme == "https" || u.Scheme == "http" && local)
}

// normalHost brings a host into the form that is compared: small letters, without the usual port.
func normalHost(text string) (string, error) {
	u, err := url.Parse("https://" + text)
	switch {
	case err != nil:
		return "", errors.New("it does not read as one")
	case u.Hostname() == "" || u.Host != text || u.User != nil:
		return "", errors.New("it holds more or less than a name")
	}
	return strings.TrimSuffix(strings.ToLower(u.Host), ":443"), nil
}

// Options are how the registry is reached.
func (s RegistrySettings) Options() (registry.Options, error) {
	options := registry.Options{Insecure: s.Insecure}
	if s.UsernameFile != "" {
		login, err := readLogin(s.UsernameFile, s.PasswordFile)
		if err != nil {
			return options, err
		}
		options.Username, options.Password = login.Username, login.Password
	}
	for n, w := range s.Workspaces {
		login, err := readLogin(w.UsernameFile, w.PasswordFile)
		if err != nil {
			return options, fmt.Errorf("registry.workspaces[%d]: %w", n, err)
		}
		if options.Workspaces == nil {
			options.Workspaces = map[string]registry.Login{}
		}
		options.Workspaces[w.Workspace] = login
	}
	return options, nil
}

// readLogin reads a username and a password.
func readLogin(usernameFile, passwordFile string) (registry.Login, error) {
	username, err := ReadSecret(usernameFile)
	if err != nil {
		return registry.Login{}, err
	}
	password, err := ReadSecret(passwordFile)
	return registry.Login{Username: username, Password: registry.Password(password)}, err
}

// Signer reads the key that signs releases; nil when there is none.
func (s KeySettings) Signer() (*signing.Key, error) {
	if s.SigningKeyFile == "" {
		return nil, nil
	}
	data, err := os.ReadFile(s.SigningKeyFile)
	if err != nil {
		return nil, exit.Usage("keys.signingKeyFile: %w", err)
	}
	key, err := signing.ParseKey(data)
	if err != nil {
		return nil, exit.Usage("keys.signingKeyFile: %s: %w", s.SigningKeyFile, err)
	}
	return &key, nil
}

// PublicKeys are the keys that may sign releases by platform.yaml. Those that do not parse are told elsewhere.
func PublicKeys(platform *manifest.Platform) []signing.PublicKey {
	if platform == nil {
		return nil
	}
	var keys []signing.PublicKey
	for _, text := range platform.Spec.Releases.PublicKeys {
		if key, err := signing.ParsePublicKey(text); err == nil {
			keys = append(keys, key)
		}
	}
	return keys
}

// ReadSecret reads a file that holds one secret in one line.
func ReadSecret(file string) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", exit.Usage("reading a secret named in serve.yaml: %w", err)
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}
