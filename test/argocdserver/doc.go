// Package argocdserver is a small Argo CD for tests. On a real Kubernetes API, with the kinds of the real one, it does what the
// controller of Argo CD 3.2 does for Applications of a Helm chart: it compares when it is asked to, applies what differs, deletes what
// is not rendered any more, runs hooks before, says how the objects do, and deletes all with an Application that has the finalizer. It writes what that
// controller writes into the status, in the same order, with the same precision.
//
// It can be told to be away, to fail to read Git, to fail before it has a revision, and to take its time.
package argocdserver
