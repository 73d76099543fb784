package api

import (
	"embed"
	"net/http"

	"github.com/plateform/plateform/manifest"
)

// assets are the page that shows a run in a browser. It is the same for everybody and holds nothing: it asks for a token, and shows
// what the API answers to it.
//
//go:embed assets
var assets embed.FS

// PagePath is where a browser shows a run, below the address of the API.
func PagePath(k manifest.Key, run string) string {
	return "/logs/" + k.Workspace + "/" + k.Project + "/" + run
}

// servePages answers with the page, and lets it ask nobody but this API.
func (a *API) servePages() {
	for pattern, file := range map[string]string{
		"GET /logs/{workspace}/{project}/{run}": "assets/log.html", "GET /assets/log.css": "assets/log.css", "GET /assets/log.js": "assets/log.js",
	} {
		a.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Security-Policy",
				"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
			w.Header().Set("X-Frame-Options", "DENY")
			w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
			w.Header().Set("Cache-Control", "no-cache")
			http.ServeFileFS(w, r, assets, file)
		})
	}
}
