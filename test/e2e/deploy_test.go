//go:build e2e

package e2e

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/plateform/plateform/test/kube"
	"github.com/plateform/plateform/test/ociimage"
)

// deployment is Plateform itself inside a cluster, by its own chart, from its own image, with the repositories on this machine.
type deployment struct {
	*world
	namespace, workspace string
	host                 string // where its Ingress answers
	objects              string
}

// deploy brings Plateform to the cluster that the environment names.
func deploy(t *testing.T) *deployment {
	t.Helper()
	registry, ingress := os.Getenv("PLATEFORM_TEST_REGISTRY"), os.Getenv("PLATEFORM_TEST_INGRESS")
	if os.Getenv("KUBECONFIG") == "" || registry == "" {
		t.Skip("needs a cluster: KUBECONFIG, PLATEFORM_TEST_REGISTRY and PLATEFORM_TEST_INGRESS say which (docs/CONTRIBUTING.md)")
	}
	if _, err := exec.LookPath("buildah"); err != nil {
		t.Skip("needs buildah")
	}
	word := strings.ToLower(rand.Text()[:8])
	d := &deployment{world: newWorld(t), namespace: "plateform-" + word, workspace: "ws-" + word, host: "plateform-" + word + ".example.com"}
	here, _, err := net.SplitHostPort(registry) // this machine, as the pods know it
	if err != nil {
		t.Fatal(err)
	}
	git := d.serveOverHTTP()
	outside := reachedAt(t, here, strings.TrimPrefix(git.URL(), "http://"))
	d.registry.images = httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: registry})
	proxy := reachedAt(t, here, d.registry.host)
	pull := cmp.Or(os.Getenv("PLATEFORM_TEST_PULL"), "registry.test:5000")
	d.registry.host = pull
	_, port, _ := strings.Cut(ingress, ":")
	d.platform = append(d.platform, "ingress: {port: "+port+"}")
	d.setUp()

	image := "/test/plateform:" + word
	buildOwnImage(t, registry+image)
	d.kubectl("create", "namespace", d.namespace)
	d.kubectl("label", "namespace", d.namespace, "pod-security.kubernetes.io/enforce=restricted")
	d.kubectl("-n", d.namespace, "create", "secret", "generic", "plateform-git", "--from-literal=password=open sesame")
	d.kubectl("-n", d.namespace, "create", "secret", "generic", "plateform-webhooks", "--from-literal=github="+webhookSecret)
	files, err := kube.Render(filepath.Join("..", "..", "examples", "deploy", "chart"), "plateform", d.namespace, fmt.Sprintf(`
image: {repository: %q, tag: %q}
secrets: [plateform-git, plateform-webhooks]
settings:
  config: {url: %q, username: plateform, passwordFile: /secrets/plateform-git/password}
  gitops: {url: %q, username: plateform, passwordFile: /secrets/plateform-git/password}
  forge: {poll: 500ms}
  webhooks: {github: {secretFile: /secrets/plateform-webhooks/github}}
  engine: {kind: direct, ingress: %q}
  registry: {insecure: true}
env:
  - {name: HTTP_PROXY, value: %q}
  - {name: NO_PROXY, value: %q}
ingress: {enabled: true, className: nginx, host: %q}
`, pull+"/test/plateform", word, "http://"+outside+"/platform-config.git", "http://"+outside+"/plateform-gitops.git", ingress, "http://"+proxy, here, d.host))
	if err != nil {
		t.Fatal(err)
	}
	d.objects = kube.Documents(files)
	t.Cleanup(d.remove)
	d.apply(d.objects)
	d.kubectl("-n", d.namespace, "rollout", "status", "deployment/plateform", "--timeout=120s")
	return d
}

// remove takes away all that is in the cluster, and shows what the pods logged when the test has failed.
func (d *deployment) remove() {
	if d.t.Failed() {
		for _, args := range [][]string{{"describe", "pods"}, {"logs", "--selector=app.kubernetes.io/name=plateform", "--prefix", "--tail=60"}} {
			out, _ := exec.Command("kubectl", append([]string{"-n", d.namespace}, args...)...).CombinedOutput() //nolint:gosec // ours
			d.t.Logf("kubectl %s:\n%s", strings.Join(args, " "), out)
		}
	}
	gone := exec.Command("kubectl", "delete", "--ignore-not-found", "--timeout=90s", "-f", "-")
	gone.Stdin = strings.NewReader(d.objects)
	if out, err := gone.CombinedOutput(); err != nil {
		d.t.Logf("%v: %s", err, out)
	}
	_ = exec.Command("kubectl", "delete", "namespace", d.namespace, d.workspace, "--ignore-not-found", "--wait=false").Run() //nolint:gosec // the names are ours
}

// kubectl runs a command that has to succeed.
func (d *deployment) kubectl(args ...string) string {
	d.t.Helper()
	out, err := exec.Command("kubectl", args...).CombinedOutput()
	if err != nil {
		d.t.Fatalf("kubectl %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (d *deployment) apply(objects string) {
	d.t.Helper()
	cmd := exec.Command("kubectl", "apply", "--server-side", "-f", "-")
	cmd.Stdin = strings.NewReader(objects)
	if out, err := cmd.CombinedOutput(); err != nil {
		d.t.Fatalf("applying the chart: %v: %s", err, out)
	}
}

// buildOwnImage builds the image of Plateform itself by its Dockerfile, and pushes it.
func buildOwnImage(t *testing.T, reference string) {
	t.Helper()
	const authorities = "/etc/ssl/certs/ca-certificates.crt"
	dir := t.TempDir()
	certificates, err := os.ReadFile(authorities)
	if err != nil {
		t.Skipf("this machine trusts nobody: %v", err)
	}
	build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, "plateform"), "github.com/plateform/plateform/cmd/plateform") //nolint:gosec // ours
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	if err := errors.Join(err, os.WriteFile(filepath.Join(dir, "ca-certificates.crt"), certificates, 0o644)); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	file, err := filepath.Abs(filepath.Join("..", "..", "examples", "deploy", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	storage := []string{"--root", filepath.Join(t.TempDir(), "root"), "--runroot", filepath.Join(t.TempDir(), "run"), "--storage-driver", "vfs"}
	for _, args := range [][]string{
		{"bud", "--isolation", "chroot", "-t", "plateform", "-f", file, dir},
		{"push", "--tls-verify=false", "plateform", "docker://" + reference},
	} {
		if out, err := exec.Command("buildah", append(storage[:len(storage):len(storage)], args...)...).CombinedOutput(); err != nil { //nolint:gosec // ours
			t.Fatalf("buildah %s: %v: %s", args[0], err, out)
		}
	}
}

// reachedAt has an address of this machine lead to a server that listens on loopback alone, and returns it.
func reachedAt(t *testing.T, host, target string) string {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer from.Close()
				to, err := net.Dial("tcp", target)
				if err != nil {
					return
				}
				defer to.Close()
				go func() {
					_, _ = io.Copy(to, from)
					_ = to.(*net.TCPConn).CloseWrite()
				}()
				_, _ = io.Copy(from, to)
			}()
		}
	}()
	return listener.Addr().String()
}

// pods are the names of those that run, by their IPs.
func (d *deployment) pods() map[string]string {
	d.t.Helper()
	pods := map[string]string{}
	for _, line := range lines(d.kubectl("-n", d.namespace, "get", "pods", "--field-selector=status.phase=Running",
		"--output=jsonpath={range .items[*]}{.status.podIP} {.metadata.name}{\"\\n\"}{end}")) {
		if ip, name, ok := strings.Cut(line, " "); ok {
			pods[ip] = name
		}
	}
	return pods
}

// leader is the identity in the Lease, and the IP in it.
func (d *deployment) leader() (identity, ip string) {
	d.t.Helper()
	identity = d.kubectl("-n", d.namespace, "get", "lease", "plateform", "--output=jsonpath={.spec.holderIdentity}")
	ip, _, _ = net.SplitHostPort(strings.Split(identity, ",")[0])
	return identity, ip
}

// killLeader ends the process that leads with SIGKILL where the pods' processes are on this machine; elsewhere its pod is deleted.
func (d *deployment) killLeader() {
	d.t.Helper()
	_, ip := d.leader()
	found, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		d.t.Fatal(err)
	}
	for _, file := range found {
		if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), "\x00--advertise="+ip+"\x00") {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil {
			err = syscall.Kill(pid, syscall.SIGKILL)
		}
		if err != nil {
			d.t.Fatal(err)
		}
		return
	}
	d.kubectl("-n", d.namespace, "delete", "pod", d.pods()[ip], "--grace-period=0", "--force")
}

// told delivers a webhook through the Ingress and the Service, to whichever pod it gets to.
func (d *deployment) told(secret string) int {
	d.t.Helper()
	d.deliveries++
	body := fmt.Sprintf(`{"ref": "refs/heads/main", "before": "%040d", "repository": {"clone_url": "https://github.com/acme/x"}}`, d.deliveries)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	r, err := http.NewRequest(http.MethodPost, "http://"+os.Getenv("PLATEFORM_TEST_INGRESS")+"/webhooks/github", strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	r.Host = d.host
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-GitHub-Event", "push")
	r.Header.Set("X-GitHub-Delivery", fmt.Sprint(d.deliveries))
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// publishApp pushes the image of a web server that says a text, as somebody's pipeline does, and returns its name for project.yaml.
func (d *deployment) publishApp(text string) string {
	d.t.Helper()
	dir := d.t.TempDir()
	for name, content := range (files{"go.mod": "module shop\n\ngo 1.24\n", "main.go": webServer(text)}) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			d.t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-o", "app", ".")
	build.Dir, build.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	if out, err := build.CombinedOutput(); err != nil {
		d.t.Fatalf("%v: %s", err, out)
	}
	image := "birds/" + d.workspace + ":" + text
	pushScratch(d.t, os.Getenv("PLATEFORM_TEST_REGISTRY")+"/"+image, filepath.Join(dir, "app"))
	return image
}

// pushScratch pushes an image of one program.
func pushScratch(t *testing.T, reference, program string) {
	t.Helper()
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	layer, err := ociimage.Program(content)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ociimage.Push(t.Context(), reference, layer, v1.Config{Entrypoint: []string{"/app"}, User: "1000"}); err != nil {
		t.Fatal(err)
	}
}

// Plateform runs in a cluster by its own chart and image, with the rights of the chart alone: one pod leads and the other stands by, a
// project gets live, and when the one that leads is killed in the middle of a deploy the other ends it, once.
func TestDeployedByItsOwnChart(t *testing.T) {
	d := deploy(t)
	shop := d.imageProject(d.workspace, "shop", d.publishApp("one"))
	c := &inCluster{shop, "shop-" + d.workspace + ".apps.example.com"}
	added := d.add(shop)
	c.runs("v1.0.0")
	c.wantVerdict(added, "success")
	c.answers("one")

	says := map[string]int{}
	for _, pod := range d.pods() {
		text := d.kubectl("get", "--raw", "/api/v1/namespaces/"+d.namespace+"/pods/"+pod+":8080/proxy/readyz")
		first, _, _ := strings.Cut(text, ":")
		says[strings.TrimSpace(first)]++
	}
	if says["ready"] != 1 || says["standing by"] != 1 {
		t.Errorf("the pods say %v", says)
	}
	for secret, want := range map[string]int{webhookSecret: http.StatusAccepted, "a guess": http.StatusForbidden} {
		for range 4 { // both of the pods, most likely
			if got := d.told(secret); got != want {
				t.Errorf("a webhook signed with %q is answered with %d, want %d", secret, got, want)
			}
		}
	}
	d.wantHeldToItsNamespaces()

	two := d.publishApp("two")
	before, _ := d.leader()
	d.config.trap("post-receive", "refs/heads/main", "exit 0") // the release commit: the deploy has begun
	shop.spec[1] = "image: " + d.registry.host + "/" + two
	edited := shop.edit("replicas: 2")
	d.await("the release commit", func() error {
		if !d.config.sprung("post-receive") {
			return errors.New("it is not pushed")
		}
		return nil
	})
	d.killLeader()
	c.runs("v1.0.1")
	c.wantVerdict(edited, "success")
	c.answers("two")
	if after, _ := d.leader(); after == before {
		t.Errorf("%s leads as before", after)
	}
	d.quiet(shop)
	if got := terminals(shop.notes(edited)); len(got) != 1 {
		t.Errorf("the verdicts are %+v", got)
	}
	shop.wantNothingDoubled(2)
}

// wantHeldToItsNamespaces fails the test unless the account of the chart may do what plateform doctor asks for, and nothing in a namespace
// that Plateform did not make.
func (d *deployment) wantHeldToItsNamespaces() {
	d.t.Helper()
	account := "system:serviceaccount:" + d.namespace + ":plateform"
	kubeconfig := filepath.Join(d.dir, "account.kubeconfig")
	whole := d.kubectl("config", "view", "--raw", "--flatten")
	if err := os.WriteFile(kubeconfig, []byte(whole), 0o600); err != nil {
		d.t.Fatal(err)
	}
	user := d.kubectl("config", "view", "--minify", "--output=jsonpath={.users[0].name}")
	d.kubectl("--kubeconfig", kubeconfig, "config", "set", "users."+user+".act-as", account)
	d.engine = "{kind: direct, kubeconfig: " + kubeconfig + "}"
	if out, _ := run1(d.dir, nil, os.Getenv(binaryVariable), "doctor", "--config", d.writeSettings()); !strings.Contains(out, "serve may make namespaces and act as the deployer of each") {
		d.t.Errorf("doctor says of the account\n%s", out)
	}
	for namespace, may := range map[string]bool{d.workspace: true, "kube-system": false, d.namespace: false} {
		out, err := exec.Command("kubectl", "--as", account, "-n", namespace, "create", "role", "x", "--verb=get", "--resource=secrets", "--dry-run=server").CombinedOutput() //nolint:gosec // ours
		if (err == nil) != may || !may && !strings.Contains(string(out), "Plateform changes only namespaces that it made") {
			d.t.Errorf("a role in %s: %v %s", namespace, err, out)
		}
	}
	if out, err := exec.Command("kubectl", "--as", account, "label", "namespace", "kube-system", "app.kubernetes.io/managed-by=plateform", "--dry-run=server").CombinedOutput(); err == nil { //nolint:gosec // ours
		d.t.Errorf("it may take over kube-system: %s", out)
	}
	if out, err := exec.Command("kubectl", "--as", account, "-n", d.namespace, "get", "secrets").CombinedOutput(); err == nil { //nolint:gosec // ours
		d.t.Errorf("it may read Secrets: %s", out)
	}
}
