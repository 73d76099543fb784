package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// serveManifest sends or takes a manifest.
func (r *Registry) serveManifest(w http.ResponseWriter, request *http.Request, name, reference string) {
	if _, isDigest := parseDigest(reference); !isDigest && !tagName.MatchString(reference) {
		refuse(http.StatusBadRequest, "TAG_INVALID", "%q is neither a tag nor a sha256 digest", reference).answer(w)
		return
	}
	switch request.Method {
	case http.MethodGet, http.MethodHead:
		r.sendManifest(w, request, name, reference)
	case http.MethodPut:
		r.takeManifest(w, request, name, reference)
	default:
		unsupported(w)
	}
}

func (r *Registry) sendManifest(w http.ResponseWriter, request *http.Request, name, reference string) {
	found, err := r.store.find(request.Context(), name, reference)
	if err != nil {
		r.fail(w, err, "MANIFEST_UNKNOWN")
		return
	}
	w.Header().Set("Content-Type", string(found.mediaType))
	w.Header().Set("Content-Length", strconv.Itoa(len(found.content)))
	w.Header().Set("Docker-Content-Digest", algorithm+found.digest)
	w.WriteHeader(http.StatusOK)
	if request.Method == http.MethodGet {
		_, _ = w.Write(found.content) // whoever asked may have gone
	}
}

func (r *Registry) takeManifest(w http.ResponseWriter, request *http.Request, name, reference string) {
	content, err := io.ReadAll(io.LimitReader(request.Body, maxManifest+1))
	switch {
	case err != nil:
		err = refuse(http.StatusBadRequest, "MANIFEST_INVALID", "the manifest did not arrive: %v", err)
	case len(content) > maxManifest:
		err = refuse(http.StatusRequestEntityTooLarge, "MANIFEST_INVALID", "the manifest has more than %d bytes", maxManifest)
	}
	var stored image
	if err == nil {
		stored, err = r.store.put(name, reference, request.Header.Get("Content-Type"), content)
	}
	if err != nil {
		r.fail(w, err, "MANIFEST_UNKNOWN")
		return
	}
	w.Header().Set("Docker-Content-Digest", algorithm+stored.digest)
	w.Header().Set("Location", "/v2/"+name+"/manifests/"+algorithm+stored.digest)
	w.WriteHeader(http.StatusCreated)
}

// fail answers that something went wrong. What is nobody's mistake but the disk's is logged, too.
func (r *Registry) fail(w http.ResponseWriter, err error, unknown string) {
	fail(w, r.store, err, unknown)
}

func fail(w http.ResponseWriter, s *store, err error, unknown string) {
	told := refusalOf(err, unknown)
	if told.status >= http.StatusInternalServerError {
		s.log.Error("the registry cannot use its disk", "error", err)
	}
	told.answer(w)
}

// serveTags lists the tags of a repository.
func (r *Registry) serveTags(w http.ResponseWriter, request *http.Request, name string) {
	if request.Method != http.MethodGet {
		unsupported(w)
		return
	}
	tags, err := r.store.tags(name)
	if err != nil {
		r.fail(w, err, "NAME_UNKNOWN")
		return
	}
	tags, err = page(w, request, tags)
	if err != nil {
		r.fail(w, err, "")
		return
	}
	sendJSON(w, map[string]any{"name": name, "tags": tags})
}

// serveCatalog lists the repositories.
func (r *Registry) serveCatalog(w http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodGet {
		unsupported(w)
		return
	}
	names, err := repositories(r.store.path(repositoriesDir))
	if err == nil {
		names, err = page(w, request, names)
	}
	if err != nil {
		r.fail(w, err, "")
		return
	}
	sendJSON(w, map[string]any{"repositories": names})
}

// page is the part of a sorted list that a request asks for. The header tells where the next one begins.
func page(w http.ResponseWriter, request *http.Request, all []string) ([]string, error) {
	query := request.URL.Query()
	if last := query.Get("last"); last != "" {
		i, found := slices.BinarySearch(all, last)
		if found {
			i++
		}
		all = all[i:]
	}
	if !query.Has("n") {
		return all, nil
	}
	n, err := strconv.Atoi(query.Get("n"))
	if err != nil || n < 0 {
		return nil, refuse(http.StatusBadRequest, "PAGINATION_NUMBER_INVALID", "n is %q, and no number", query.Get("n"))
	}
	if n < len(all) {
		if all = all[:n]; n > 0 {
			next := url.Values{"n": {strconv.Itoa(n)}, "last": {all[n-1]}}
			w.Header().Set("Link", fmt.Sprintf(`<%s?%s>; rel="next"`, request.URL.Path, next.Encode()))
		}
	}
	return all, nil
}

func sendJSON(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		refusalOf(err, "").answer(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // whoever asked may have gone
}

// repositories are the names of all repositories below a folder, sorted.
func repositories(dir string) ([]string, error) {
	names := []string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // it went away meanwhile
			return nil
		case err != nil:
			return err
		case !e.IsDir():
			return nil
		case e.Name() == tagsDir:
			return filepath.SkipDir
		case e.Name() != manifestsDir:
			return nil
		}
		if entries, err := os.ReadDir(path); err != nil || len(entries) == 0 {
			return filepath.SkipDir
		}
		name, err := filepath.Rel(dir, filepath.Dir(path))
		if err != nil {
			return err
		}
		names = append(names, filepath.ToSlash(name))
		return filepath.SkipDir
	})
	slices.Sort(names)
	return names, err
}
