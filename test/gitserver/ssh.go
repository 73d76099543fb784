package gitserver

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// SSHServer serves the repositories of a folder over SSH, to whoever has its one key.
type SSHServer struct {
	// KeyFile is the private key to log in with, KnownHostsFile what says that this server is the right one.
	KeyFile        string
	KnownHostsFile string
	silent         atomic.Bool
	dir            string
	listener       net.Listener
	config         *ssh.ServerConfig
	running        sync.WaitGroup
	mu             sync.Mutex
	conns          map[net.Conn]bool
}

// NewSSH starts a server for the repositories in dir. It ends with the test.
func NewSSH(t testing.TB, dir string) *SSHServer {
	t.Helper()
	host, _ := newKey(t)
	client, clientPEM := newKey(t)
	home := t.TempDir()
	s := &SSHServer{
		KeyFile:        filepath.Join(home, "key"),
		KnownHostsFile: filepath.Join(home, "known_hosts"),
		dir:            dir,
		conns:          map[net.Conn]bool{},
	}
	s.config = &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(client.PublicKey().Marshal()) {
			return nil, fmt.Errorf("unknown key")
		}
		return &ssh.Permissions{}, nil
	}}
	s.config.AddHostKey(host)
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	line := knownhosts.Line([]string{s.listener.Addr().String()}, host.PublicKey()) + "\n"
	for file, data := range map[string]string{s.KeyFile: clientPEM, s.KnownHostsFile: line} {
		if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.running.Go(s.accept)
	t.Cleanup(s.stop)
	return s
}

// Silence makes the server accept connections and then say nothing.
func (s *SSHServer) Silence() { s.silent.Store(true) }

// URL of a repository.
func (s *SSHServer) URL(repo string) string {
	return fmt.Sprintf("ssh://git@%s/%s.git", s.listener.Addr(), repo)
}

func newKey(t testing.TB) (ssh.Signer, string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	return signer, string(pem.EncodeToMemory(block))
}

func (s *SSHServer) stop() {
	_ = s.listener.Close()
	s.mu.Lock()
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
}

func (s *SSHServer) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[conn] = true
		s.mu.Unlock()
		s.running.Go(func() {
			s.serve(conn)
			_ = conn.Close()
			s.mu.Lock()
			delete(s.conns, conn)
			s.mu.Unlock()
		})
	}
}

func (s *SSHServer) serve(conn net.Conn) {
	if s.silent.Load() {
		_, _ = io.Copy(io.Discard, conn)
		return
	}
	_, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		return
	}
	s.running.Go(func() { ssh.DiscardRequests(requests) })
	for c := range channels {
		if c.ChannelType() != "session" {
			_ = c.Reject(ssh.UnknownChannelType, "only sessions")
			continue
		}
		channel, requests, err := c.Accept()
		if err != nil {
			return
		}
		s.running.Go(func() { s.session(channel, requests) })
	}
}

// session runs the one command of a session.
func (s *SSHServer) session(channel ssh.Channel, requests <-chan *ssh.Request) {
	defer func() { _ = channel.Close() }()
	for r := range requests {
		if r.Type != "exec" {
			_ = r.Reply(false, nil)
			continue
		}
		var command struct{ Line string }
		if err := ssh.Unmarshal(r.Payload, &command); err != nil {
			return
		}
		_ = r.Reply(true, nil)
		code := s.run(command.Line, channel)
		_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{code}))
		return
	}
}

// run runs git-upload-pack or git-receive-pack.
func (s *SSHServer) run(line string, channel ssh.Channel) uint32 {
	service, quoted, _ := strings.Cut(line, " ")
	if service != "git-upload-pack" && service != "git-receive-pack" {
		return 127
	}
	path := filepath.Join(s.dir, filepath.FromSlash(strings.Trim(quoted, "'")))
	cmd := exec.Command("git", strings.TrimPrefix(service, "git-"), path)
	cmd.Env = Environment()
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	in, err := cmd.StdinPipe()
	if err != nil {
		return 1
	}
	if err := cmd.Start(); err != nil {
		return 1
	}
	// Not awaited: it ends when the channel is closed, which run leads to.
	s.running.Go(func() {
		_, _ = io.Copy(in, channel)
		_ = in.Close()
	})
	if err := cmd.Wait(); err != nil {
		return 1
	}
	return 0
}
