package embedded

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// ask makes one request and reads all of the answer.
func (b *bench) ask(t *testing.T, method, path string, body io.Reader, headers ...string) (status int, answer string) {
	t.Helper()
	response := b.send(t, method, path, body, headers...)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func (b *bench) send(t *testing.T, method, path string, body io.Reader, headers ...string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+b.server.Host+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// Only this machine is answered, under its own name, and no page in a browser.
func TestCallers(t *testing.T) {
	b := newBench(t)
	r := b.Registry
	tests := []struct {
		name, peer, host, header string
		status                   int
	}{
		{"this machine", "127.0.0.1:40000", "127.0.0.1:5480", "", http.StatusOK},
		{"by its name", "127.0.0.1:40000", "LocalHost:5480", "", http.StatusOK},
		{"over IPv6", "[::1]:40000", "[::1]:5480", "", http.StatusOK},
		{"another machine", "192.0.2.1:40000", "127.0.0.1:5480", "", http.StatusForbidden},
		{"nobody knows who", "@", "127.0.0.1:5480", "", http.StatusForbidden},
		{"a name that was made to lead here", "127.0.0.1:40000", "evil.example:5480", "", http.StatusMisdirectedRequest},
		{"one that looks like ours", "127.0.0.1:40000", "localhost.evil.example", "", http.StatusMisdirectedRequest},
		{"no host", "127.0.0.1:40000", "", "", http.StatusMisdirectedRequest},
		{"a page elsewhere", "127.0.0.1:40000", "127.0.0.1:5480", "Origin", http.StatusForbidden},
		{"a link on a page", "127.0.0.1:40000", "127.0.0.1:5480", "Sec-Fetch-Site", http.StatusForbidden},
	}
	for _, tt := range tests {
		request := httptest.NewRequest(http.MethodGet, "/v2/", nil)
		request.RemoteAddr, request.Host = tt.peer, tt.host
		if tt.header != "" {
			request.Header.Set(tt.header, "https://evil.example")
		}
		w := httptest.NewRecorder()
		if r.ServeHTTP(w, request); w.Code != tt.status {
			t.Errorf("%s: %d, want %d", tt.name, w.Code, tt.status)
		}
	}
	if got := strings.Count(b.log.String(), "was refused"); got != 1 {
		t.Errorf("the log tells %d times of what came at once", got)
	}
}

const (
	imageType = "application/vnd.oci.image.manifest.v1+json"
	indexType = "application/vnd.oci.image.index.v1+json"
)

func sha(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// What cannot be meant is refused with a word about it, and leaves nothing behind.
func TestRefusals(t *testing.T) {
	absent := sha("absent")
	image := func(digest string) string {
		return fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":6,"digest":%q},"layers":[]}`, digest)
	}
	tests := []struct {
		name, method, path, body, contentType string
		status                                int
		says                                  string
	}{
		{"a name that leads elsewhere", "PUT", "/v2/../../etc/manifests/x", image(absent), imageType, 400, "NAME_INVALID"},
		{"an escaped one", "PUT", "/v2/%2e%2e/manifests/x", image(absent), imageType, 400, "NAME_INVALID"},
		{"a name of ours", "PUT", "/v2/shop/_tags/manifests/x", image(absent), imageType, 400, "NAME_INVALID"},
		{"capitals", "PUT", "/v2/Shop/manifests/x", image(absent), imageType, 400, "NAME_INVALID"},
		{"a long name", "PUT", "/v2/" + strings.Repeat("a/", 200) + "a/manifests/x", image(absent), imageType, 400, "NAME_INVALID"},
		{"a tag that leads elsewhere", "PUT", "/v2/shop/manifests/..%2Fx", image(absent), imageType, 404, "METHOD_UNKNOWN"},
		{"dots for a tag", "PUT", "/v2/shop/manifests/..", image(absent), imageType, 400, "TAG_INVALID"},
		{"another hash", "PUT", "/v2/shop/manifests/sha512:abc", image(absent), imageType, 400, "TAG_INVALID"},
		{"a digest of something else", "PUT", "/v2/shop/manifests/" + absent, image(absent), imageType, 400, "DIGEST_INVALID"},
		{"no manifest", "PUT", "/v2/shop/manifests/x", "[1, 2", imageType, 400, "MANIFEST_INVALID"},
		{"another kind", "PUT", "/v2/shop/manifests/x", `{"a":1}`, imageType, 400, "neither an image nor an index"},
		{"two kinds at once", "PUT", "/v2/shop/manifests/x", `{"manifests":[],"config":{"digest":"` + absent + `"}}`, imageType, 400, "neither an image nor an index"},
		{"another type than it says", "PUT", "/v2/shop/manifests/x", image(absent), indexType, 400, "MANIFEST_INVALID"},
		{"no type", "PUT", "/v2/shop/manifests/x", image(absent), "", 400, "MANIFEST_INVALID"},
		{"a type that it is not", "PUT", "/v2/shop/manifests/x", `{"mediaType":"` + imageType + `","manifests":[]}`, imageType, 400, "calls itself"},
		{"a blob that is not there", "PUT", "/v2/shop/manifests/x", image(absent), imageType, 400, "MANIFEST_BLOB_UNKNOWN"},
		{"a digest that is none", "PUT", "/v2/shop/manifests/x", image("sha256:../../x"), imageType, 400, "MANIFEST_INVALID"},
		{"a manifest that is not there", "PUT", "/v2/shop/manifests/x", `{"manifests":[{"digest":"` + absent + `","mediaType":"` + imageType + `"}]}`, indexType, 400, "MANIFEST_BLOB_UNKNOWN"},
		{"a huge manifest", "PUT", "/v2/shop/manifests/x", strings.Repeat(" ", maxManifest+1), imageType, 413, "MANIFEST_INVALID"},
		{"deleting", "DELETE", "/v2/shop/manifests/x", "", "", 405, "UNSUPPORTED"},
		{"deleting a blob", "DELETE", "/v2/shop/blobs/" + absent, "", "", 405, "UNSUPPORTED"},
		{"a blob with a name of ours", "GET", "/v2/shop/blobs/..", "", "", 400, "DIGEST_INVALID"},
		{"a blob that is not there", "GET", "/v2/shop/blobs/" + absent, "", "", 404, "BLOB_UNKNOWN"},
		{"tags of nothing", "GET", "/v2/shop/tags/list", "", "", 404, "NAME_UNKNOWN"},
		{"pages of no length", "GET", "/v2/_catalog?n=x", "", "", 400, "PAGINATION_NUMBER_INVALID"},
		{"an upload that is not there", "PATCH", "/v2/shop/blobs/uploads/x", "", "", 404, "BLOB_UPLOAD_UNKNOWN"},
		{"an upload of something else", "POST", "/v2/shop/blobs/uploads/?digest=" + absent, "here", "", 400, "DIGEST_INVALID"},
		{"an upload without a digest", "POST", "/v2/shop/blobs/uploads/?digest=", "here", "", 400, "DIGEST_INVALID"},
		{"somewhere else", "GET", "/v3/", "", "", 404, "METHOD_UNKNOWN"},
	}
	b := newBench(t)
	for _, tt := range tests {
		status, answer := b.ask(t, tt.method, tt.path, strings.NewReader(tt.body), "Content-Type", tt.contentType)
		if status != tt.status || !strings.Contains(answer, tt.says) {
			t.Errorf("%s: %d %s, want %d with %q", tt.name, status, answer, tt.status, tt.says)
		}
		if strings.Contains(answer, b.dir) {
			t.Errorf("%s: it tells the folder: %s", tt.name, answer)
		}
	}
	if files := filesBelow(t, b.dir); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
}

func filesBelow(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// A blob may come in pieces, at once, or not at all where it is here already; a piece that does not fit is refused.
func TestUploads(t *testing.T) {
	b := newBench(t)
	const content = "one two three"
	begun := b.send(t, "POST", "/v2/shop/blobs/uploads/", nil)
	begun.Body.Close()
	at := begun.Header.Get("Location")
	steps := []struct {
		name, method, path, body, ranged string
		status                           int
		rest                             string // of the header Range
	}{
		{"the first piece", "PATCH", at, "one ", "0-3", 202, "0-3"},
		{"one that does not fit", "PATCH", at, "three", "8-12", 416, ""},
		{"the next, without a word where", "PATCH", at, "two ", "", 202, "0-7"},
		{"how far it is", "GET", at, "", "", 204, "0-7"},
		{"under another name", "GET", strings.Replace(at, "shop", "blog", 1), "", "", 404, ""},
		{"the last one", "PUT", at + "?digest=" + sha(content), "three", "", 201, ""},
		{"it is over", "PATCH", at, "four", "", 404, ""},
		{"in another repository", "POST", "/v2/blog/blobs/uploads/?from=shop&mount=" + sha(content), "", "", 201, ""},
		{"one that is not here", "POST", "/v2/blog/blobs/uploads/?from=shop&mount=" + sha("absent"), "", "", 202, "0-0"},
		{"all at once", "POST", "/v2/shop/blobs/uploads/?digest=" + sha("all"), "all", "", 201, ""},
	}
	for _, step := range steps {
		answer := b.send(t, step.method, step.path, strings.NewReader(step.body), "Content-Range", step.ranged)
		answer.Body.Close()
		if got := answer.Header.Get("Range"); answer.StatusCode != step.status || got != step.rest {
			t.Errorf("%s: %s with the range %q, want %d with %q", step.name, answer.Status, got, step.status, step.rest)
		}
	}
	for ranged, want := range map[string]string{"": content, "bytes=4-6": "two", "bytes=4-": content, "bytes=0-2,4-6": content} {
		if status, got := b.ask(t, "GET", "/v2/shop/blobs/"+sha(content), nil, "Range", ranged); got != want || status/100 != 2 {
			t.Errorf("%q: %d %q, want %q", ranged, status, got, want)
		}
	}
	wrong := fmt.Sprintf(`{"config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":5,"digest":%q},"layers":[]}`, sha(content))
	if status, answer := b.ask(t, "PUT", "/v2/shop/manifests/x", strings.NewReader(wrong), "Content-Type", imageType); status != 400 || !strings.Contains(answer, "MANIFEST_BLOB_UNKNOWN") {
		t.Errorf("a manifest with another size: %d %s", status, answer)
	}
	left := b.send(t, "POST", "/v2/shop/blobs/uploads/", nil)
	left.Body.Close()
	if status, _ := b.ask(t, "PATCH", left.Header.Get("Location"), strings.NewReader("left")); status != 202 {
		t.Fatal(status)
	}
	if status, _ := b.ask(t, "DELETE", left.Header.Get("Location"), nil); status != 204 {
		t.Errorf("giving up: %d", status)
	}
	if drafts := filesBelow(t, filepath.Join(b.dir, draftsDir)); len(drafts) > 0 {
		t.Errorf("left behind: %v", drafts)
	}
}

// Lists come in pages.
func TestPages(t *testing.T) {
	b := newBench(t)
	image := newImage(t, 1)
	for _, tag := range []string{"a", "b", "c"} {
		b.push(t, tag, image)
	}
	path, seen := "/v2/ws-1/shop/tags/list?n=2", ""
	for range 3 {
		response := b.send(t, "GET", path, nil)
		text, err := io.ReadAll(response.Body)
		if response.Body.Close(); err != nil {
			t.Fatal(err)
		}
		seen += string(text) + " "
		link := response.Header.Get("Link")
		if link == "" {
			break
		}
		path = strings.TrimPrefix(strings.TrimSuffix(link, `>; rel="next"`), "<")
	}
	if want := `{"name":"ws-1/shop","tags":["a","b"]} {"name":"ws-1/shop","tags":["c"]} `; seen != want {
		t.Errorf("got %s, want %s", seen, want)
	}
	if _, names := b.ask(t, "GET", "/v2/_catalog", nil); names != `{"repositories":["ws-1/shop"]}` {
		t.Errorf("the catalog is %s", names)
	}
}

// Layers go to the disk and come from it in small pieces.
func TestLayersAreNotHeldInMemory(t *testing.T) {
	const size, most = 256 << 20, 32 << 20
	b := newBench(t)
	hash := sha256.New()
	if _, err := io.Copy(hash, zeros(size)); err != nil {
		t.Fatal(err)
	}
	digest := "sha256:" + hex.EncodeToString(hash.Sum(nil))
	begun := b.send(t, "POST", "/v2/shop/blobs/uploads/", nil)
	begun.Body.Close()
	at := begun.Header.Get("Location")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if status, answer := b.ask(t, "PATCH", at, zeros(size)); status != 202 {
		t.Fatal(status, answer)
	}
	if status, answer := b.ask(t, "PUT", at+"?digest="+digest, nil); status != 201 {
		t.Fatal(status, answer)
	}
	response := b.send(t, "GET", "/v2/shop/blobs/"+digest, nil)
	defer response.Body.Close()
	if n, err := io.Copy(io.Discard, response.Body); n != size || err != nil {
		t.Errorf("%d bytes came, %v", n, err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > most {
		t.Errorf("pushing and pulling %d MiB made %d MiB of memory", size>>20, used>>20)
	}
}

// zeros are so many bytes without content.
func zeros(n int64) io.Reader { return io.LimitReader(zero{}, n) }

type zero struct{}

// Read implements io.Reader.
func (zero) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// tryPatch sends a piece of a blob that may break off.
func (b *bench) tryPatch(t *testing.T, at string, body io.Reader) (int, error) {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, "http://"+b.server.Host+at, body)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// eventually waits for what comes in a moment.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("waited %v for %s", patience, what)
		case <-ticker.C:
		}
	}
}
