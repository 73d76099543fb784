// Package pods reads the pods of projects in a Kubernetes cluster: which there are, how they do, and what they print. It is for engines,
// and for whoever has the cluster at hand without one.
package pods
