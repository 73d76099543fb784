// Package direct is an engine that renders charts itself and applies them to a Kubernetes cluster, by server-side apply.
//
// What a project is made of is remembered in the cluster, in a ConfigMap beside it (the inventory): which objects, with a hash of
// each as it was rendered. So only what changed is sent, what is not rendered any more is deleted, and the next process goes on where
// the last one stopped. How the objects are comes from watches: a cluster at rest is not asked anything.
//
// Nothing of a tenant is applied with the rights of this process. Each namespace has a service account that may handle the kinds that the
// charts have, in that namespace, and the objects of its projects are applied as that account.
package direct
