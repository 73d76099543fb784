//go:build e2e

package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// direct has requests to the registry of the cluster go through no proxy.
func direct() remote.Option { return remote.WithTransport(&http.Transport{}) }

// images is where the project's images are, as the test reaches it.
func (c *inCluster) images() name.Repository {
	c.w.t.Helper()
	repository, err := name.NewRepository(os.Getenv("PLATEFORM_TEST_REGISTRY")+"/"+c.repository(), name.Insecure)
	if err != nil {
		c.w.t.Fatal(err)
	}
	return repository
}

// lose takes all images of the project out of the registry of the cluster; the returned function pushes them again.
func (c *inCluster) lose() (push func()) {
	c.w.t.Helper()
	repository := c.images()
	backup, err := layout.Write(c.w.t.TempDir(), empty.Index)
	if err != nil {
		c.w.t.Fatal(err)
	}
	tags, err := remote.List(repository, direct())
	if err != nil {
		c.w.t.Fatal(err)
	}
	digests := map[string]name.Digest{} // by tag
	for _, tag := range tags {
		image, err := remote.Image(repository.Tag(tag), direct())
		if err != nil {
			c.w.t.Fatal(err)
		}
		digest, err := image.Digest()
		if err != nil {
			c.w.t.Fatal(err)
		}
		if err := backup.AppendImage(image); err != nil {
			c.w.t.Fatal(err)
		}
		digests[tag] = repository.Digest(digest.String())
	}
	for tag, digest := range digests {
		for _, ref := range []name.Reference{repository.Tag(tag), digest} {
			if err := remote.Delete(ref, direct()); err != nil && !strings.Contains(err.Error(), "MANIFEST_UNKNOWN") { // another tag had the same
				c.w.t.Fatal(err)
			}
		}
	}
	return func() {
		c.w.t.Helper()
		for tag, digest := range digests {
			hash, err := v1.NewHash(digest.DigestStr())
			if err != nil {
				c.w.t.Fatal(err)
			}
			image, err := backup.Image(hash)
			if err != nil {
				c.w.t.Fatal(err)
			}
			if err := remote.Write(repository.Tag(tag), image, direct()); err != nil {
				c.w.t.Fatal(err)
			}
		}
	}
}

// objects are the pods of the project that are not leaving, and what its Deployment is at: they change with whatever is done to it.
func (c *inCluster) objects() string {
	c.w.t.Helper()
	deployment, err := run1(".", nil, "kubectl", "get", "deployments", "--namespace", c.workspace, "--output=jsonpath={range .items[*]}{.metadata.uid} at {.metadata.generation}\n{end}")
	if err != nil {
		c.w.t.Fatal(err)
	}
	pods, err := run1(".", nil, "kubectl", "get", "pods", "--namespace", c.workspace, `--output=go-template={{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.uid}} {{end}}{{end}}`)
	if err != nil {
		c.w.t.Fatal(err)
	}
	return deployment + pods
}

// imagesCheck is what images check says.
func (c *inCluster) imagesCheck() (string, error) {
	c.w.t.Helper()
	return c.w.plateform("images", "check", "--config", filepath.Join(c.w.dir, "serve.yaml"))
}

// The registry loses all images while an app runs in a cluster: it goes on answering, images check says which releases cannot run, and a
// rollback is refused before the cluster is touched. Once the images are pushed again the rollback goes through, and once they are lost
// again a retry builds what the source has.
func TestAClusterWhoseRegistryIsLost(t *testing.T) {
	c := clusterProject(t)
	c.w.add(c.project)
	c.runs("v1.0.0")
	pushed := c.app.commit("Two", files{"main.go": webServer("two")})
	two := c.runs("v1.0.1")
	c.wantSourceVerdict(pushed, "success")
	c.w.await("v1.0.1 to be tagged, as that pushes its image again", func() error {
		_, err := remote.Head(c.images().Tag("v1.0.1"), direct())
		return err
	})
	c.answers("two")
	stop := c.asked()
	objects, builds := c.objects(), len(c.w.registry.builds(c.repository()))

	push := c.lose()
	out, err := c.imagesCheck()
	for _, want := range []string{c.repository() + " v1.0.0: ", c.repository() + " v1.0.1, the newest: ", two.Image.Digest + " is not there", "2 images of releases are not there"} {
		if err == nil || !strings.Contains(out+err.Error(), want) {
			t.Errorf("images check does not say %q (%v):\n%s", want, err, out)
		}
	}
	rollback := c.revert("v1.0.1")
	if red := c.w.redOn(rollback, c.project); !strings.Contains(red.Description, "v1.0.0 is gone") {
		t.Errorf("the rollback ended with %+v", red)
	}
	same(t, c.values(), two)
	if now := c.objects(); now != objects {
		t.Errorf("the cluster was at\n%s\nand is at\n%s", objects, now)
	}
	c.answers("two")

	c.wantVerdict(c.w.config.revert(rollback), "success")
	push()
	if out, err := c.imagesCheck(); err != nil {
		t.Errorf("the images are there again, and images check says (%v):\n%s", err, out)
	}
	c.revert("v1.0.1")
	c.runs("v1.0.0")
	c.answers("one")
	if more := len(c.w.registry.builds(c.repository())) - builds; more != 0 {
		t.Errorf("%d builds were made", more)
	}

	c.lose()
	c.retry()
	c.runs("v1.0.2")
	c.answers("two")
	stop()
	if out, err := c.imagesCheck(); err == nil || !strings.Contains(out, " v1.0.0: ") || strings.Contains(out, " v1.0.2") {
		t.Errorf("after a retry images check says (%v):\n%s", err, out)
	}
}
