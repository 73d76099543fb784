package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/plateform/plateform/reconciler/logline"
)

// closeCode is how a WebSocket is closed.
type closeCode = websocket.StatusCode

// How streams end.
const (
	codeEnded      = websocket.StatusNormalClosure
	codeRestart    = websocket.StatusServiceRestart
	codeNotAllowed = websocket.StatusPolicyViolation
	codeLater      = websocket.StatusTryAgainLater
	codeGone       = websocket.StatusCode(4404)
	codeFailed     = websocket.StatusInternalError
)

// comeBack says that whoever is told this close code is to come back with the offset.
func comeBack(code closeCode) bool {
	return code == codeRestart || code == codeLater || code == codeFailed
}

// isSocket says that a request asks for a WebSocket.
func isSocket(r *http.Request) bool {
	return slices.ContainsFunc(r.Header.Values("Upgrade"), func(v string) bool { return strings.EqualFold(v, "websocket") })
}

// wantsFrames says that a request asks for frames, one a line.
func wantsFrames(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "application/x-ndjson")
}

// deliver has a stream run over whatever the question came by: a WebSocket, lines of JSON, or text.
func (a *API) deliver(w http.ResponseWriter, q question, text bool, run func(context.Context, sender) error) error {
	q.guest.recheck, q.guest.alive = a.Times.After(a.Times.Recheck), a.Times.After(a.Times.Alive)
	if isSocket(q.Request) {
		return a.deliverSocket(w, q, run)
	}
	out := &lineWriter{to: w, control: http.NewResponseController(w), timeout: a.Times.Write, text: text}
	_ = out.control.SetReadDeadline(time.Time{}) // else the server takes a long answer for a request that does not come
	kind := "application/x-ndjson"
	if text {
		kind = "text/plain; charset=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("X-Accel-Buffering", "no") // a proxy hands on what comes
	err := run(q.Context(), a.attentive(q.Context(), q.guest, out.send))
	if f, some := farewell(err); some {
		_ = out.send(f) // whoever asked may have gone
	}
	a.tell(err)
	return nil
}

// attentive asks again and again whether the reader may still read, also when there is always something to send.
func (a *API) attentive(ctx context.Context, g *guest, send sender) sender {
	return func(f Frame) error {
		select {
		case <-a.ending:
			return &endError{reason: "serve is stopping: come back with the offset", code: codeRestart}
		default:
		}
		if err := g.due(ctx); err != nil {
			return err
		}
		return send(f)
	}
}

// farewell is the last frame of a stream that ends before its run.
func farewell(err error) (Frame, bool) {
	var end *endError
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, errReader):
		return Frame{}, false
	case errors.As(err, &end):
		return Frame{Type: FrameBye, Text: end.reason, Again: comeBack(end.code)}, true
	}
	return Frame{Type: FrameBye, Text: "something went wrong here, and is in the log of serve: come back with the offset", Again: true}, true
}

// tell logs what is nobody's fault but ours.
func (a *API) tell(err error) {
	var end *endError
	if err != nil && !errors.As(err, &end) && !errors.Is(err, errReader) && !errors.Is(err, context.Canceled) {
		a.Log.Warn("a stream of a run has ended early", "error", err)
	}
}

// errReader says that a reader has gone or is too slow.
var errReader = errors.New("the reader has gone, or takes too long")

// deliverSocket has a stream run over a WebSocket.
func (a *API) deliverSocket(w http.ResponseWriter, q question, run func(context.Context, sender) error) error {
	c, err := websocket.Accept(w, q.Request, &websocket.AcceptOptions{
		Subprotocols: []string{Protocol}, InsecureSkipVerify: true, // the origin was looked at
	})
	if err != nil {
		return nil //nolint:nilerr // Accept has answered
	}
	defer c.CloseNow()
	ctx := c.CloseRead(q.Context()) // a reader has nothing to say
	err = run(ctx, a.attentive(ctx, q.guest, func(f Frame) error { return a.sendSocket(ctx, c, f) }))
	code, reason := codeEnded, ""
	if f, some := farewell(err); some {
		code, reason = codeFailed, f.Text
		if end := (*endError)(nil); errors.As(err, &end) {
			code = end.code
		}
		_ = a.sendSocket(ctx, c, f)
	}
	a.tell(err)
	if !errors.Is(err, errReader) {
		_ = c.Close(code, logline.Cut(reason, 120)) // whoever asked may have gone
	}
	return nil
}

// sendSocket sends a frame as a message. Where nothing happened it is asked whether there is somebody still.
func (a *API) sendSocket(ctx context.Context, c *websocket.Conn, f Frame) error {
	ctx, cancel := context.WithTimeout(ctx, a.Times.Write)
	defer cancel()
	if f.Type == FrameAlive {
		if err := c.Ping(ctx); err != nil {
			return fmt.Errorf("%w: %w", errReader, err)
		}
		return nil
	}
	data, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encoding a frame: %w", err)
	}
	if err := c.Write(ctx, websocket.MessageText, data); err != nil {
		return fmt.Errorf("%w: %w", errReader, err)
	}
	return nil
}

// lineWriter writes frames as lines: of JSON, or for people.
type lineWriter struct {
	to      http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
	text    bool
	// last is the image whose log was written last, and said what was said of the run.
	last, said string
}

func (l *lineWriter) send(f Frame) error {
	data, err := l.encode(f)
	if err != nil {
		return err
	}
	_ = l.control.SetWriteDeadline(time.Now().Add(l.timeout)) // a real deadline of a real connection
	if _, err := l.to.Write(data); err != nil {
		return fmt.Errorf("%w: %w", errReader, err)
	}
	if err := l.control.Flush(); err != nil {
		return fmt.Errorf("%w: %w", errReader, err)
	}
	return nil
}

func (l *lineWriter) encode(f Frame) ([]byte, error) {
	if !l.text {
		data, err := json.Marshal(f)
		if err != nil {
			return nil, fmt.Errorf("encoding a frame: %w", err)
		}
		return append(data, '\n'), nil
	}
	var b bytes.Buffer
	say := func(format string, args ...any) {
		fmt.Fprintf(&b, "[plateform] %s\n", strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "\n[plateform] "))
	}
	switch f.Type {
	case FrameRun:
		if f.Run.Text != "" && f.Run.Text != l.said && !f.Run.Ended() {
			l.said = f.Run.Text
			say("%s", l.said)
		}
	case FrameStage:
		say("%s %s", f.Stage.At.UTC().Format(time.RFC3339), f.Stage.Stage)
	case FrameAnew:
		say("the log of %s begins anew", f.Image)
	case FrameLog:
		if l.last != "" && l.last != f.Image {
			say("the log of %s:", f.Image)
		}
		l.last = f.Image
		b.WriteString(strings.Join(f.Lines, "\n") + "\n")
	case FrameEnd:
		where := ""
		if f.Run.LiveURL != "" {
			where = " " + f.Run.LiveURL
		}
		say("%s: %s%s", f.Run.Stage(), f.Text, where)
	case FrameNote, FrameBye:
		say("%s", f.Text)
	}
	return b.Bytes(), nil
}
