package installation

import (
	"fmt"

	"github.com/plateform/plateform/cmd/plateform/operator"
)

// SecretFile is a file that holds a secret.
type SecretFile struct {
	// Setting of serve.yaml that names it.
	Setting string
	File    string
}

// SecretFiles are those that serve.yaml names: what the installation logs in with, signs with, and knows callers by.
func (s *Settings) SecretFiles() []SecretFile {
	all := []SecretFile{
		{"config.passwordFile", s.Config.PasswordFile}, {"config.sshKeyFile", s.Config.SSHKeyFile},
		{"gitops.passwordFile", s.GitOps.PasswordFile}, {"gitops.sshKeyFile", s.GitOps.SSHKeyFile},
		{"registry.passwordFile", s.Registry.PasswordFile}, {"keys.signingKeyFile", s.Keys.SigningKeyFile}, {"keys.identityFile", s.Keys.IdentityFile},
		{"github.tokenFile", s.GitHub.TokenFile}, {"github.app.privateKeyFile", s.GitHub.App.PrivateKeyFile},
		{"builder.jenkins.tokenFile", s.Builder.Jenkins.TokenFile},
	}
	for n, source := range s.Sources {
		all = append(all, SecretFile{fmt.Sprintf("sources[%d].passwordFile", n), source.PasswordFile})
	}
	for n, workspace := range s.Registry.Workspaces {
		all = append(all, SecretFile{fmt.Sprintf("registry.workspaces[%d].passwordFile", n), workspace.PasswordFile})
	}
	if pull := s.Engine.Pull; pull != nil {
		all = append(all, SecretFile{"engine.pull.passwordFile", pull.PasswordFile})
	}
	if hook := s.Webhooks.GitHub; hook != nil {
		all = append(all, SecretFile{"webhooks.github.secretFile", hook.SecretFile}, SecretFile{"webhooks.github.previousSecretFile", hook.PreviousSecretFile})
	}
	if hook := s.Webhooks.Jenkins; hook != nil {
		all = append(all, SecretFile{"webhooks.jenkins.secretFile", hook.SecretFile}, SecretFile{"webhooks.jenkins.previousSecretFile", hook.PreviousSecretFile})
	}
	if in := s.API.GitHub; in != nil {
		all = append(all, SecretFile{"api.github.clientSecretFile", in.ClientSecretFile})
	}
	named := all[:0]
	for _, f := range all {
		if f.File != "" {
			named = append(named, f)
		}
	}
	return named
}

// secrets are those of the installation, as its files have them now: no log may show them.
func (s *Settings) secrets() []string {
	var secrets []string
	for _, f := range append(s.SecretFiles(), SecretFile{File: operator.TokenFile(s.DataDir)}) {
		if secret, err := ReadSecret(f.File); err == nil { // whoever logs in with it says what is wrong with it
			secrets = append(secrets, secret)
		}
	}
	return secrets
}
