// Package kube gives tests a real Kubernetes API: etcd, kube-apiserver and kube-controller-manager, each a process of its
// own on this machine, with RBAC, and with a node that only says how pods do.
//
// Tests that use it have the build tag e2e, as the control plane has to be built first, which takes minutes once:
// `make controlplane`, which `make e2e` does by itself. Without it they are skipped.
//
//	func TestMain(m *testing.M) { os.Exit(kube.Main(m)) }
//
//	func TestRollout(t *testing.T) {
//		cluster := kube.Shared(t)            // one for all tests of the package, started by the first
//		namespace := cluster.Namespace(t)    // which is removed after the test
//		bad := cluster.Image(t, kube.CrashLoop)
//		client := cluster.Client()           // of an admin; or Config(), or Kubeconfig() for commands
//		...
//	}
//
// [Start] gives a test one of its own, whose API server may be interrupted.
//
// What is real: everything that the API server and the controllers do, such as validation, defaults, server-side apply,
// admission, rights, rollouts, garbage collection, quotas, and how a namespace ends. What is not is the node: no container
// runs, nothing answers requests, there are no logs. It binds pods and writes their status as a kubelet does for an image
// that behaves in the way that [Cluster.Image] or [Cluster.Behave] said; all other images run and get ready, and jobs of
// them succeed. It deletes pods at once, gives an Ingress an address, and binds volume claims.
//
// With PLATEFORM_TEST_CLUSTER=1 and $KUBECONFIG, [Shared] is the cluster there, which has nodes of its own. There
// [Cluster.Image] pushes real images, and tests are skipped that say more of nodes than an image can do.
package kube
