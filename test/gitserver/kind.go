package gitserver

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
)

// Kind is how a server differs from git http-backend, as those of others do. The zero value is git http-backend itself.
type Kind struct {
	// MultiAck refuses requests for objects that do not ask for multi_ack, as Azure DevOps does.
	MultiAck bool
	// Without are capabilities that it does not have. What asks for them is refused.
	Without []string
	// Length refuses requests that do not say how long they are.
	Length bool
	// Gzip packs all answers, whether that was asked for or not.
	Gzip bool
	// ContentType is that of all answers in place of the right one.
	ContentType string
	// MovedTo is the URL of the repository that listings of refs are redirected to.
	MovedTo string
}

// Behave makes the server another kind for a repository.
func (s *Server) Behave(repo string, k Kind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kinds[repo] = k
}

// serveAs answers as a kind of server does.
func (s *Server) serveAs(repo string, op Op, w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	kind, special := s.kinds[repo]
	s.mu.Unlock()
	if !special {
		s.backend.ServeHTTP(w, r)
		return
	}
	if kind.MovedTo != "" {
		service := r.URL.Query().Get("service")
		if service == "" {
			http.Error(w, "it has moved", http.StatusGone)
			return
		}
		http.Redirect(w, r, kind.MovedTo+"/info/refs?service="+service, http.StatusMovedPermanently)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if status, words := kind.refuses(op, r, body); status != 0 {
		http.Error(w, words, status)
		return
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.TransferEncoding = nil
	rec := httptest.NewRecorder()
	s.backend.ServeHTTP(rec, r)
	answer := rec.Body.Bytes()
	if op == FetchRefs || op == PushRefs {
		answer = kind.trim(answer)
	}
	kind.send(w, rec, answer)
}

// refuses says what is wrong with a request.
func (k Kind) refuses(op Op, r *http.Request, body []byte) (int, string) {
	if k.Length && r.Method == http.MethodPost && r.ContentLength < 0 {
		return http.StatusLengthRequired, "say how long it is"
	}
	first, _, _ := bytes.Cut(body, []byte("\n"))
	if op == PushPack {
		first = body[:min(len(body), 512)]
	}
	asked := strings.FieldsFunc(string(first), func(r rune) bool { return r == ' ' || r == 0 })
	if k.MultiAck && op == FetchPack && !strings.Contains(string(first), "multi_ack") {
		return http.StatusBadRequest, "TF401041: The Git protocol sent is not as expected (Clients must support multi-ack.)."
	}
	for _, c := range k.Without {
		if slices.Contains(asked, c) {
			return http.StatusBadRequest, "there is no " + c + " here"
		}
	}
	return 0, ""
}

// trim takes capabilities out of a listing of refs.
func (k Kind) trim(answer []byte) []byte {
	begin := bytes.IndexByte(answer, 0) // where the capabilities begin, in the first line with a ref
	if begin < 0 {
		return answer
	}
	end := begin + bytes.IndexByte(answer[begin:], '\n')
	start := bytes.LastIndex(answer[:begin], []byte("0000")) + 4
	if h := bytes.Index(answer, []byte("\n0000")); h >= 0 && h < begin {
		start = h + 5
	}
	capabilities := slices.DeleteFunc(strings.Fields(string(answer[begin+1:end])), func(c string) bool {
		name, _, _ := strings.Cut(c, "=")
		return slices.Contains(k.Without, name)
	})
	line := string(answer[start+4:begin+1]) + strings.Join(capabilities, " ") + "\n"
	out := append(slices.Clone(answer[:start]), fmt.Sprintf("%04x%s", len(line)+4, line)...)
	return append(out, answer[end+1:]...)
}

func (k Kind) send(w http.ResponseWriter, rec *httptest.ResponseRecorder, answer []byte) {
	maps.Copy(w.Header(), rec.Result().Header)
	if k.ContentType != "" {
		w.Header().Set("Content-Type", k.ContentType)
	}
	if k.Gzip {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, _ = z.Write(answer) // into memory
		_ = z.Close()
		answer = packed.Bytes()
		w.Header().Set("Content-Encoding", "gzip")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	w.WriteHeader(rec.Code)
	_, _ = w.Write(answer) // a client that is gone has given up
}
