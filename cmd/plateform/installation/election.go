package installation

import (
	"cmp"
	"fmt"
	"log/slog"
	"time"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/kubernetes"
	"github.com/plateform/plateform/cmd/plateform/standby"
	"github.com/plateform/plateform/reconciler/lease"
)

// standby is this process as one of several; nil where serve.yaml says that it is alone. host is what the others know its machine by.
func (s *Settings) standby(host string, now func() time.Time, log *slog.Logger) (*standby.Standby, error) {
	e := s.Election
	if e == nil {
		return nil, nil
	}
	duration, err := time.ParseDuration(e.Duration)
	if err != nil {
		return nil, exit.Usage("election.duration: %w", err)
	}
	namespace, err := e.Where()
	if err != nil {
		return nil, err
	}
	cluster, err := kubernetes.Config(s.Engine.Kubeconfig)
	if err != nil {
		return nil, exit.Usage("election: %w (a Lease is in the cluster that serve runs in, or in that of engine.kubeconfig)", err)
	}
	return standby.New(lease.Options{Cluster: cluster, Namespace: namespace, Name: e.Lease, Duration: duration, Clock: now, Log: log}, host)
}

// Where is the namespace that the Lease is in.
func (e *ElectionSettings) Where() (string, error) { return standby.Namespace(e.Namespace) }

// election checks what several serves need.
func (c *settingsCheck) election(s *Settings) {
	e := s.Election
	if e == nil {
		return
	}
	if e.Lease == "" {
		c.add("election.lease", "election has no lease", "name the Lease that says who leads, as plateform")
	}
	if d, err := time.ParseDuration(e.Duration); err != nil || d < lease.MinDuration || d%time.Second != 0 {
		c.add("election.duration", fmt.Sprintf("election.duration %q is no time that a Lease can last", e.Duration), fmt.Sprintf("write whole seconds, %s at least, as 8s", lease.MinDuration))
	}
	if s.Engine.Kind == EngineLocal {
		c.add("election", "election is set, and apps run on this machine", "set engine.kind to direct or argocd, or take election out: another machine cannot take over what runs on this one")
	}
	if s.Registry.Embedded() {
		c.add("election", "election is set, and images are on this machine", "set registry.kind to external, or take election out: another machine has none of them")
	}
}

// setDefaults fills in what is left out.
func (e *ElectionSettings) setDefaults() {
	if e != nil {
		e.Duration = cmp.Or(e.Duration, "8s")
	}
}
