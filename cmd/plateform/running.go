package main

import (
	"fmt"

	"gopkg.in/yaml.v3"
)

// runningValues is what the commands show of a values.yaml of the GitOps repository.
type runningValues struct {
	Release string
	Host    string
	Image   struct{ Repository, Tag, Digest string }
	// Services of a project that has several.
	Services []struct{ Host string }
	Ingress  struct {
		TLSIssuer string `yaml:"tlsIssuer"`
	}
}

// parseRunning reads a values.yaml. Whatever else is in it is for the chart.
func parseRunning(data []byte) (v runningValues, err error) {
	if err := yaml.Unmarshal(data, &v); err != nil {
		return v, fmt.Errorf("reading values.yaml of the GitOps repository: %w", err)
	}
	return v, nil
}

// url is where people find the project; empty when it has no host.
func (v runningValues) url() string {
	switch {
	case v.Host == "":
		return ""
	case v.Ingress.TLSIssuer == "":
		return "http://" + v.Host
	}
	return "https://" + v.Host
}

// hosts are all that lead to the project.
func (v runningValues) hosts() []string {
	hosts := []string{v.Host}
	for _, service := range v.Services {
		hosts = append(hosts, service.Host)
	}
	return hosts
}
