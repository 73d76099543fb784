package kube

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// credentials are what the parts of a control plane, and who asks it, know each other by. All are made for one control
// plane, and are of no use anywhere else.
type credentials struct {
	authority []byte // the certificate of the API server, which is its own authority
	admin     string // the token of somebody who may do anything
	manager   string // the token of the controller manager
}

// The files of credentials in the folder of a control plane.
const (
	fileCertificate = "server.crt"
	fileKey         = "server.key"
	fileTokens      = "tokens.csv"
	fileAccounts    = "accounts.key"     // signs the tokens of service accounts
	fileAdmin       = "admin.conf"       // the kubeconfig of the admin
	fileManager     = "controllers.conf" // the kubeconfig of the controller manager
)

// newCredentials makes credentials and writes them into a folder, without the kubeconfigs, which name the port.
func newCredentials(dir string) (*credentials, error) {
	c := &credentials{admin: rand.Text(), manager: rand.Text()}
	key, err := newKey(filepath.Join(dir, fileKey))
	if err != nil {
		return nil, err
	}
	if _, err := newKey(filepath.Join(dir, fileAccounts)); err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kube-apiserver"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost", "kubernetes.default.svc"},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making the certificate of the API server: %w", err)
	}
	c.authority = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	if err := os.WriteFile(filepath.Join(dir, fileCertificate), c.authority, 0o600); err != nil {
		return nil, fmt.Errorf("writing the certificate of the API server: %w", err)
	}
	tokens := fmt.Sprintf("%s,admin,1,system:masters\n%s,system:kube-controller-manager,2,\n", c.admin, c.manager)
	if err := os.WriteFile(filepath.Join(dir, fileTokens), []byte(tokens), 0o600); err != nil {
		return nil, fmt.Errorf("writing tokens: %w", err)
	}
	return c, nil
}

func newKey(file string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		return nil, fmt.Errorf("writing a key: %w", err)
	}
	return key, nil
}

// config is how the admin reaches an API server. Tests are not held back by the client: it asks as often as it likes.
func (c *credentials) config(server string) *rest.Config {
	return &rest.Config{Host: server, BearerToken: c.admin, TLSClientConfig: rest.TLSClientConfig{CAData: c.authority}, QPS: -1}
}

// writeKubeconfigs writes how the admin and the controller manager reach an API server.
func (c *credentials) writeKubeconfigs(dir, server string) error {
	for file, token := range map[string]string{fileAdmin: c.admin, fileManager: c.manager} {
		err := clientcmd.WriteToFile(clientcmdapi.Config{
			Clusters:       map[string]*clientcmdapi.Cluster{"test": {Server: server, CertificateAuthorityData: c.authority}},
			AuthInfos:      map[string]*clientcmdapi.AuthInfo{"test": {Token: token}},
			Contexts:       map[string]*clientcmdapi.Context{"test": {Cluster: "test", AuthInfo: "test"}},
			CurrentContext: "test",
		}, filepath.Join(dir, file))
		if err != nil {
			return fmt.Errorf("writing a kubeconfig: %w", err)
		}
	}
	return nil
}
