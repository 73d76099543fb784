// Package argocd is an engine that has Argo CD bring what is wanted to a Kubernetes cluster.
//
// Plateform applies the namespace of a project and its Application, as plateform-gitops has them at the commit, and in the same call
// asks Argo CD to compare anew: so the path of the chart and the values change together, and nothing else is compared. Argo CD applies
// the objects. How it goes is read from the Application, and why a pod does not run from the pods; both come from watches.
//
// All that is remembered is in the Application: its annotations say which commit and release it was applied for. The next process goes
// on from there, and has nothing compared that is as it should be.
package argocd
