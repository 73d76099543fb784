//go:build e2e

package kube

import "context"

// StartIn starts a control plane in a folder without a test, for a process that is killed.
func StartIn(ctx context.Context, dir string) (*Cluster, error) {
	binary, err := find()
	if err != nil {
		return nil, err
	}
	return startCluster(ctx, binary, dir)
}

// PIDs are those of the processes of a control plane.
func (c *Cluster) PIDs() []int {
	var pids []int
	for _, part := range []*process{c.plane.etcd, c.plane.server, c.plane.manager} {
		pids = append(pids, part.command.Process.Pid)
	}
	return pids
}
