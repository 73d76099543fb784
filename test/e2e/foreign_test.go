package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Somebody else pushes to both repositories all the time: all of it stays, all of ours arrives, nobody merges or forces.
func TestOthersPushAllTheTime(t *testing.T) {
	t.Parallel()
	w, shop, _ := oneApp(t)

	ctx, stop := context.WithCancel(t.Context())
	var others sync.WaitGroup
	var pushed [2][]string
	var failed [2]error
	for i, r := range []*repo{w.config, w.gitops} {
		others.Go(func() { pushed[i], failed[i] = pushAllTheTime(ctx, r) })
	}
	w.registry.publish("birds/wren:1")
	blog := w.imageProject("ws-1", "blog", "birds/wren:1")
	w.add(blog)
	for i := range 4 {
		shop.push(fmt.Sprintf("version %d", i))
		shop.runs(fmt.Sprintf("v1.0.%d", i+1))
		blog.edit(fmt.Sprintf("replicas: %d", i+2))
		blog.runs(fmt.Sprintf("v1.0.%d", i+1))
	}
	rollback := shop.revert("v1.0.4")
	shop.runs("v1.0.3")
	w.config.revert(rollback)
	four := shop.runs("v1.0.4")
	stop()
	others.Wait()

	shop.still(four)
	for i, r := range []*repo{w.config, w.gitops} {
		if failed[i] != nil {
			t.Errorf("the other one of %s: %v", filepath.Base(r.bare), failed[i])
		}
		if len(pushed[i]) < 3 {
			t.Errorf("only %d foreign commits in %s", len(pushed[i]), filepath.Base(r.bare))
		}
		history := r.log("%H")
		for n, commit := range pushed[i] {
			if !slices.Contains(history, commit) || r.read(foreignFile(n)) == "" {
				t.Errorf("foreign commit %s or its file is lost in %s", commit, filepath.Base(r.bare))
			}
		}
	}
	shop.wantNothingDoubled(5)
}

func foreignFile(n int) string { return fmt.Sprintf("docs/foreign-%d.md", n) }

// pushAllTheTime commits and pushes from a checkout of its own until the context ends, and returns what has landed.
func pushAllTheTime(ctx context.Context, r *repo) (landed []string, err error) {
	other := r.work + "-of-somebody-else"
	if _, err := run1(filepath.Dir(r.bare), nil, "git", "clone", "--quiet", r.bare, other); err != nil {
		return nil, err
	}
	pause := time.NewTicker(150 * time.Millisecond)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return landed, nil
		case <-pause.C:
		}
		commit, err := pushOne(r, other, foreignFile(len(landed)))
		if err != nil {
			return landed, err
		}
		landed = append(landed, commit)
	}
}

// pushOne adds a file and pushes it, as often as it takes.
func pushOne(r *repo, checkout, file string) (commit string, err error) {
	r.people.Lock()
	defer r.people.Unlock()
	return run1(checkout, nil, "sh", "-c", fmt.Sprintf(`
		mkdir -p docs && echo %[1]s >%[1]s && git add %[1]s && git commit --quiet -m 'Add %[1]s'
		for i in $(seq 100); do
			git pull --quiet --rebase origin main && git push --quiet origin HEAD:main 2>/dev/null && exec git rev-parse HEAD
		done
		exit 1`, file))
}

// Every push of Plateform's is beaten by somebody else's at the last moment; it lands on top of it the next time.
func TestBeatenAtEveryPush(t *testing.T) {
	t.Parallel()
	w, shop, _ := oneImage(t)
	w.settle()

	for i := range 4 {
		beaten := fmt.Sprintf("beaten-%d.md", i)
		w.config.beat(beaten)
		w.gitops.beat(beaten)
		commit := shop.edit(fmt.Sprintf("replicas: %d", i+2))
		v := shop.runs(fmt.Sprintf("v1.0.%d", i+1))
		if v.Replicas != i+2 {
			t.Errorf("%s has %d replicas", v.Release, v.Replicas)
		}
		shop.verdict(commit)
		for _, r := range []*repo{w.config, w.gitops} {
			if !r.sprung("pre-receive") || strings.TrimSpace(r.read(beaten)) != beaten {
				t.Errorf("%s of somebody else is lost in %s", beaten, filepath.Base(r.bare))
			}
		}
	}
	w.settle()
	shop.wantNothingDoubled(5)
}
