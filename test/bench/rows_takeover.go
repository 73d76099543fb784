package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/test/gitserver"
	"github.com/plateform/plateform/test/kube"
)

// takeovers is how often the one that leads is killed.
const takeovers = 5

// takeover is how long it takes until a deploy is through whose serve was killed in the middle of it, right after it had pushed the
// release: another one waits until the Lease has run out, reads both repositories, and deploys what was released. The Lease is in a
// control plane of the tests, and lasts as long as it does by default.
func (s *stage) takeover() []Row {
	cluster := kube.Start(s)
	before, was := os.LookupEnv("KUBECONFIG")
	s.must(os.Setenv("KUBECONFIG", cluster.Kubeconfig())) // as the servers inherit it
	defer func() {
		if was {
			s.must(os.Setenv("KUBECONFIG", before))
			return
		}
		s.must(os.Unsetenv("KUBECONFIG"))
	}()
	f := s.fleet(shape{projects: 100, releases: releasesEach})
	config, gitops := s.copyRepo(f.config, "config"), s.copyRepo(f.gitops, "gitops")
	start := func() *served {
		return s.startServing(s.TempDir(), fmt.Sprintf("config: {url: %q}\ngitops: {url: %q}\nforge: {kind: git, poll: 500ms}\nelection: {lease: plateform, namespace: default}\n", config.URL, gitops.URL))
	}
	leads := start()
	s.eventually("the first leads", func() bool { return s.says(leads.url+"/readyz", "ready") })
	var took []time.Duration
	for turn := range takeovers {
		other := start()
		k := f.key(turn * 37 % 100)
		config.Hook("post-receive", fmt.Sprintf(`while read old new ref; do [ "$(git log -1 --format=%%an $new)" != Plateform ] || kill -9 %d; done`, leads.pid))
		s.edit(f, config, k, fmt.Sprint("takeover ", turn))
		s.eventually("the release is pushed", func() bool { return holds(config, manifest.ReleaseFile(k, version(releasesEach))) })
		config.Hook("post-receive", "")
		begin := time.Now()
		s.eventually("the release is deployed", func() bool {
			return strings.Contains(gitops.Read("main", manifest.ValuesFile(k)), "release: "+version(releasesEach).String())
		})
		took = append(took, time.Since(begin))
		leads.stop()
		leads = other
	}
	most := took[0]
	for _, d := range took {
		most = max(most, d)
	}
	return []Row{{Name: "takeover", Ours: median(took), Unit: "ms"}, {Name: "takeover-most", Ours: float64(most) / float64(time.Millisecond), Unit: "ms"}}
}

// holds says that the config repository has a file.
func holds(r *gitserver.Repo, file string) bool {
	_, err := gitserver.TryGit(r.Dir, nil, "cat-file", "-e", "main:"+file)
	return err == nil
}

// says reports whether a server answers with a text.
func (s *stage) says(url, text string) bool {
	request, err := http.NewRequestWithContext(s.ctx, http.MethodGet, url, nil)
	s.must(err)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	said, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	return err == nil && strings.HasPrefix(string(said), text)
}
