package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing/transport"
	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// dialSSH runs git-upload-pack or git-receive-pack on another machine. The connection is closed when ctx ends, at
// whatever stage it is.
func dialSSH(ctx context.Context, how SSH, ep *transport.Endpoint, service string) (*pipes, error) {
	config, closeAgent, err := sshConfig(ctx, how, ep)
	if err != nil {
		return nil, &DeniedError{err}
	}
	defer closeAgent()
	address := sshAddress(ep)
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	release := context.AfterFunc(ctx, func() { _ = conn.Close() })
	fail := func(err error) (*pipes, error) {
		release()
		_ = conn.Close()
		return nil, fmt.Errorf("ssh to %s: %w", address, contextError(ctx, err))
	}
	c, channels, requests, err := ssh.NewClientConn(conn, address, config)
	if err != nil {
		return fail(deniedHandshake(ctx, err))
	}
	client := ssh.NewClient(c, channels, requests)
	p, ended, err := runSSH(client, service, ep.Path)
	if err != nil {
		_ = client.Close()
		return fail(err)
	}
	p.stop = sync.OnceValue(func() error {
		// Why it ended may still be on its way: standard error comes beside the output.
		_ = p.in.Close()
		timer := time.AfterFunc(sshLastWords, func() { _ = client.Close() })
		_ = ended()
		timer.Stop()
		release()
		err := client.Close()
		_ = client.Wait()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		return err
	})
	return p, nil
}

// sshLastWords is how long the service at the other end has to end by itself.
const sshLastWords = time.Second

// runSSH starts the service on the other machine. ended waits until it has, and all it said is there.
func runSSH(client *ssh.Client, service, path string) (p *pipes, ended func() error, err error) {
	s, err := client.NewSession()
	if err != nil {
		return nil, nil, err
	}
	said := &Tail{}
	s.Stderr = said
	in, err := s.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	out, err := s.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := s.Start(service + " '" + strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(path) + "'"); err != nil {
		return nil, nil, err
	}
	return &pipes{in: in, out: out, complaint: said}, s.Wait, nil
}

func sshAddress(ep *transport.Endpoint) string {
	port := ep.Port
	if port == 0 {
		port = 22
	}
	return net.JoinHostPort(strings.Trim(ep.Host, "[]"), strconv.Itoa(port))
}

// sshConfig says how to log in and which host keys to accept.
func sshConfig(ctx context.Context, how SSH, ep *transport.Endpoint) (*ssh.ClientConfig, func(), error) {
	config := &ssh.ClientConfig{User: ep.User}
	if config.User == "" {
		config.User = "git"
	}
	closeAgent := func() {}
	if how.KeyFile != "" {
		data, err := os.ReadFile(how.KeyFile)
		if err != nil {
			return nil, nil, fmt.Errorf("the SSH key: %w", err)
		}
		key, err := ssh.ParsePrivateKey(data)
		if err != nil {
			return nil, nil, fmt.Errorf("the SSH key in %s: %w", how.KeyFile, err)
		}
		config.Auth = []ssh.AuthMethod{ssh.PublicKeys(key)}
	} else {
		method, closer, err := agentAuth(ctx)
		if err != nil {
			return nil, nil, err
		}
		config.Auth, closeAgent = []ssh.AuthMethod{method}, func() { _ = closer.Close() }
	}
	var files []string
	if how.KnownHostsFile != "" {
		files = []string{how.KnownHostsFile}
	}
	known, err := gitssh.NewKnownHostsDb(files...)
	if err != nil {
		closeAgent()
		return nil, nil, fmt.Errorf("the known hosts (name them with a file, or add the host with ssh-keyscan): %w", err)
	}
	config.HostKeyCallback = known.HostKeyCallback()
	config.HostKeyAlgorithms = known.HostKeyAlgorithms(sshAddress(ep))
	return config, closeAgent, nil
}

// agentAuth logs in with the keys of the running agent.
func agentAuth(ctx context.Context) (ssh.AuthMethod, io.Closer, error) {
	socket := os.Getenv("SSH_AUTH_SOCK")
	if socket == "" {
		return nil, nil, errors.New("no SSH key: name a key file, or start ssh-agent (SSH_AUTH_SOCK is not set)")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, nil, fmt.Errorf("the SSH agent: %w", err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, nil, errors.Join(err, conn.Close())
		}
	}
	return ssh.PublicKeysCallback(agent.NewClient(conn).Signers), conn, nil
}
