// Package rollout is how one project gets to what is wanted of it, and what is said of that meanwhile: for engines of a cluster, which
// bring it about in their own ways.
package rollout
