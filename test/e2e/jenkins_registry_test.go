package e2e

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plateform/plateform/reconciler/jenkins"
	"github.com/plateform/plateform/test/jenkinsserver"
)

// atEnd has something done when a build of a project has done everything, and Jenkins does not know yet.
func (p *pipelines) atEnd(of *project, do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	run := p.pipeline
	p.pipeline = func(ctx context.Context, b *jenkinsserver.Build) error {
		err := run(ctx, b)
		if strings.Contains(b.Parameter(jenkins.ParamDestination), of.repository()) {
			do()
		}
		return err
	}
}

// A registry that answers slowly what a build has pushed holds up that project and nobody else; once it answers, the image is released,
// and nothing is built twice.
func TestASlowRegistryBehindJenkins(t *testing.T) {
	t.Parallel()
	w, ci := buildWithJenkins(t)
	w.open()
	shop, birds := w.goProject("ws-1", "shop"), w.goProject("ws-2", "birds")
	answers, asked := make(chan struct{}), make(chan struct{}, 1)
	open := sync.OnceFunc(func() { close(answers) })
	t.Cleanup(open)
	ci.atEnd(shop, func() {
		w.registry.watch(func(method, path string) {
			if !strings.HasPrefix(path, "/v2/"+shop.repository()+"/manifests/") {
				return
			}
			select {
			case asked <- struct{}{}:
			default:
			}
			<-answers
		}, nil)
	})
	added := w.add(shop)
	w.await("the registry to be asked for what was built", func() error {
		select {
		case <-asked:
			return nil
		default:
			return errors.New("it is not")
		}
	})
	w.add(birds)
	birds.runs("v1.0.0")
	w.await("the commit to say what is waited for", func() error {
		for _, note := range w.notesOn(added, shop.context()) {
			if strings.Contains(note.Description, w.registry.host) && note.State == "pending" {
				return nil
			}
		}
		return errors.New("it does not")
	})
	shop.wantReleases()
	w.crash()
	open()
	shop.runs("v1.0.0")
	w.settle()
	if err := wantBuilds(ci, 2); err != nil {
		t.Error(err)
	}
}

// A call of Jenkins has builds looked at and says nothing else: who sends one again that they have seen gets nothing done by it, and after
// some minutes not even that.
func TestACallOfJenkinsThatIsSentAgain(t *testing.T) {
	t.Parallel()
	w, ci := buildWithJenkins(t)
	open := ci.hold()
	t.Cleanup(open)
	const secret = "a secret of Jenkins that is long enough"
	w.letJenkinsCall(secret)
	w.open()
	shop := w.goProject("ws-1", "shop")
	added := w.add(shop)
	w.await("a build in Jenkins", func() error { return wantBuilds(ci, 1) })
	now := time.Now()
	for range 3 {
		if got := w.callAsJenkins(secret, now); got != http.StatusAccepted {
			t.Fatalf("answered %d", got)
		}
	}
	w.settleBut(shop)
	shop.wantReleases()
	open()
	shop.runs("v1.0.0")
	w.settle()
	said := len(w.notesOn(added, shop.context()))
	for range 3 {
		if got := w.callAsJenkins(secret, now); got != http.StatusAccepted {
			t.Fatalf("answered %d", got)
		}
	}
	if got := w.callAsJenkins(secret, now.Add(-6*time.Minute)); got != http.StatusForbidden {
		t.Errorf("a call of six minutes ago is answered %d", got)
	}
	w.settle()
	shop.wantReleases("v1.0.0")
	if err := wantBuilds(ci, 1); err != nil {
		t.Error(err)
	}
	if got := len(w.notesOn(added, shop.context())); got != said {
		t.Errorf("%d things are said of it, %d before", got, said)
	}
}
