package gitstore

import (
	"crypto/ed25519"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/plateform/plateform/test/gitserver"
)

// many are more objects than those of a small pack, which is taken apart into memory.
const many = 4300

// manyFiles makes one commit that sets more files than a small pack holds.
func manyFiles(t *testing.T, r *gitserver.Repo, word string) string {
	t.Helper()
	files := map[string]string{}
	for i := range many {
		same := strings.Repeat(fmt.Sprintf("this is file %d\n", i), 12)
		files[fmt.Sprintf("d%02d/f%04d", i%50, i)] = same + word + "\n" + same
	}
	return r.Commit(gitserver.Change{Message: word, Files: files})
}

func TestLargePacksStayOnDisk(t *testing.T) {
	t.Parallel()
	r := gitserver.New(t).Create(t, "config")
	first := manyFiles(t, r, "one")
	s := openStore(t, Options{URL: r.URL, CacheBytes: 64 << 10})
	fetch(t, s)
	// The other side knows what we have, and sends the second as differences from it.
	second := manyFiles(t, r, "two")
	if got := fetch(t, s); got != second {
		t.Fatal(got)
	}
	if n := s.db.Load().Packs(); n != 2 {
		t.Fatalf("%d packs", n)
	}
	for commit, word := range map[string]string{first: "one", second: "two"} {
		for i := 0; i < many; i += 97 {
			p := fmt.Sprintf("d%02d/f%04d", i%50, i)
			if data, err := s.Read(commit, p); err != nil || string(data) != r.Read(commit, p) || !strings.Contains(string(data), word) {
				t.Fatalf("%s at %s: %v", p, commit, err)
			}
		}
	}
	sameDiff(t, r, s, first, second)
	if changes, err := s.Diff("", second); err != nil || len(changes) != many {
		t.Fatalf("%d files: %v", len(changes), err)
	}
	head := push(t, s, second, setFiles("ours", map[string]string{"d00/f0000": "new"}))[0]
	sameDiff(t, r, s, second, head)
	r.Check()
}

// TestSSHAgent logs in with a key that only an agent has.
func TestSSHAgent(t *testing.T) {
	dir := t.TempDir()
	r := gitserver.CreateBare(t, filepath.Join(dir, "a.git"))
	head := r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"a": "1"}})
	srv := gitserver.NewSSH(t, dir)
	data, err := os.ReadFile(srv.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.ParseRawPrivateKey(data)
	if err != nil {
		t.Fatal(err)
	}
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: key.(*ed25519.PrivateKey)}); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "agent")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	defer serving.Wait()
	defer func() { _ = listener.Close() }()
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = agent.ServeAgent(ring, conn)
			_ = conn.Close()
		}
	})
	t.Setenv("SSH_AUTH_SOCK", "")
	s := openStore(t, Options{URL: srv.URL("a"), Access: Access{SSH: SSH{KnownHostsFile: srv.KnownHostsFile}}})
	if _, err := s.Fetch(t.Context()); err == nil {
		t.Fatal("without an agent there is a key")
	}
	t.Setenv("SSH_AUTH_SOCK", socket)
	if got := fetch(t, s); got != head {
		t.Fatal(got)
	}
}
