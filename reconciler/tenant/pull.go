package tenant

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// PullLogin is whom nodes log in as at a registry to pull images. Whoever reads Secrets of a namespace knows it, so it is to be one that
// may do nothing else.
type PullLogin struct {
	// Registry is its host, with its port.
	Registry           string
	Username, Password string
}

// pullSecret is the Secret of a namespace with the login for its images.
const pullSecret = "plateform-pull"

// pullObjects give the pods of a namespace the login for their images: a Secret, and the account "default", which each pod has and which
// names it.
func pullObjects(namespace string, login PullLogin) ([]*unstructured.Unstructured, error) {
	config, err := json.Marshal(map[string]any{"auths": map[string]any{login.Registry: map[string]string{"username": login.Username, "password": login.Password}}})
	if err != nil {
		return nil, fmt.Errorf("writing the login that images are pulled with: %w", err)
	}
	object := func(kind, name string, more map[string]any) *unstructured.Unstructured {
		o := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": kind,
			"metadata": map[string]any{"name": name, "namespace": namespace, "labels": map[string]any{LabelManagedBy: Plateform}},
		}}
		for field, value := range more {
			o.Object[field] = value
		}
		return o
	}
	return []*unstructured.Unstructured{
		object("Secret", pullSecret, map[string]any{
			"type": "kubernetes.io/dockerconfigjson", "data": map[string]any{".dockerconfigjson": base64.StdEncoding.EncodeToString(config)},
		}),
		object("ServiceAccount", "default", map[string]any{"imagePullSecrets": []any{map[string]any{"name": pullSecret}}}),
	}, nil
}
