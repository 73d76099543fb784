// Package forge is the state of a GitHub, and what follows from a change of it: a push moves pull requests, a head that is
// reachable from the base is a merge, and all of it is told by webhooks. One lock guards it. It knows nothing of requests.
package forge
