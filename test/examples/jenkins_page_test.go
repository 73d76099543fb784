package examples

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/plateform/plateform/reconciler/jenkins"
	"github.com/plateform/plateform/test/jenkinsserver"
)

// jenkinsPage is docs/jenkins.md.
func jenkinsPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/jenkins.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// block is the first block of code of a language on a page that has a text in it.
func block(t *testing.T, page, language, with string) string {
	t.Helper()
	for _, found := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(page, -1) {
		if strings.Contains(found[1], with) {
			return found[1]
		}
	}
	t.Fatalf("the page has no %s with %q", language, with)
	return ""
}

// TestParametersOfTheJob: the page has exactly the parameters that a job is told, and so have the pipeline and the configuration as code.
func TestParametersOfTheJob(t *testing.T) {
	pipeline := example(t, "Jenkinsfile")
	for where, found := range map[string][][]string{
		"the table":                 regexp.MustCompile("(?m)^\\| `(PLATEFORM_[A-Z]+)` \\|").FindAllStringSubmatch(jenkinsPage(t), -1),
		"the pipeline":              regexp.MustCompile(`string\(name: '(\w+)', defaultValue: ''\)`).FindAllStringSubmatch(pipeline, -1),
		"the configuration as code": regexp.MustCompile(`stringParam\('(\w+)'\)`).FindAllStringSubmatch(jobScript(t), -1),
	} {
		var named []string
		for _, name := range found {
			named = append(named, name[1])
		}
		if diff := cmp.Diff(jenkins.Parameters(), named); diff != "" {
			t.Errorf("%s (-told +named):\n%s", where, diff)
		}
	}
	ci := jenkinsserver.New(t, jenkinsserver.Options{})
	ci.Add(jenkinsserver.User{Name: "alice", Token: "token"})
	form := strings.NewReader(url.Values{"jenkinsfile": {pipeline}}.Encode())
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, ci.URL+"/pipeline-model-converter/validate", form)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth("alice", "token")
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if said, _ := io.ReadAll(answer.Body); !strings.Contains(string(said), "successfully validated") {
		t.Errorf("the linter says %s", said)
	}
}

// TestThePipelineHasNoCodeOfOthers: no parameter gets into the text of Groovy or of a shell, each step is a command that there is, and what
// runs code of the source has nothing to lose.
func TestThePipelineHasNoCodeOfOthers(t *testing.T) {
	pipeline := example(t, "Jenkinsfile")
	if strings.ContainsAny(pipeline, "\"$") {
		t.Error("there is a text in double quotes, or a $")
	}
	var steps []string
	for _, found := range regexp.MustCompile(`(?m)^\s*sh (.*)$`).FindAllStringSubmatch(pipeline, -1) {
		steps = append(steps, strings.Trim(found[1], "'"))
	}
	want := []string{"plateform build checkout", "plateform build find", "plateform build make", "plateform build scan", "plateform build push"}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Errorf("the steps (-want +got):\n%s", diff)
	}
	build := regexp.MustCompile(`(?s)container\('build'\) \{(.*?)\n        \}`).FindStringSubmatch(pipeline)
	if build == nil || !strings.Contains(build[1], "PLATEFORM_NONCE=") || !strings.Contains(build[1], want[2]) || strings.Contains(build[1], "withCredentials") {
		t.Errorf("what runs code of the source: %q", build)
	}
}

// TestABuildSkipsNoStage: the file that says that there is an image already is looked for before anything of the source runs, and what the
// source writes has no stage left out.
func TestABuildSkipsNoStage(t *testing.T) {
	pipeline := strings.Replace(example(t, "Jenkinsfile"), "sh 'plateform build make'", "sh 'echo forged > release.json'", 1)
	for _, step := range []string{"checkout", "find"} {
		pipeline = strings.Replace(pipeline, "plateform build "+step, "true", 1)
	}
	for _, step := range []string{"scan", "push"} {
		pipeline = strings.Replace(pipeline, "plateform build "+step, "echo this step runs: "+step, 1)
	}
	dir := t.TempDir()
	login := jenkinsserver.Login{Username: "reader", Password: "password-for-sources"}
	run, err := jenkinsserver.Agent{
		Dir: dir, Env: []string{"PATH=" + os.Getenv("PATH")}, Containers: []string{"steps", "build"},
		Credentials: map[string]jenkinsserver.Login{"plateform-source": login, "plateform-registry": login},
	}.Pipeline(pipeline)
	if err != nil {
		t.Fatal(err)
	}
	ci := jenkinsserver.New(t, jenkinsserver.Options{})
	ci.Add(jenkinsserver.User{Name: "alice", Token: "token"})
	ended := make(chan string, 1)
	ci.Put(jenkinsserver.Job{Name: "images", Pipeline: true, Run: func(ctx context.Context, b *jenkinsserver.Build) error {
		err := run(ctx, b)
		ended <- fmt.Sprint(b.Log(), err)
		return err
	}})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, ci.URL+"/job/images/build", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth("alice", "token")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	got := <-ended
	for _, step := range []string{"scan", "push"} {
		if !strings.Contains(got, "\nthis step runs: "+step) {
			t.Errorf("%s did not run:\n%s", step, got)
		}
	}
}

// TestAgentsOfTheExample: the two containers of an agent are those that the pipeline names, and share no processes and no token.
func TestAgentsOfTheExample(t *testing.T) {
	var file struct {
		Jenkins struct {
			Clouds []struct {
				Kubernetes struct {
					Templates []struct{ Label, Yaml string }
				}
			}
		}
	}
	if err := yaml.Unmarshal([]byte(example(t, "casc.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	template := file.Jenkins.Clouds[0].Kubernetes.Templates[0]
	var pod corev1.Pod
	if err := sigsyaml.UnmarshalStrict([]byte(template.Yaml), &pod); err != nil {
		t.Fatal(err)
	}
	pipeline := example(t, "Jenkinsfile")
	if !strings.Contains(pipeline, "label '"+template.Label+"'") {
		t.Errorf("the pipeline has no agent with the label %s", template.Label)
	}
	for _, container := range pod.Spec.Containers {
		if !strings.Contains(pipeline, "container('"+container.Name+"')") {
			t.Errorf("the pipeline does not use the container %s", container.Name)
		}
	}
	if *pod.Spec.AutomountServiceAccountToken || *pod.Spec.ShareProcessNamespace || len(pod.Spec.Containers) != 2 {
		t.Errorf("%+v", pod.Spec)
	}
	var policy networkingv1.NetworkPolicy
	_, second, _ := strings.Cut(example(t, "network.yaml"), "\n---\n")
	if err := sigsyaml.UnmarshalStrict([]byte(second), &policy); err != nil {
		t.Fatal(err)
	}
	last := policy.Spec.Egress[len(policy.Spec.Egress)-1].To[0].IPBlock
	if !slices.Contains(last.Except, "169.254.0.0/16") {
		t.Errorf("the metadata service is in reach: %+v", last)
	}
}

// example is a file of examples/jenkins.
func example(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile("../../examples/jenkins/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// jobScript is the Job DSL of the configuration as code.
func jobScript(t *testing.T) string {
	t.Helper()
	var file struct{ Jobs []struct{ Script string } }
	if err := yaml.Unmarshal([]byte(example(t, "casc.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	return file.Jobs[0].Script
}

// TestResultOnThePage: the release.json on the page is a good one.
func TestResultOnThePage(t *testing.T) {
	if made, err := jenkins.ParseResult([]byte(block(t, jenkinsPage(t), "json", "digest"))); err != nil || made.Port != 3000 || made.Scan == nil {
		t.Errorf("got %+v, %v", made, err)
	}
}

// TestTheCallOnThePage: the shell on the page signs as Plateform wants it.
func TestTheCallOnThePage(t *testing.T) {
	for _, tool := range []string{"sh", "openssl", "cut", "date"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	script, _, _ := strings.Cut(block(t, jenkinsPage(t), "sh", "openssl dgst"), "curl")
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script+`printf '%s\n%s\n%s' "$signature" "$now" "$body"`)
	cmd.Env = append(os.Environ(), "SECRET=a secret", "PLATEFORM_ID=a1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	signature, signed, _ := bytes.Cut(out, []byte("\n"))
	mac := hmac.New(sha256.New, []byte("a secret"))
	fmt.Fprintf(mac, "%s", signed)
	if want := hex.EncodeToString(mac.Sum(nil)); string(signature) != want || !bytes.HasSuffix(signed, []byte(`{"build": "a1"}`)) {
		t.Errorf("it signs %q as %s, want %s", signed, signature, want)
	}
}
