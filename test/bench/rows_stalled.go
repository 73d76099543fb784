package main

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/loop"
	"github.com/plateform/plateform/reconciler/registry"
	"github.com/plateform/plateform/test/gitserver"
)

// stalled is the edit of one project until GitOps has it while 100 others want an image of a registry that accepts
// connections and never answers. Beside it is the same edit in a reconciler where nobody wants anything else.
func (s *stage) stalled() []Row {
	const projects, stuck = 1000, 100
	f := s.fleet(shape{projects: projects, releases: releasesEach})
	silent := s.silentHost()
	held, heldConfig := s.runOnCopies(f)
	defer held.stop()
	alone, aloneConfig := s.runOnCopies(f)
	defer alone.stop()

	files := map[string]string{}
	for i := range stuck {
		k := f.key(i)
		project := f.project(k, "")
		project.Spec.Image = silent.address + "/vendor/" + k.Project + ":2.0"
		file, err := manifest.Encode(project)
		s.must(err)
		files[manifest.ProjectFile(k)] = string(file)
	}
	heldConfig.Commit(gitserver.Change{Message: "Move images", Files: files})
	held.Hint(loop.Hint{Config: true})
	s.eventually("the registry is asked", func() bool { return silent.asked() > 0 })
	held.settle()

	var ours, other []time.Duration
	s.profiled("stalled", func() {
		for turn := range pairs + 1 {
			k, generation := f.key(stuck+turn*37), fmt.Sprint("turn ", turn)
			s.edit(f, heldConfig, k, generation)
			took, _ := held.follow(2)
			s.edit(f, aloneConfig, k, generation)
			tookAlone, _ := alone.follow(2)
			if turn > 0 {
				ours, other = append(ours, took), append(other, tookAlone)
			}
		}
	})
	return []Row{paired("stalled", median(ours), median(other), "ms")}
}

// runOnCopies runs a reconciler with a real registry client on copies of the repositories of a fleet.
func (s *stage) runOnCopies(f *fleet) (*running, *gitserver.Repo) {
	images, err := registry.New(registry.Options{})
	s.must(err)
	config := s.copyRepo(f.config, "config")
	return s.run(f, config, s.copyRepo(f.gitops, "gitops"), images), config
}

// silentHost accepts connections and never says a word.
type silentHost struct {
	address string

	mu          sync.Mutex
	connections []net.Conn
}

func (s *stage) silentHost() *silentHost {
	var config net.ListenConfig
	listener, err := config.Listen(s.ctx, "tcp", "127.0.0.1:0")
	s.must(err)
	h := &silentHost{address: listener.Addr().String()}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.accept(listener)
	}()
	s.Cleanup(func() {
		_ = listener.Close()
		<-ended
		h.close()
	})
	return h
}

func (h *silentHost) accept(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		h.mu.Lock()
		h.connections = append(h.connections, connection)
		h.mu.Unlock()
	}
}

// asked is how many connections there were.
func (h *silentHost) asked() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.connections)
}

func (h *silentHost) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, connection := range h.connections {
		_ = connection.Close()
	}
}
