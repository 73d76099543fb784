// Package secrets opens the secrets of what an engine has to run, at its edge: what comes through the loop and through Git is
// encrypted. An engine for a cluster applies them as Objects; one on this machine hands them to programs.
package secrets

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"

	"gopkg.in/yaml.v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
	"github.com/plateform/plateform/reconciler"
)

// annotationSealed says which ciphertexts a Secret was made of, by a hash. Whoever compares Secrets compares this: a hash of what is
// inside would tell a short secret to whoever may read hashes.
const annotationSealed = "plateform.dev/sealed"

// ErrNoKey says that nothing can be opened here.
var ErrNoKey = errors.New("there is no key to open secrets with (set keys.identityFile in serve.yaml)")

// File is a file with the identities that open secrets. It is read anew for each use, so that keys can be changed meanwhile.
type File string

// FromFile opens secrets with the identities of a file; it is nil when none is named.
func FromFile(name string) (secret.Opener, error) {
	if name == "" {
		return nil, nil
	}
	_, err := File(name).Identities()
	return File(name), err
}

// Identities reads them.
func (f File) Identities() (secret.Identities, error) {
	data, err := os.ReadFile(string(f))
	if err != nil {
		return secret.Identities{}, err
	}
	identities, err := secret.ParseIdentities(data)
	if err != nil {
		return secret.Identities{}, fmt.Errorf("%s: %w", f, err)
	}
	return identities, nil
}

// Open implements secret.Opener.
func (f File) Open(ciphertext string, at secret.Binding) (secret.Value, error) {
	identities, err := f.Identities()
	if err != nil {
		return secret.Value{}, fmt.Errorf("reading the identities that open secrets: %w", err)
	}
	return identities.Open(ciphertext, at)
}

// Opened is one Secret in the clear.
type Opened struct {
	Name    string
	Entries map[string]secret.Value
	// Fixed says that a Secret of this name never has other entries.
	Fixed bool
	// sealed is a hash of what it was made of.
	sealed string
}

// Open opens the secrets of a target. An error names the variable, and never what was encrypted.
func Open(t reconciler.Target, opener secret.Opener) (all []Opened, err error) {
	if opener == nil && len(t.Secrets) > 0 {
		return nil, ErrNoKey
	}
	at := map[string]int{}
	for _, s := range t.Secrets {
		entries, err := entriesOf(t, s, opener)
		if err != nil {
			return nil, err
		}
		n, there := at[s.Secret]
		if !there {
			n = len(all)
			at[s.Secret] = n
			all = append(all, Opened{Name: s.Secret, Entries: map[string]secret.Value{}, Fixed: s.Name != secret.CredentialsName})
		}
		one := &all[n]
		for key, value := range entries {
			one.Entries[key] = value
		}
		one.sealed = hashOf(one.sealed, s.Key, s.Ciphertext)
		if there { // several ciphertexts have come to one Secret, whose name does not say which
			one.Fixed = false
		}
	}
	return all, nil
}

// entriesOf are the entries that one ciphertext comes to.
func entriesOf(t reconciler.Target, s secret.Sealed, opener secret.Opener) (map[string]secret.Value, error) {
	if s.Name != secret.CredentialsName {
		value, err := opener.Open(s.Ciphertext, manifest.SecretAt(t.Key, t.Owner, s.Name))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		return map[string]secret.Value{s.Key: value}, nil
	}
	credentials, err := secret.OpenCredentials(s.Ciphertext, manifest.SecretAt(t.Key, t.Owner, s.Name), opener)
	if err != nil {
		return nil, err
	}
	engine, port, err := databaseOf(t)
	if err != nil {
		return nil, err
	}
	return credentials.Entries(engine, t.Key.Project, port), nil
}

// databaseOf is the engine of a database, and its port.
func databaseOf(t reconciler.Target) (engine string, port int, err error) {
	var values struct {
		Engine string `yaml:"engine"`
		Port   int    `yaml:"port"`
	}
	if err := yaml.Unmarshal(t.Values, &values); err != nil {
		return "", 0, fmt.Errorf("reading the values of %s: %w", t.Release, err)
	}
	return values.Engine, values.Port, nil
}

// Objects are the Secrets of a target as a cluster has them.
func Objects(t reconciler.Target, opener secret.Opener) (objects []*unstructured.Unstructured, err error) {
	all, err := Open(t, opener)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	about := ""
	if engine, port, err := databaseOf(t); err == nil && engine != "" { // it is part of what the entries say
		about = engine + " " + strconv.Itoa(port)
	}
	for _, one := range all {
		data := map[string]any{}
		for key, value := range one.Entries {
			data[key] = base64.StdEncoding.EncodeToString([]byte(value.Reveal()))
		}
		o := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
			"metadata": map[string]any{
				"name": one.Name, "namespace": t.Namespace,
				"labels": map[string]any{
					"app.kubernetes.io/managed-by": "plateform", "app.kubernetes.io/name": t.Key.Project,
					"plateform.dev/workspace": t.Key.Workspace, "plateform.dev/project": t.Key.Project,
				},
				"annotations": map[string]any{annotationSealed: hashOf(one.sealed, about, "")},
			},
			"data": data,
		}}
		if one.Fixed {
			o.Object["immutable"] = true
		}
		objects = append(objects, o)
	}
	return objects, nil
}

// WithoutData is a Secret without what is secret of it; anything else as it is. What is left differs when what was encrypted does.
func WithoutData(o *unstructured.Unstructured) *unstructured.Unstructured {
	if o.GetKind() != "Secret" {
		return o
	}
	bare := o.DeepCopy()
	delete(bare.Object, "data")
	delete(bare.Object, "stringData")
	return bare
}

// hashOf is a hash of some texts.
func hashOf(texts ...string) string {
	h := sha256.New()
	for _, text := range texts {
		fmt.Fprintf(h, "%d %s\n", len(text), text)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// IsNeeded says that a Secret of a project is not one of a release before, though this release does not bring it: its values name it,
// and nobody can make it again, as the release file has gone.
func IsNeeded(t reconciler.Target, name string) bool { return bytes.Contains(t.Values, []byte(name)) }
