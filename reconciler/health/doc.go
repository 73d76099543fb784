// Package health says how the objects of a project do in a Kubernetes cluster, and why its pods do not run: for engines, which apply
// them in their own ways.
package health
