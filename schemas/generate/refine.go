package main

import (
	"encoding/json"
	"slices"

	"github.com/invopop/jsonschema"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/frameworks"
)

// refine adds to the schema of a struct what its Go type cannot say: the words that are possible, ranges and examples.
func refine(name string, schema *jsonschema.Schema) {
	schema.Description = oneLine(schema.Description)
	if schema.Properties == nil {
		return
	}
	for pair := schema.Properties.Oldest(); pair != nil; pair = pair.Next() {
		property := pair.Value
		property.Description = oneLine(property.Description)
		optional := !slices.Contains(schema.Required, pair.Key)
		// Where leaving a key out has a meaning, an empty value that is written down is refused by the parser.
		if optional && property.Type == "string" && name+"."+pair.Key != "EnvVar.value" {
			one := uint64(1)
			property.MinLength = &one
		}
		if property.Type == "integer" {
			property.Minimum = least(name, pair.Key)
		}
		if pair.Key == "port" {
			property.Maximum = json.Number("65535")
		}
		words, examples := known(name, pair.Key)
		property.Enum, property.Examples = words, examples
	}
	switch name {
	case manifest.KindPlatform, manifest.KindWorkspace, manifest.KindProject, manifest.KindRelease, manifest.KindRun:
		constant(schema, "apiVersion", manifest.APIVersion)
		constant(schema, "kind", name)
	case "PlatformSpec":
		charts, _ := schema.Properties.Get("charts")
		charts.PropertyNames = &jsonschema.Schema{Enum: anys(manifest.ProjectTypes())}
	}
}

// loosen makes the schema of what others write: only the build and the digest have to be there, and what is not described is ignored.
func loosen(schema *jsonschema.Schema) {
	build, _ := schema.Properties.Get("build")
	build.Pattern = "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,119}$"
	digest, _ := schema.Properties.Get("digest")
	digest.Pattern = "^sha256:[0-9a-f]{64}$"
	framework, _ := schema.Properties.Get("framework")
	framework.Pattern = "^[a-z0-9][a-z0-9-]{0,39}$"
	schema.AdditionalProperties = nil
	for _, definition := range schema.Definitions {
		definition.Required, definition.AdditionalProperties = nil, nil
	}
}

// least is the lowest value of a number.
func least(name, property string) json.Number {
	switch name {
	case "ScanResult", "BuildRecord":
		return "0"
	case "ProjectSpec", "Service", "Worker":
		if property == "replicas" {
			return "0"
		}
	}
	return "1"
}

func constant(schema *jsonschema.Schema, property, value string) {
	p, _ := schema.Properties.Get(property)
	p.Const = value
}

// known returns the words that a property may be, or examples of it.
func known(name, property string) (words, examples []any) {
	switch name + "." + property {
	case "ProjectSpec.type":
		return anys(manifest.ProjectTypes()), nil
	case "ProjectSpec.engine":
		return anys(manifest.Engines()), nil
	case "ProjectSpec.deletionPolicy":
		return anys(manifest.DeletionPolicies()), nil
	case "WorkspaceSpec.podSecurity":
		return anys(manifest.PodSecurities()), nil
	case "Member.role":
		return anys(manifest.Roles()), nil
	case "Build.framework":
		return anys(frameworks.All()), nil
	case "ScanPolicy.failOn":
		return anys(manifest.Severities()), nil
	case "EnvFrom.key":
		return anys(manifest.Offers(manifest.Database)), nil
	case "Cause.kind":
		return []any{manifest.CauseSource, manifest.CauseConfig, manifest.CausePlatform, manifest.CauseRetry, manifest.CauseRollback}, nil
	case "Hold.reason":
		return []any{manifest.HeldRollback, manifest.HeldFailed, manifest.HeldWaiting}, nil
	case "LastRun.result":
		return []any{manifest.ResultDeployed, manifest.ResultWritten, manifest.ResultFailed}, nil
	}
	if example, ok := example(name, property); ok {
		return nil, []any{example}
	}
	return nil, nil
}

// example returns an example of a property whose form is not obvious.
func example(name, property string) (any, bool) {
	texts := map[string]any{
		"PlatformSpec.domain":     "apps.example.com",
		"IngressSpec.port":        8480,
		"RegistrySpec.url":        "harbor.example.com",
		"RegistrySpec.allow":      []string{"docker.io/library/*"},
		"SourcesSpec.allow":       []string{"https://github.com/acme/*"},
		"SecretsSpec.recipients":  []string{"age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z"},
		"ReleasesSpec.publicKeys": []string{"ed25519:O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik="},
		"Resources.cpu":           "250m",
		"Resources.memory":        "256Mi",
		"Quota.cpu":               "4",
		"Quota.memory":            "8Gi",
		"Quota.storage":           "20Gi",
		"WorkspaceSpec.domains":   []string{"shop.example.com"},
		"WorkspaceSpec.namespace": "ws-159990218",
		"ProjectSpec.image":       "docker.io/library/nginx:1.27",
		"ProjectSpec.port":        3000,
		"ProjectSpec.domain":      "shop.example.com",
		"ProjectSpec.version":     "16",
		"ProjectSpec.storage":     "10Gi",
		"ProjectSpec.profiles":    []string{"prod"},
		"Source.repository":       "https://github.com/acme/shop",
		"Source.branch":           "main",
		"Source.path":             "services/api",
		"Source.revision":         "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
		"Build.dockerfile":        "deploy/Dockerfile",
		"Health.path":             "/healthz",
		"EnvVar.name":             "LOG_LEVEL",
		"EnvVar.value":            "info",
		"EnvVar.secret":           "age:YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBh",
		"EnvFrom.project":         "shop-db",
		"BuildVar.name":           "NEXT_PUBLIC_API",
		"BuildVar.value":          "https://api.example.com",
		"Backup.schedule":         "0 3 * * *",
		"Service.name":            "orders",
		"ReleaseCommand.command":  []string{"./manage", "migrate"},
		"Worker.name":             "mail",
		"Worker.command":          []string{"./manage", "work", "--queue=mail"},
		"CronCommand.name":        "tidy",
		"CronCommand.schedule":    "0 3 * * *",
		"CronCommand.command":     []string{"./manage", "tidy"},
		"RegistrySpec.databases":  "harbor.example.com/dockerhub",
		"User.github":             "alice",
		"User.id":                 159990218,
		"Member.github":           "bob",
		"Member.id":               42,
		"PlatformSpec.charts":     map[string]string{"monolithic": "1.0.0"},
	}
	found, ok := texts[name+"."+property]
	return found, ok
}

func anys[T any](values []T) []any {
	all := make([]any, len(values))
	for i, v := range values {
		all[i] = v
	}
	return all
}
