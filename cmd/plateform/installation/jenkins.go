package installation

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/reconciler/jenkins"
	"github.com/plateform/plateform/reconciler/registry"
)

// builderJenkins is the kind of the builder that is a job of a Jenkins.
const builderJenkins = "jenkins"

// minBuild keeps a typing error from giving every build up.
const minBuild = time.Minute

// IsJenkins says that images are made by a Jenkins.
func (s BuilderSettings) IsJenkins() bool { return s.Kind == builderJenkins }

// jenkins checks what says which Jenkins it is.
func (c *settingsCheck) jenkins(s BuilderSettings) {
	if !s.IsJenkins() {
		return
	}
	j := s.Jenkins
	for _, need := range []struct{ key, value, fix string }{
		{"url", j.URL, "write where Plateform reaches it, as https://ci.example.com"},
		{"user", j.User, "name the user of Jenkins that Plateform is"},
		{"tokenFile", j.TokenFile, "name a file with an API token of that user, which Jenkins makes on the user's page"},
		{"job", j.Job, "name the job that builds, with its folders, as platform/build"},
	} {
		if need.value == "" {
			c.add("builder.jenkins", "builder.jenkins has no "+need.key, need.fix)
		}
	}
	u, err := url.Parse(j.URL)
	if j.URL != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "") {
		c.add("builder.jenkins.url", "builder.jenkins.url is no address of a Jenkins", "write http:// or https:// with its host and path, and nothing else")
	}
	names := strings.Split(strings.Trim(j.Job, "/"), "/")
	if j.Job != "" && slices.ContainsFunc(names, func(name string) bool { return name == "" || name == "." || name == ".." }) {
		c.add("builder.jenkins.job", fmt.Sprintf("builder.jenkins.job %q is no full name of a job", j.Job), "write its folders and its name, as platform/build")
	}
	if timeout, err := time.ParseDuration(j.Timeout); err != nil || timeout < minBuild {
		c.add("builder.jenkins.timeout", fmt.Sprintf("builder.jenkins.timeout %q is no time of at least %s", j.Timeout, minBuild), "write a number with its unit, as 30m or 2h")
	}
}

// Options says how Jenkins is reached, without asking it anything. The registry is left to the caller.
func (s JenkinsSettings) Options() (jenkins.Options, error) {
	token := func() (jenkins.Secret, error) {
		secret, err := ReadSecret(s.TokenFile)
		if err != nil {
			return "", fmt.Errorf("builder.jenkins.tokenFile: %w", err)
		}
		return jenkins.Secret(secret), nil
	}
	if _, err := token(); err != nil {
		return jenkins.Options{}, exit.Usage("%w", err)
	}
	timeout, err := time.ParseDuration(s.Timeout)
	if err != nil {
		return jenkins.Options{}, exit.Usage("builder.jenkins.timeout: %w", err)
	}
	authorities, err := authoritiesIn(s.CAFile)
	if err != nil {
		return jenkins.Options{}, exit.Usage("builder.jenkins.caFile: %w", err)
	}
	return jenkins.Options{URL: s.URL, User: s.User, Token: token, Job: s.Job, Authorities: authorities, Timeout: timeout}, nil
}

// authoritiesIn are those of a file; nil when none is named.
func authoritiesIn(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, errors.New(file + " has no certificate in it (write certificates as PEM)")
	}
	return pool, nil
}

// jenkins opens the builder that is a job of a Jenkins.
func (i *Installation) jenkins(images *registry.Client) (*jenkins.Builder, error) {
	o, err := i.settings.Builder.Jenkins.Options()
	if err != nil {
		return nil, err
	}
	o.Registry, o.Clock, o.Log = images, i.now, i.log
	builder, err := jenkins.New(o)
	if err != nil {
		return nil, exit.Usage("builder.jenkins: %w", err)
	}
	i.later(builder.Close)
	return builder, nil
}
