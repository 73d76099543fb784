package embedded

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/plateform/plateform/manifest/repourl"
)

// Options of a Registry. Dir is needed.
type Options struct {
	// Dir holds the images. It is for one process at a time.
	Dir string
	// Clock tells the time; time.Now when nil.
	Clock func() time.Time
	// Log takes what somebody has to know; nothing when nil.
	Log *slog.Logger
}

// Registry is an http.Handler that speaks the distribution specification, to this machine alone. What is there is not
// deleted by request: see Sweep.
type Registry struct {
	store   *store
	uploads *uploads
	// blobs is the registry of the library.
	blobs http.Handler
	clock func() time.Time
	log   *slog.Logger
	// refused is when a refusal was last told.
	refused atomic.Pointer[time.Time]
}

// Open prepares the folder and returns the registry of what is in it.
func Open(o Options) (*Registry, error) { return open(o, disk{}) }

func open(o Options, d files) (*Registry, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s, err := openStore(o.Dir, d, o.Clock, o.Log)
	if err != nil {
		return nil, err
	}
	return &Registry{
		store: s, uploads: newUploads(s), clock: o.Clock, log: o.Log,
		blobs: registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithBlobHandler(storedBlobs{s})),
	}, nil
}

// storedBlobs are the blobs of a store for the registry of the library.
type storedBlobs struct{ store *store }

// Stat implements registry.BlobStatHandler. It looks at all of the blob, as it is asked before each time that one is sent.
func (b storedBlobs) Stat(ctx context.Context, _ string, h v1.Hash) (int64, error) {
	size, err := b.store.whole(ctx, h.Hex)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, registry.ErrNotFound
	}
	return size, err
}

// Get implements registry.BlobHandler.
func (b storedBlobs) Get(_ context.Context, _ string, h v1.Hash) (io.ReadCloser, error) {
	f, err := os.Open(b.store.blobPath(h.Hex))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, registry.ErrNotFound
	}
	return f, err
}

var (
	// repositoryName and tagName are as in the distribution specification.
	repositoryName = regexp.MustCompile(`^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$`)
	tagName        = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
)

// maxName bounds the name of a repository, in bytes.
const maxName = 255

// ServeHTTP implements http.Handler.
func (r *Registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if denied := checkCaller(request); denied != nil {
		r.tellRefused(request, denied)
		denied.answer(w)
		return
	}
	w.Header().Set("Docker-Distribution-API-Version", "registry/2.0")
	name, kind, target := splitPath(request.URL.Path)
	switch {
	case kind == "catalog":
		r.serveCatalog(w, request)
	case kind == "":
		r.blobs.ServeHTTP(w, request)
	case len(name) > maxName || !repositoryName.MatchString(name):
		refuse(http.StatusBadRequest, "NAME_INVALID", "%q is no name of a repository", name).answer(w)
	case kind == "manifests":
		r.serveManifest(w, request, name, target)
	case kind == "tags":
		r.serveTags(w, request, name)
	case kind == "uploads":
		r.uploads.serve(w, request, name, target)
	default:
		r.serveBlob(w, request, target)
	}
}

// tellRefused tells of a request that was refused, now and then: whoever makes one can make many.
func (r *Registry) tellRefused(request *http.Request, denied *refusal) {
	now, last := r.clock(), r.refused.Load()
	if (last == nil || now.Sub(*last) > time.Minute) && r.refused.CompareAndSwap(last, &now) {
		r.log.Warn("a request to the registry was refused", "from", request.RemoteAddr, "why", denied.what)
	}
}

// splitPath finds out what a path is about: the repository, what of it, and which one. Repositories may be called like
// anything, so the last word of ours counts.
func splitPath(path string) (name, kind, target string) {
	rest, found := strings.CutPrefix(path, "/v2/")
	if !found {
		return "", "", ""
	}
	if rest == "_catalog" {
		return "", "catalog", ""
	}
	if name, found := strings.CutSuffix(rest, "/tags/list"); found {
		return name, "tags", ""
	}
	if name, found := strings.CutSuffix(strings.TrimSuffix(rest, "/"), "/blobs/uploads"); found {
		return name, "uploads", ""
	}
	for _, part := range []struct{ between, kind string }{{"/blobs/uploads/", "uploads"}, {"/manifests/", "manifests"}, {"/blobs/", "blobs"}} {
		if i := strings.LastIndex(rest, part.between); i >= 0 {
			target := rest[i+len(part.between):]
			if !strings.Contains(target, "/") {
				return rest[:i], part.kind, target
			}
		}
	}
	return "", "", ""
}

// serveBlob sends a blob, or says how large it is.
func (r *Registry) serveBlob(w http.ResponseWriter, request *http.Request, target string) {
	switch _, isDigest := parseDigest(target); {
	case !isDigest:
		refuse(http.StatusBadRequest, "DIGEST_INVALID", "%q is no sha256 digest", target).answer(w)
		return
	case request.Method != http.MethodGet && request.Method != http.MethodHead:
		unsupported(w)
		return
	}
	if ranged := request.Header.Get("Range"); strings.HasSuffix(ranged, "-") || strings.Contains(ranged, ",") {
		request.Header.Del("Range") // the library knows a beginning with an end only, and sending all is right as well
	}
	r.blobs.ServeHTTP(w, request)
}

func unsupported(w http.ResponseWriter) {
	refuse(http.StatusMethodNotAllowed, "UNSUPPORTED", "the embedded registry does not do this; what nobody names goes away by itself").answer(w)
}

// checkCaller refuses requests from elsewhere, and those that a page in a browser makes: such a page may have any name lead here,
// or send what needs no leave.
func checkCaller(request *http.Request) *refusal {
	peer, _, err := net.SplitHostPort(request.RemoteAddr)
	if err != nil || !net.ParseIP(peer).IsLoopback() {
		return refuse(http.StatusForbidden, "DENIED", "the embedded registry answers this machine only")
	}
	if !repourl.IsHere(request.Host) {
		return refuse(http.StatusMisdirectedRequest, "DENIED", "the embedded registry is not at the host %q", request.Host)
	}
	if request.Header.Get("Origin") != "" || request.Header.Get("Sec-Fetch-Site") != "" {
		return refuse(http.StatusForbidden, "DENIED", "the embedded registry is not for pages in a browser")
	}
	return nil
}
