package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/plateform/plateform/manifest/secret"
)

// SecretAt is the place of a secret in a project of a workspace.
func SecretAt(k Key, owner int64, name string) secret.Binding {
	return secret.Binding{Workspace: k.Workspace, Owner: owner, Project: k.Project, Name: name}
}

// Variables are those of a project and of its services.
func Variables(spec ProjectSpec) []EnvVar {
	all := [][]EnvVar{spec.Env}
	for _, s := range spec.Services {
		all = append(all, s.Env)
	}
	return slices.Concat(all...)
}

// SecretVariables are the variables of a project and its services that are secrets.
func SecretVariables(spec ProjectSpec) []EnvVar {
	return slices.DeleteFunc(Variables(spec), func(e EnvVar) bool { return e.Secret == "" })
}

// SecretName is the Secret with one secret value. It says which ciphertext it was made of, so that another value is another Secret:
// what runs goes on with the one it was started with, and what is rolled back to finds its own again.
func SecretName(project, ciphertext string) string {
	sum := sha256.Sum256([]byte(ciphertext))
	return project + "-secret-" + hex.EncodeToString(sum[:8])
}

// CredentialsSecret is the Secret with the generated credentials of a database. They never change, and neither does its name.
func CredentialsSecret(project string) string { return project + "-credentials" }
