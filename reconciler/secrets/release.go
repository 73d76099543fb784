package secrets

import (
	"fmt"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
	"github.com/plateform/plateform/reconciler"
)

// Of are the secrets that a release needs, as its values call them; each is there once.
func Of(k manifest.Key, r *manifest.Release) (sealed []secret.Sealed) {
	if r.Spec.Credentials != "" {
		sealed = append(sealed, secret.Sealed{Secret: manifest.CredentialsSecret(k.Project), Name: secret.CredentialsName, Ciphertext: r.Spec.Credentials})
	}
	for _, e := range manifest.SecretVariables(r.Spec.Project) {
		one := secret.Sealed{Secret: manifest.SecretName(k.Project, e.Secret), Key: e.Name, Name: e.Name, Ciphertext: e.Secret}
		if !strings.Contains(string(r.Spec.Values), one.Secret) { // it was made before Secrets had the names that they have now
			one.Secret = k.Project + "-secrets"
		}
		if !slices.Contains(sealed, one) {
			sealed = append(sealed, one)
		}
	}
	return sealed
}

// References are the variables of a release that say where other apps are.
func References(r *manifest.Release) (all []reconciler.AppReference) {
	add := func(service string, env []manifest.EnvVar) {
		for _, e := range env {
			if e.From != nil && !slices.Contains(r.Spec.Platform.Databases, e.From.Project) {
				all = append(all, reconciler.AppReference{Service: service, Name: e.Name, Project: e.From.Project, Key: e.From.Key})
			}
		}
	}
	project := r.Spec.Project
	if project.Type != manifest.SpringMicroservice {
		add("", project.Env)
	}
	for _, s := range project.Services {
		add(s.Name, manifest.MergedEnv(project.Env, s.Env))
	}
	return all
}

// Complete is a target with what a release has that its values do not say.
func Complete(t reconciler.Target, r *manifest.Release) reconciler.Target {
	t.Secrets, t.References = Of(t.Key, r), References(r)
	return t
}

// Check opens the secrets of a project, so that what cannot be opened is told where it is written before it is released. The
// problems name fields of project.yaml, and never what was encrypted.
func Check(k manifest.Key, owner int64, spec manifest.ProjectSpec, opener secret.Opener) (problems manifest.Problems) {
	check := func(field string, env []manifest.EnvVar) {
		for i, e := range env {
			if e.Secret == "" {
				continue
			}
			if _, err := opener.Open(e.Secret, manifest.SecretAt(k, owner, e.Name)); err != nil {
				problems = append(problems, manifest.Problem{
					File: manifest.ProjectFile(k), Field: fmt.Sprintf("%s[%d].secret", field, i), What: fmt.Sprintf("%q: %v", e.Name, err),
				})
			}
		}
	}
	check("spec.env", spec.Env)
	for n, s := range spec.Services {
		check(fmt.Sprintf("spec.services[%d].env", n), s.Env)
	}
	return problems
}
