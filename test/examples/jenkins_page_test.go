package examples

import (
	"bytes"
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
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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

// TestParametersOfTheJob: the page has exactly the parameters that a job is told, and so has its pipeline.
func TestParametersOfTheJob(t *testing.T) {
	page := jenkinsPage(t)
	var described, defined []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(PLATEFORM_[A-Z]+)` \\|").FindAllStringSubmatch(page, -1) {
		described = append(described, row[1])
	}
	if diff := cmp.Diff(jenkins.Parameters(), described); diff != "" {
		t.Errorf("the table (-told +described):\n%s", diff)
	}
	pipeline := block(t, page, "groovy", "pipeline {")
	for _, found := range regexp.MustCompile(`string\(name: '(\w+)', defaultValue: ''\)`).FindAllStringSubmatch(pipeline, -1) {
		defined = append(defined, found[1])
	}
	if diff := cmp.Diff(jenkins.Parameters(), defined); diff != "" {
		t.Errorf("the pipeline (-told +defined):\n%s", diff)
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
