package watch

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/cmd/plateform/operator"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/api"
)

// server is where runs are asked for.
type server struct {
	// url of it, without /v1; asked for each connection, as a serve on this machine may have another one each time.
	url func() (string, error)
	// tokenFile is the file with the token to show; read for each connection, as it may be renewed.
	tokenFile string
	client    *http.Client
}

// here is the serve of an installation on this machine, as its operator.
func here(s *installation.Settings) server {
	where := func() (string, error) {
		address, err := operator.Address(s.DataDir)
		switch {
		case errors.Is(err, fs.ErrNotExist) && s.API.Listen == "":
			return "", exit.Usage("serve answers nobody here: set api.listen in serve.yaml, as 127.0.0.1:8081, or name a server with --server")
		case errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("no serve of this installation was started yet (plateform serve --config FILE)")
		}
		return "http://" + address, err
	}
	return server{url: where, tokenFile: operator.TokenFile(s.DataDir), client: newClient(answerTimeout)}
}

// at is a server somewhere, and the file with the token that it is shown.
func at(address, tokenFile string) (server, error) {
	if tokenFile == "" {
		return server{}, exit.Usage("name the file with your token: --token-file, or PLATEFORM_TOKEN_FILE")
	}
	return server{url: func() (string, error) { return address, nil }, tokenFile: tokenFile, client: newClient(answerTimeout)}, nil
}

const (
	statusGone = http.StatusNotFound
	statusBusy = http.StatusTooManyRequests
	// maxFrame bounds a frame, maxAnswer another answer, and answerTimeout how long it, or the beginning of a
	// stream, may take.
	maxFrame      = 4 << 20
	maxAnswer     = 8 << 20
	answerTimeout = 30 * time.Second
)

// answerError is an answer of a server that is no.
type answerError struct {
	status int
	text   string
	after  time.Duration
}

func (e *answerError) Error() string { return e.text }

// request is where a question goes, and what is shown.
func (s server) request(path string) (string, http.Header, error) {
	base, err := s.url()
	if err != nil {
		return "", nil, err
	}
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", nil, exit.Usage("%q is no address of a server (write http:// or https:// with its host, and nothing else)", base)
	}
	token, err := os.ReadFile(s.tokenFile)
	if errors.Is(err, fs.ErrPermission) {
		return "", nil, exit.Usage("reading the token (whoever runs the installation may, others show a token of their own: --server URL --token-file FILE): %w", err)
	}
	if err != nil {
		return "", nil, exit.Usage("reading the token: %w", err)
	}
	text := strings.TrimSpace(string(token))
	if text == "" || strings.ContainsAny(text, "\r\n") {
		return "", nil, exit.Usage("%s does not hold one token in one line", s.tokenFile)
	}
	return strings.TrimRight(base, "/") + path, http.Header{"Authorization": {"Bearer " + text}}, nil
}

// runs are the recent runs of a project, the newest first. now is what time it is at the server, zero when that does not say so.
func (s server) runs(ctx context.Context, k manifest.Key) (runs []api.Run, now time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	response, err := s.get(ctx, api.RunsPath(k))
	if err != nil {
		return nil, now, err
	}
	defer response.Body.Close()
	var answer struct{ Runs []api.Run }
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&answer); err != nil {
		return nil, now, fmt.Errorf("reading the answer of %s: %w", response.Request.URL.Host, err)
	}
	now, _ = http.ParseTime(response.Header.Get("Date")) // zero when it is no time
	return answer.Runs, now, nil
}

// projectPath is where a project is asked for.
func projectPath(k manifest.Key) string { return strings.TrimSuffix(api.RunsPath(k), "/runs") }

// state is how what runs of a project does; there is false when nothing does.
func (s server) state(ctx context.Context, k manifest.Key) (state api.State, there bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	response, err := s.get(ctx, projectPath(k)+"/state")
	var no *answerError
	if errors.As(err, &no) && no.status == statusGone {
		return state, false, nil
	}
	if err != nil {
		return state, false, err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&state); err != nil {
		return state, false, fmt.Errorf("reading the answer of %s: %w", response.Request.URL.Host, err)
	}
	return state, true, nil
}

// newClient follows no redirect: the token is for one server. It waits so long for the beginning of an answer, which may then take its time.
func newClient(patience time.Duration) *http.Client {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: patience, ResponseHeaderTimeout: patience, IdleConnTimeout: patience,
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// get asks for something, and returns an answer that is not no.
func (s server) get(ctx context.Context, path string) (*http.Response, error) {
	target, header, err := s.request(path)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, exit.Usage("%w", err)
	}
	request.Header = header
	request.Header.Set("Accept", "application/x-ndjson")
	response, err := s.client.Do(request)
	if err != nil {
		return nil, unreachable(err)
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		return nil, refused(response)
	}
	return response, nil
}

// unreachable says that a server does not answer, without what is long and new to nobody.
func unreachable(err error) error {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	return fmt.Errorf("the server does not answer: %w", err)
}

// refused is an answer that is no.
func refused(response *http.Response) error {
	var said struct{ Error string }
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&said); err != nil || said.Error == "" {
		said.Error = "the server answered " + response.Status
	}
	seconds, _ := strconv.Atoi(response.Header.Get("Retry-After")) // 0 when it is no number
	return &answerError{status: response.StatusCode, text: said.Error, after: time.Duration(seconds) * time.Second}
}

// streamQuestion says which part of a stream is wanted.
type streamQuestion struct {
	from   string
	follow bool
}

// stream reads the frames of a run: what there is, or over a WebSocket all to come.
func (s server) stream(ctx context.Context, k manifest.Key, run string, q streamQuestion, take func(api.Frame) error) error {
	return s.read(ctx, api.RunsPath(k)+"/"+url.PathEscape(run)+"/log?from="+url.QueryEscape(q.from), q.follow, take)
}

// read reads the frames at a path: what there is, or over a WebSocket all to come.
func (s server) read(ctx context.Context, path string, follow bool, take func(api.Frame) error) error {
	if follow {
		return s.follow(ctx, path, take)
	}
	response, err := s.get(ctx, path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, maxFrame)
	for lines.Scan() {
		if err := decode(lines.Bytes(), take); err != nil {
			return err
		}
	}
	return lines.Err()
}

func decode(data []byte, take func(api.Frame) error) error {
	var f api.Frame
	if err := json.Unmarshal(data, &f); err != nil {
		return fmt.Errorf("reading a frame: %w", err)
	}
	return take(f)
}

// follow reads a WebSocket to its end.
func (s server) follow(ctx context.Context, path string, take func(api.Frame) error) error {
	target, header, err := s.request(path)
	if err != nil {
		return err
	}
	dialing, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	socket, response, err := websocket.Dial(dialing, target, &websocket.DialOptions{
		HTTPClient: s.client, HTTPHeader: header, Subprotocols: []string{api.Protocol},
	})
	if err != nil && response != nil && response.StatusCode >= http.StatusMultipleChoices {
		return refused(response)
	}
	if err != nil {
		return unreachable(err)
	}
	defer socket.CloseNow()
	socket.SetReadLimit(maxFrame)
	for {
		_, data, err := socket.Read(ctx)
		if websocket.CloseStatus(err) == websocket.StatusNormalClosure {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the connection has broken: %w", err)
		}
		if err := decode(data, take); err != nil {
			return err
		}
	}
}
