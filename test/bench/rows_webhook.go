package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// The load of webhooks.
const (
	webhookRate    = 1000            // deliveries a second
	webhookTurn    = 5 * time.Second // of load on one of the two
	webhookTurns   = 6
	webhookSenders = 64
	// answerCommand is the first argument of a bench that answers deliveries and nothing else.
	answerCommand   = "answer"
	webhookSecret   = "a secret of the bench"
	webhookRelease  = 1    // releases of each project
	webhookBodySize = 8000 // bytes, as a push of a few commits has
)

// webhooks is the built binary with 10,000 sources, told of a push to one of them 1,000 times a second: how long 99 of 100
// answers take at most, counted from when a delivery was due, the processor time that each takes, its look at the source
// included, and the memory before and after. Beside it, in turns, is a process that reads each delivery and answers: what that
// needs is the machine's. A delivery is lost when its source is not looked at after it. This process is GitHub, and the
// server of the sources too, which says where their branches are; that never changes, so there is nothing else to do.
func (s *stage) webhooks() []Row {
	sources := newRefServer(s)
	f := s.fleet(shape{projects: manyProjects, releases: webhookRelease, sources: true, host: sources.URL})
	config, gitops := s.copyRepo(f.config, "config"), s.copyRepo(f.gitops, "gitops")
	dir := s.TempDir()
	secret := filepath.Join(dir, "secret")
	s.must(os.WriteFile(secret, []byte(webhookSecret), 0o600))
	p := s.startServe(dir, config, gitops, fmt.Sprintf("webhooks: {github: {secretFile: %q}}\n", secret))
	self, err := os.Executable()
	s.must(err)
	other := "http://" + s.proxy(self, func(address string) []string { return []string{answerCommand, address} })
	s.eventually("all sources were looked at", func() bool { return sources.asked() == manyProjects })

	s.shoot(p.url, f, sources, 4*webhookTurn) // until as many deliveries are remembered as ever will be
	before, busy := s.memory(p.pid, "VmRSS:"), s.processor(p.pid)
	var delays, others []time.Duration
	for range webhookTurns {
		delays = append(delays, s.shoot(p.url, f, sources, webhookTurn)...)
		others = append(others, s.shoot(other, f, nil, webhookTurn)...)
	}
	after := s.memory(p.pid, "VmRSS:")
	lost := s.lost(sources)
	busy = s.processor(p.pid) - busy
	p.stop()
	if config.Head("main") != f.config.Head("main") || gitops.Head("main") != f.gitops.Head("main") {
		s.Fatal("there was something to do")
	}
	return []Row{
		paired("webhook-1k-p99", percentile(delays, 99), percentile(others, 99), "ms"),
		paired("webhook-1k-p50", percentile(delays, 50), percentile(others, 50), "ms"),
		{Name: "webhook-1k-cpu", Ours: busy.Seconds() * 1000 / float64(len(delays)), Unit: "ms"},
		{Name: "webhook-1k-rss", Ours: after, Unit: "MiB"},
		{Name: "webhook-1k-rss-before", Ours: before, Unit: "MiB"},
		{Name: "webhook-1k-lost", Ours: float64(lost), Unit: "deliveries"},
	}
}

// lost waits until all sources have been looked at since they were told of, and returns how many never are.
func (s *stage) lost(sources *refServer) int {
	deadline := time.Now().Add(patience)
	for {
		late := sources.late()
		if late == 0 || time.Now().After(deadline) {
			return late
		}
		s.pause(100 * time.Millisecond)
	}
}

// percentile is what so many of 100 take at most, in milliseconds.
func percentile(delays []time.Duration, of int) float64 {
	sorted := slices.Sorted(slices.Values(delays))
	return float64(sorted[len(sorted)*of/100]) / float64(time.Millisecond)
}

// answer takes deliveries in a process of its own, and does nothing about them, until that is told to end.
func answer(ctx context.Context, address string) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintln(w, "accepted")
	})}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// shoot delivers pushes at the rate to who looks at the sources, if anybody does, and returns how long each answer took from when the delivery was due.
func (s *stage) shoot(url string, f *fleet, sources *refServer, howLong time.Duration) []time.Duration {
	total := int(howLong.Seconds() * webhookRate)
	delays := make([]time.Duration, total)
	failures := make([]error, webhookSenders)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: webhookSenders}}
	defer client.CloseIdleConnections()
	var senders sync.WaitGroup
	begin := time.Now()
	for n := range webhookSenders {
		senders.Go(func() {
			for i := n; i < total && failures[n] == nil; i += webhookSenders {
				due := begin.Add(time.Duration(i) * time.Second / webhookRate)
				s.pause(time.Until(due))
				repository := f.project(f.key(i*7919%f.projects), "").Spec.Source.Repository
				r, err := deliveryOf(s.ctx, url, repository, fmt.Sprint(begin.UnixNano(), i))
				if err == nil {
					sources.told(repository)
					err = answered(client, r)
				}
				failures[n], delays[i] = err, time.Since(due)
			}
		})
	}
	senders.Wait()
	for _, err := range failures {
		s.must(err)
	}
	return delays
}

// deliveryOf is a push as GitHub tells of it.
func deliveryOf(ctx context.Context, url, repository, id string) (*http.Request, error) {
	body := fmt.Appendf(nil, `{"ref": "refs/heads/main", "after": %q, "repository": {"clone_url": %q}, "commits": [{"message": %q}]}`,
		id, repository+".git", strings.Repeat("What was done. ", webhookBodySize/15))
	mac := hmac.New(sha256.New, []byte(webhookSecret))
	mac.Write(body)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/webhooks/github", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-GitHub-Event", "push")
	r.Header.Set("X-GitHub-Delivery", id)
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	return r, nil
}

// answered sends a delivery and wants it to be taken.
func answered(client *http.Client, r *http.Request) error {
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	said, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusAccepted || string(bytes.TrimSpace(said)) != "accepted" {
		return fmt.Errorf("a delivery is answered %d %s", answer.StatusCode, said)
	}
	return answer.Body.Close()
}

// pause waits a while, or until the measures end.
func (s *stage) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-s.ctx.Done():
	}
}

// refServer says where the branches of sources are, which are not there.
type refServer struct {
	*httptest.Server

	mu sync.Mutex
	// looked and hinted are when each source was looked at last, and told of.
	looked, hinted map[string]time.Time
}

func newRefServer(s *stage) *refServer {
	r := &refServer{looked: map[string]time.Time{}, hinted: map[string]time.Time{}}
	r.Server = httptest.NewServer(r)
	s.Cleanup(r.Close)
	return r
}

func (r *refServer) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	name, found := strings.CutSuffix(request.URL.Path, "/info/refs")
	if !found || request.URL.Query().Get("service") != "git-upload-pack" {
		http.Error(w, "only refs are here", http.StatusForbidden)
		return
	}
	repository := r.URL + name
	r.mu.Lock()
	r.looked[repository] = time.Now()
	r.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
	tip := tipOf(repository, 0)
	fmt.Fprint(w, packet("# service=git-upload-pack\n"), "0000",
		packet(tip+" HEAD\x00multi_ack ofs-delta shallow symref=HEAD:refs/heads/main agent=bench\n"), packet(tip+" refs/heads/main\n"), "0000")
}

// packet is a line as Git sends it, after its length.
func packet(line string) string { return fmt.Sprintf("%04x%s", len(line)+4, line) }

// asked is how many sources were looked at.
func (r *refServer) asked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.looked)
}

// told notes that a delivery about a source is on its way to who looks here.
func (r *refServer) told(repository string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hinted[repository] = time.Now()
}

// late is how many sources were not looked at since they were told of.
func (r *refServer) late() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for repository, at := range r.hinted {
		if r.looked[repository].Before(at) {
			n++
		}
	}
	return n
}

// served is `plateform serve` in a process of its own.
type served struct {
	url  string
	pid  int
	took time.Duration // until it was ready
	stop func()
}
