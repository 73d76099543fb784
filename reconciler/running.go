package reconciler

import (
	"context"
	"time"

	"github.com/plateform/plateform/manifest"
)

// Running is how what runs of a project does, as the engine sees it now.
type Running struct {
	Rollout
	// Namespace it runs in.
	Namespace string
	// Ready is how many of its Wanted pods are ready; workers and jobs of it are not counted.
	Ready, Wanted int
	Pods          []Pod
}

// Pod is one pod of a project.
type Pod struct {
	Name string `json:"name"`
	// Images are those that its containers run, by digest where the node says it.
	Images []string `json:"images,omitempty"`
	// State in a word or two: ready, starting, CrashLoopBackOff.
	State    string    `json:"state"`
	Ready    bool      `json:"ready"`
	Restarts int       `json:"restarts"`
	Since    time.Time `json:"since"`
}

// Overseer is an Engine that can say how what runs does, pod by pod.
type Overseer interface {
	// Running says how a project does. The error is fs.ErrNotExist when nothing of it is wanted.
	Running(ctx context.Context, key manifest.Key) (Running, error)
}
