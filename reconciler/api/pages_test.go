package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/plateform/plateform/reconciler/api"
)

// The page is the same for everybody, whether there is such a run or not, and runs nothing but its own script.
func TestPage(t *testing.T) {
	w := newWorld(t)
	run := w.begin()
	res, page := w.get(api.PagePath(shop, run.ID), "")
	policy := res.Header.Get("Content-Security-Policy")
	if res.StatusCode != http.StatusOK || !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("it is %d with the policy %q", res.StatusCode, policy)
	}
	if strings.Contains(page, "<script>") || strings.Contains(page, "onclick") || strings.Contains(page, "://") {
		t.Errorf("it has a script or an address in it:\n%s", page)
	}
	if _, other := w.get("/logs/no/such/run", ""); other != page {
		t.Errorf("of a run that is not there it is\n%s", other)
	}
	for _, asset := range []string{"log.js", "log.css"} {
		if !strings.Contains(page, "assets/"+asset) {
			t.Errorf("the page lacks %s", asset)
		}
		res, text := w.get("/assets/"+asset, "")
		if asset == "log.css" && !strings.Contains(text, "[hidden] { display: none !important; }") {
			t.Errorf("the form for the token is seen beside the log, as its display is more than that it is hidden:\n%s", text)
		}
		if res.StatusCode != http.StatusOK || strings.Contains(text, "innerHTML") || strings.Contains(text, "://") {
			t.Errorf("%s: %d\n%s", asset, res.StatusCode, text)
		}
	}
}
