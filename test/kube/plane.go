package kube

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/rest"
)

const (
	// patience bounds the start of a control plane, on a machine that does much else.
	patience = 3 * time.Minute
	// glance is how often is looked at what is waited for.
	glance = 50 * time.Millisecond
)

// plane is a control plane: its processes, and what they share in a folder.
type plane struct {
	binary, dir string
	port        string // of the API server, on loopback
	credentials *credentials
	// in the order that they start in
	etcd, server, manager *process
}

// startPlane starts a control plane in a folder that is there, and returns once it answers.
func startPlane(ctx context.Context, binary, dir string) (*plane, error) {
	p := &plane{binary: binary, dir: dir}
	err := p.start(ctx)
	if err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

func (p *plane) start(ctx context.Context) (err error) {
	if p.credentials, err = newCredentials(p.dir); err != nil {
		return err
	}
	// The socket is in the folder that they all run in, as a path may be too long for a socket.
	p.etcd, err = startProcess(p.binary, p.dir, "etcd", []string{"-data-dir", "etcd", "-listen", "unix://etcd.sock"})
	if err != nil {
		return err
	}
	if err := p.choosePort(ctx); err != nil {
		return err
	}
	if err := p.credentials.writeKubeconfigs(p.dir, p.url()); err != nil {
		return err
	}
	p.manager, err = startProcess(p.binary, p.dir, "kube-controller-manager", []string{
		"--kubeconfig=" + fileManager,
		"--secure-port=0",
		"--leader-elect=false",
		"--use-service-account-credentials",
		"--service-account-private-key-file=" + fileAccounts,
		"--root-ca-file=" + fileCertificate,
		// Nodes, and volumes, are what the node here says of them.
		"--controllers=*,-node-lifecycle-controller,-node-ipam-controller,-persistentvolume-binder-controller," +
			"-persistentvolume-attach-detach-controller,-persistentvolume-expander-controller",
	})
	return err
}

// url of the API server.
func (p *plane) url() string { return "https://" + net.JoinHostPort("127.0.0.1", p.port) }

// choosePort starts the API server at a port that is free. Another process may take it in between: then it is another.
func (p *plane) choosePort(ctx context.Context) error {
	const attempts = 5
	for attempt := 1; ; attempt++ {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("finding a port for the API server: %w", err)
		}
		_, p.port, _ = net.SplitHostPort(listener.Addr().String()) // of a listener, which has one
		_ = listener.Close()
		err = p.startServer(ctx)
		if err == nil || attempt == attempts || !strings.Contains(err.Error(), "address already in use") {
			return err
		}
	}
}

// startServer starts the API server at its port, and returns once it is ready.
func (p *plane) startServer(ctx context.Context) (err error) {
	p.server, err = startProcess(p.binary, p.dir, "kube-apiserver", []string{
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		"--secure-port=" + p.port,
		"--endpoint-reconciler-type=none", // nothing runs inside that could reach it
		"--etcd-servers=unix://etcd.sock",
		"--tls-cert-file=" + fileCertificate,
		"--tls-private-key-file=" + fileKey,
		"--token-auth-file=" + fileTokens,
		"--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + fileAccounts,
		"--service-account-signing-key-file=" + fileAccounts,
		"--service-cluster-ip-range=10.96.0.0/16",
		"--profiling=false",
	})
	if err != nil {
		return err
	}
	client, err := rest.HTTPClientFor(p.credentials.config(p.url()))
	if err != nil {
		return fmt.Errorf("asking the API server whether it is ready: %w", err)
	}
	defer client.CloseIdleConnections()
	return p.await(ctx, func() bool {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url()+"/readyz", nil)
		if err != nil {
			return false
		}
		response, err := client.Do(request)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

// await waits until something is so, as long as etcd and the API server run.
func (p *plane) await(ctx context.Context, so func() bool) error {
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	for !so() {
		select {
		case <-p.etcd.done:
			return p.etcd.failure()
		case <-p.server.done:
			return p.server.failure()
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), p.server.lastWords())
		case <-ticker.C:
		}
	}
	return nil
}

// stop ends all processes, the last first, and returns once they are gone.
func (p *plane) stop() {
	p.manager.stop()
	p.server.stop()
	p.etcd.stop()
}

// kubeconfig is the file of the admin.
func (p *plane) kubeconfig() string { return filepath.Join(p.dir, fileAdmin) }
