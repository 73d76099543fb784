package embedded

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Bounds of uploads.
const (
	maxUploads = 256
	// idleUpload is how long an upload is kept that nobody goes on with: not for long, as it may be what fills the disk.
	idleUpload = 2 * time.Minute
)

// uploads are the blobs that are on their way in. They are on disk from the first byte on.
type uploads struct {
	store *store

	mu   sync.Mutex
	open map[string]*upload
}

// upload is one blob on its way in.
type upload struct {
	repository string

	mu sync.Mutex // held while a request works on it
	// draft has what came so far; nil before that.
	draft *draft
	used  time.Time
	over  bool
}

func newUploads(s *store) *uploads { return &uploads{store: s, open: map[string]*upload{}} }

// serve answers what is asked of uploads of a repository.
func (u *uploads) serve(w http.ResponseWriter, request *http.Request, repository, id string) {
	if id == "" {
		if request.Method != http.MethodPost {
			unsupported(w)
			return
		}
		u.begin(w, request, repository)
		return
	}
	found := u.find(repository, id)
	if found == nil {
		refuse(http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "there is no such upload; begin it again").answer(w)
		return
	}
	found.mu.Lock()
	defer found.mu.Unlock()
	if found.over {
		refuse(http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "the upload is over; begin it again").answer(w)
		return
	}
	found.used = u.store.clock()
	at := place{repository, id}
	switch request.Method {
	case http.MethodGet:
		at.tell(w, found, http.StatusNoContent)
	case http.MethodPatch:
		u.patch(w, request, found, at)
	case http.MethodPut:
		u.put(w, request, found, at)
	case http.MethodDelete:
		u.end(found, at)
		w.WriteHeader(http.StatusNoContent)
	default:
		unsupported(w)
	}
}

// place is where an upload goes on.
type place struct{ repository, id string }

// tell says how much of an upload is there, and where it goes on.
func (p place) tell(w http.ResponseWriter, of *upload, status int) {
	w.Header().Set("Location", "/v2/"+p.repository+"/blobs/uploads/"+p.id)
	w.Header().Set("Docker-Upload-UUID", p.id)
	w.Header().Set("Range", fmt.Sprintf("0-%d", max(of.size()-1, 0)))
	w.WriteHeader(status)
}

// size is how much has come.
func (of *upload) size() int64 {
	if of.draft == nil {
		return 0
	}
	return of.draft.size
}

func (u *uploads) find(repository, id string) *upload {
	u.mu.Lock()
	defer u.mu.Unlock()
	if found := u.open[id]; found != nil && found.repository == repository {
		return found
	}
	return nil
}

// begin begins an upload, or makes it unnecessary: with mount the blob is in another repository already, with digest all of
// it comes at once.
func (u *uploads) begin(w http.ResponseWriter, request *http.Request, repository string) {
	query := request.URL.Query()
	if mount, isDigest := parseDigest(query.Get("mount")); isDigest {
		if _, err := u.store.whole(request.Context(), mount); err == nil {
			created(w, repository, mount)
			return
		}
	}
	u.endIdle()
	begun := &upload{repository: repository, used: u.store.clock()}
	begun.mu.Lock()
	defer begun.mu.Unlock()
	id := rand.Text()
	u.mu.Lock()
	if len(u.open) >= maxUploads {
		u.mu.Unlock()
		refuse(http.StatusTooManyRequests, "TOOMANYREQUESTS", "%d uploads are not at their end yet; try again later", maxUploads).answer(w)
		return
	}
	u.open[id] = begun
	u.mu.Unlock()
	if query.Has("digest") {
		u.put(w, request, begun, place{repository, id})
		return
	}
	place{repository, id}.tell(w, begun, http.StatusAccepted)
}

// patch takes more of a blob.
func (u *uploads) patch(w http.ResponseWriter, request *http.Request, of *upload, at place) {
	if ranged := request.Header.Get("Content-Range"); ranged != "" {
		start, _, _ := strings.Cut(ranged, "-")
		if from, err := strconv.ParseInt(start, 10, 64); err != nil || from != of.size() {
			refuse(http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID", "the upload goes on at %d, and not at %q", of.size(), ranged).answer(w)
			return
		}
	}
	if err := u.take(request.Body, of); err != nil {
		u.fail(w, request, of, at, err)
		return
	}
	at.tell(w, of, http.StatusAccepted)
}

// take writes what comes to the disk.
func (u *uploads) take(body io.Reader, of *upload) (err error) {
	if of.draft == nil {
		if of.draft, err = u.store.newDraft(); err != nil {
			return err
		}
	}
	source := &source{from: body}
	_, err = io.Copy(of.draft, source)
	if source.err != nil {
		return refuse(http.StatusBadRequest, "BLOB_UPLOAD_INVALID", "the blob did not arrive: %v", source.err)
	}
	return err
}

// source remembers that reading failed: whose fault it is that a copy failed decides what is told.
type source struct {
	from io.Reader
	err  error
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// put takes the rest of a blob and ends its upload.
func (u *uploads) put(w http.ResponseWriter, request *http.Request, of *upload, at place) {
	want, isDigest := parseDigest(request.URL.Query().Get("digest"))
	if !isDigest {
		u.fail(w, request, of, at, refuse(http.StatusBadRequest, "DIGEST_INVALID", "%q is no sha256 digest", request.URL.Query().Get("digest")))
		return
	}
	if err := u.take(request.Body, of); err != nil {
		u.fail(w, request, of, at, err)
		return
	}
	if got := of.draft.digest(); got != want {
		u.fail(w, request, of, at, refuse(http.StatusBadRequest, "DIGEST_INVALID", "what came has the digest %s%s", algorithm, got))
		return
	}
	err := u.store.keepBlob(of.draft)
	of.draft = nil
	if err != nil {
		u.fail(w, request, of, at, err)
		return
	}
	u.end(of, at)
	created(w, at.repository, want)
}

func created(w http.ResponseWriter, repository, digest string) {
	w.Header().Set("Location", "/v2/"+repository+"/blobs/"+algorithm+digest)
	w.Header().Set("Docker-Content-Digest", algorithm+digest)
	w.WriteHeader(http.StatusCreated)
}

// fail ends an upload that went wrong. What still comes is read, or the answer would get lost.
func (u *uploads) fail(w http.ResponseWriter, request *http.Request, of *upload, at place, err error) {
	u.end(of, at)
	_, _ = io.Copy(io.Discard, request.Body)
	fail(w, u.store, err, "BLOB_UPLOAD_UNKNOWN")
}

// end forgets an upload, and what came of it. of.mu is held.
func (u *uploads) end(of *upload, at place) {
	of.over = true
	if of.draft != nil {
		u.store.discard(of.draft)
		of.draft = nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.open, at.id)
}

// endIdle ends the uploads that nobody goes on with.
func (u *uploads) endIdle() {
	u.mu.Lock()
	all := make(map[string]*upload, len(u.open))
	for id, of := range u.open {
		all[id] = of
	}
	u.mu.Unlock()
	for id, of := range all {
		if !of.mu.TryLock() {
			continue // a request works on it
		}
		if !of.over && u.store.clock().Sub(of.used) > idleUpload {
			u.end(of, place{of.repository, id})
		}
		of.mu.Unlock()
	}
}
