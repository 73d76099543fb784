package kube

import (
	"fmt"
	"strings"
	"testing"
)

// Behaviour is how containers of an image do.
type Behaviour int

// What images do. A pod is as its containers are.
const (
	Runs          Behaviour = iota // gets ready; in a pod that is not restarted, as those of a job, it ends well
	NeverReady                     // runs, and its readiness probe fails
	Ends                           // ends well, as the program of a job does; so it is restarted where it has to run
	CrashLoop                      // exits with 1 each time it is started; so a job fails
	OutOfMemory                    // is killed for its memory each time it is started
	PullFails                      // there is no such image
	ConfigFails                    // a Secret or ConfigMap that it needs is not there
	Unschedulable                  // no node has room for its pod
)

// String names the behaviour as an image can be named.
func (b Behaviour) String() string {
	names := []string{"runs", "never-ready", "ends", "crash-loop", "out-of-memory", "pull-fails", "config-fails", "unschedulable"}
	if b < 0 || int(b) >= len(names) {
		return fmt.Sprintf("behaviour-%d", int(b))
	}
	return names[b]
}

// Behave says how containers of an image do from now on, also those that are there already. An image without a tag or
// digest stands for all tags and digests of it that are not named themselves. A cluster with nodes of its own does not
// obey, so the test is skipped there.
func (c *Cluster) Behave(t testing.TB, image string, b Behaviour) {
	t.Helper()
	if c.Real() {
		t.Skip("images behave on the nodes of this cluster as they are, and not as a test says: unset PLATEFORM_TEST_CLUSTER")
	}
	c.node.behave(image, b)
}

// behaviours are those of images that somebody has named.
type behaviours map[string]Behaviour

// of returns how an image behaves: as itself, as what it is without its digest, or as what it is without its tag.
func (bs behaviours) of(image string) Behaviour {
	if b, named := bs[image]; named {
		return b
	}
	untagged, _, _ := strings.Cut(image, "@")
	if b, named := bs[untagged]; named {
		return b
	}
	if colon := strings.LastIndex(untagged, ":"); colon > strings.LastIndex(untagged, "/") {
		untagged = untagged[:colon]
	}
	return bs[untagged]
}
