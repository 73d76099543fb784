package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"filippo.io/age"
	"github.com/google/go-containerregistry/pkg/name"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/plateform/plateform/manifest/repourl"
	"github.com/plateform/plateform/manifest/signing"
)

// Highest numbers of what people count.
const (
	maxKeep     = 1000
	maxProjects = 10000
)

// CheckPlatform checks platform.yaml. The problems name fields; Locate gives them lines.
func CheckPlatform(p *Platform) Problems {
	c := collector{file: PlatformFile}
	spec := p.Spec
	c.addError("metadata.name", checkLabel("platform's name", p.Metadata.Name, longestLabel))
	c.addError("spec.domain", checkDomain("platform's domain", spec.Domain))
	c.addError("spec.registry.url", checkRegistry(spec.Registry.URL))
	if spec.Registry.Databases != "" {
		c.addError("spec.registry.databases", checkRegistry(spec.Registry.Databases))
	}
	for i, pattern := range spec.Registry.Allow {
		c.addError(fmt.Sprintf("spec.registry.allow[%d]", i), checkImagePattern(pattern))
	}
	for i, pattern := range spec.Sources.Allow {
		c.addError(fmt.Sprintf("spec.sources.allow[%d]", i), checkSourcePattern(pattern))
	}
	for t, version := range spec.Charts {
		c.addError("spec.charts."+string(t), oneOf("project type", t, ProjectTypes()))
		if _, err := ParseVersion("v" + version); err != nil {
			c.add("spec.charts."+string(t), quote(version)+" is not the version of a chart", "write it like 1.0.0")
		}
	}
	c.checkIngress(spec.Ingress)
	c.checkPolicy(spec.Policy)
	c.checkKeys(spec)
	c.checkCount("spec.releases.keep", spec.Releases.Keep, maxKeep)
	c.checkReplicas("spec.defaults.replicas", spec.Defaults.Replicas)
	c.checkResources("spec.defaults.resources", spec.Defaults.Resources)
	sortFields(c.problems)
	return c.problems
}

func (c *collector) checkIngress(in IngressSpec) {
	for _, f := range []struct{ field, what, value string }{
		{"class", "an ingress class", in.Class},
		{"namespace", "a namespace", in.Namespace},
		{"tlsIssuer", "an issuer", in.TLSIssuer},
	} {
		if f.value != "" && len(validation.IsDNS1123Subdomain(f.value)) > 0 {
			c.add("spec.ingress."+f.field, quote(f.value)+" is not the name of "+f.what+" in Kubernetes", "write its name as kubectl shows it")
		}
	}
	c.checkPort("spec.ingress.port", in.Port)
	for _, key := range slices.Sorted(maps.Keys(in.Annotations)) {
		field := "spec.ingress.annotations[" + key + "]"
		switch {
		case len(validation.IsQualifiedName(strings.ToLower(key))) > 0:
			c.add(field, quote(key)+" is not the name of an annotation", "write it as the page of the controller does: a domain, a slash and a name")
		case key == issuerAnnotation:
			c.add(field, quote(key)+" says who certifies, which tlsIssuer does", "set spec.ingress.tlsIssuer, and remove this")
		}
	}
}

// issuerAnnotation is what the charts make of tlsIssuer.
const issuerAnnotation = "cert-manager.io/cluster-issuer"

func (c *collector) checkPolicy(policy PolicySpec) {
	seen := map[int64]bool{}
	for i, admin := range policy.Admins {
		field := fmt.Sprintf("spec.policy.admins[%d]", i)
		c.checkUser(field, admin)
		if seen[admin.ID] {
			c.add(field, fmt.Sprintf("the account id %d is there twice", admin.ID), "remove one of the two")
		}
		seen[admin.ID] = true
	}
	if policy.Scan.FailOn != "" {
		c.addError("spec.policy.scan.failOn", oneOf("severity", policy.Scan.FailOn, Severities()))
	}
}

// checkKeys checks the public keys that values are encrypted for and releases are signed with.
func (c *collector) checkKeys(spec PlatformSpec) {
	for i, recipient := range spec.Secrets.Recipients {
		c.addError(fmt.Sprintf("spec.secrets.recipients[%d]", i), checkRecipient(recipient))
	}
	for i, key := range spec.Releases.PublicKeys {
		if _, err := signing.ParsePublicKey(key); err != nil {
			c.add(fmt.Sprintf("spec.releases.publicKeys[%d]", i), quote(key)+" is not a public key for releases",
				"write ed25519: and the key in base64, as plateform init prints it")
		}
	}
}

// checkRecipient checks an age public key.
func checkRecipient(text string) error {
	const fix = "write the public key that age-keygen prints, which begins with age1"
	if strings.HasPrefix(strings.ToUpper(text), "AGE-SECRET-KEY") {
		return refuse(fix, "this is a secret key; it must be replaced, as it is in the history now")
	}
	if found, err := age.ParseRecipients(strings.NewReader(text)); err != nil || len(found) != 1 || strings.TrimSpace(text) != text {
		return refuse(fix, "%s is not an age public key", quote(text))
	}
	return nil
}

// checkRegistry checks the host, port and path that images are pushed to.
func checkRegistry(url string) error {
	const fix = "write host, port and path without a scheme, like harbor.example.com or localhost:5000/apps"
	if strings.Contains(url, "://") {
		return refuse(fix, "the registry %s has a scheme", quote(url))
	}
	host, path, _ := strings.Cut(url, "/")
	if host == name.DefaultRegistry { // images of it are named after docker.io, whatever is written
		return refuse("write "+strings.TrimSuffix(dockerHub+"/"+path, "/"), "the registry %s goes by another name", quote(url))
	}
	repository, err := name.NewRepository(url+"/workspace/project", name.StrictValidation)
	if err != nil || hostOf(repository) != host || strings.HasSuffix(url, "/") {
		return refuse(fix, "%s is not a registry", quote(url))
	}
	return nil
}

// checkImagePattern checks an entry of registry.allow.
func checkImagePattern(pattern string) error {
	const fix = "write registry and path, * for any part, like docker.io/library/*"
	host, _, _ := strings.Cut(pattern, "/")
	if firstUnsafe(pattern, "-._/:*") != 0 || strings.Contains(pattern, "://") || host == "" || host == "*" {
		return refuse(fix, "%s is not a pattern for images", quote(pattern))
	}
	return nil
}

// checkSourcePattern checks an entry of sources.allow: the part that says which host must say so.
func checkSourcePattern(pattern string) error {
	const fix = "write scheme, host and path, * for any part of the path, like https://github.com/acme/*"
	at := repourl.Split(pattern)
	local := at.Scheme == "file" && at.Host == "" && strings.HasPrefix(at.Path, "/")
	remote := at.Scheme != "file" && strings.Trim(at.Host, "*.") != "" && at.Path != ""
	if firstUnsafe(pattern, "-._~/:@+*") != 0 || strings.Contains(pattern, "::") || !local && !remote {
		return refuse(fix, "%s is not a pattern for sources", quote(pattern))
	}
	return nil
}
