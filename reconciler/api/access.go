package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/rights"
)

// Protocol is the WebSocket subprotocol of the streams.
const Protocol = "plateform.v1"

// TokenProtocol begins the subprotocol by which a browser shows a token, which cannot set headers for a WebSocket: what is behind it
// is the token in base64url without padding. It is offered beside Protocol, which is the one that is chosen.
const TokenProtocol = "plateform.token."

const (
	// maxToken bounds a token.
	maxToken = 8 << 10
	// identifyTimeout bounds the question whose a token is, and identifying how many such questions there are at a time.
	identifyTimeout = 15 * time.Second
	identifying     = 32
	// doubtFor is how long somebody who was let in may read on while nobody can say whether they still may.
	doubtFor = 5 * time.Minute
)

// Access says who may read.
type Access struct {
	// Identities tells who somebody is; nil when nobody can, and only the operator reads.
	Identities reconciler.Identities
	// Operator is the token of whoever runs the installation, which is good on this machine alone; empty for none.
	Operator string
	// Config is where members are named, as of the commit that Head says; "" while it was not read.
	Config reconciler.Reader
	Head   func() string
	// Origins are those of web pages that may ask, besides that of the API itself, as https://console.example.com.
	Origins []string
}

// nobodyMayRead says what is missing.
const nobodyMayRead = "nobody but the operator of this installation may read here, from its machine, with the token in api/token of dataDir (for others name who tells people's tokens, api.github or api.oidc in serve.yaml)"

// refusal is an answer that is no.
type refusal struct {
	status int
	text   string
	// after is in how many seconds it is worth asking again; 0 when it is not.
	after int
}

func (r *refusal) Error() string { return r.text }

// unknown is the answer to whoever may not know whether a workspace is there, and for one that is not.
func unknown() *refusal {
	return &refusal{status: http.StatusNotFound, text: "no such workspace, or its members do not include you"}
}

// guest is somebody who reads.
type guest struct {
	api       *API
	workspace string
	token     string
	operator  bool
	// who they were when that was last told; nobody for the operator.
	who reconciler.Identity
	// sure is when it was last certain that they may.
	sure time.Time
	// recheck and alive are when it is asked again, and when they are told that the stream is still there.
	recheck, alive <-chan time.Time
}

// tokenOf is the token that a request shows.
func tokenOf(r *http.Request) (string, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, token, _ := strings.Cut(header, " ")
		if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken {
			return "", errors.New("the Authorization header is not Bearer with a token")
		}
		return token, nil
	}
	for _, protocol := range protocols(r) {
		if encoded, ok := strings.CutPrefix(protocol, TokenProtocol); ok {
			token, err := base64.RawURLEncoding.DecodeString(encoded)
			if err != nil || len(token) == 0 || len(token) > maxToken {
				return "", errors.New("the subprotocol " + TokenProtocol + " has no token in base64url behind it")
			}
			return string(token), nil
		}
	}
	return "", errors.New("show a token: Authorization: Bearer TOKEN")
}

// protocols are the subprotocols that a request offers.
func protocols(r *http.Request) []string {
	var all []string
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		for name := range strings.SplitSeq(line, ",") {
			all = append(all, strings.TrimSpace(name))
		}
	}
	return all
}

// admit finds out who asks, and whether they may read a workspace.
func (a *API) admit(r *http.Request, workspace string) (*guest, error) {
	token, err := tokenOf(r)
	if err != nil {
		return nil, &refusal{status: http.StatusUnauthorized, text: err.Error()}
	}
	g := &guest{api: a, workspace: workspace, token: token}
	if a.isOperator(r, token) {
		g.operator = true
	} else if a.Access.Identities == nil {
		return nil, &refusal{status: http.StatusUnauthorized, text: nobodyMayRead}
	}
	if err := g.check(reconciler.WithAsker(r.Context(), askerOf(r))); err != nil {
		return nil, err
	}
	return g, nil
}

// isOperator says that a token is the operator's, and comes from this machine.
func (a *API) isOperator(r *http.Request, token string) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || !net.ParseIP(host).IsLoopback() || forwarded(r) || a.Access.Operator == "" {
		return false
	}
	shown, own := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(a.Access.Operator))
	return subtle.ConstantTimeCompare(shown[:], own[:]) == 1
}

// forwarded says that a proxy handed a request on, which may be from anywhere.
func forwarded(r *http.Request) bool {
	return slices.ContainsFunc([]string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip"}, func(name string) bool {
		return len(r.Header.Values(name)) > 0
	})
}

// check asks whether the guest may read now. Somebody who was let in is not turned away because nobody can say.
func (g *guest) check(ctx context.Context) error {
	now := g.api.Times.Now()
	err := g.ask(ctx)
	var refused *refusal
	switch {
	case err == nil:
		g.sure = now
		return nil
	case errors.As(err, &refused) && refused.status != http.StatusServiceUnavailable:
		return err
	case ctx.Err() == nil && !g.sure.IsZero() && now.Sub(g.sure) < doubtFor:
		return nil
	}
	return err
}

// ask asks who the token is for, and whether they are a member as things are now.
func (g *guest) ask(ctx context.Context) error {
	a := g.api
	head := a.Access.Head()
	if head == "" {
		return starting()
	}
	if g.operator {
		return nil
	}
	who, doubt := a.identify(ctx, g.token)
	switch {
	case doubt == nil:
	case g.who.ID == 0 || doubt.status != http.StatusServiceUnavailable:
		return doubt
	case expired(g.who, a.Times.Now()):
		return hasEnded()
	default: // whether they are a member and until when the token is good is known all the same
		who = g.who
	}
	may, err := rights.MayRead(a.Access.Config, head, g.workspace, rights.Person{ID: who.ID, Login: who.Login})
	if err != nil {
		a.Log.Warn("who may read a log cannot be found out", "error", err)
		return &refusal{status: http.StatusServiceUnavailable, text: "who may read here cannot be found out at the moment", after: 5}
	}
	if !may || g.who.ID != 0 && g.who.ID != who.ID {
		return unknown()
	}
	if doubt != nil {
		return doubt
	}
	g.who = who
	return nil
}

// expired says that a token is not good any more, as far as it was said until when it is.
func expired(who reconciler.Identity, now time.Time) bool {
	return !who.Expires.IsZero() && !now.Before(who.Expires)
}

// hasEnded is the answer to such a token.
func hasEnded() *refusal {
	return &refusal{status: http.StatusUnauthorized, text: fmt.Sprintf("%v: it has ended", reconciler.ErrNoIdentity)}
}

// askerOf is the address that somebody asks from; empty when it is not known. What a proxy says of them is believed when it is in a network of
// its own: whoever can put words into its mouth from there gains nothing but to be counted elsewhere.
func askerOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	peer, parsed := netip.ParseAddr(host)
	if err != nil || parsed != nil {
		return ""
	}
	if peer = peer.Unmap(); peer.IsLoopback() || peer.IsPrivate() {
		said := r.Header.Values("X-Forwarded-For")
		if len(said) == 0 {
			return ""
		}
		last := said[len(said)-1]
		if peer, err = netip.ParseAddr(strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])); err != nil {
			return ""
		}
		peer = peer.Unmap()
	}
	if peer.Is6() { // somebody has all of a network
		network, _ := peer.WithZone("").Prefix(64)
		return network.String()
	}
	return peer.String()
}

// identify asks whose a token is, a bounded number of times at once.
func (a *API) identify(ctx context.Context, token string) (reconciler.Identity, *refusal) {
	ctx, cancel := context.WithTimeout(ctx, identifyTimeout)
	defer cancel()
	unsure := &refusal{status: http.StatusServiceUnavailable, text: "whose the token is cannot be found out at the moment", after: 5}
	select {
	case a.identifying <- struct{}{}:
		defer func() { <-a.identifying }()
	case <-ctx.Done():
		return reconciler.Identity{}, unsure
	}
	who, err := a.Access.Identities.Identify(ctx, token)
	switch {
	case errors.Is(err, reconciler.ErrNoIdentity):
		return who, &refusal{status: http.StatusUnauthorized, text: err.Error()}
	case err != nil:
		a.Log.Warn("whose a token is cannot be found out", "error", err)
		return who, unsure
	case who.ID <= 0 || expired(who, a.Times.Now()):
		return who, hasEnded()
	}
	return who, nil
}

// starting is the answer while the repositories were not read.
func starting() *refusal {
	return &refusal{status: http.StatusServiceUnavailable, text: "serve is starting, and does not know yet what runs", after: 1}
}

// endError ends a stream before its run.
type endError struct {
	reason string
	code   closeCode
}

func (e *endError) Error() string { return e.reason }

// wait waits until something may be new. patient is false once late has come.
func (g *guest) wait(ctx context.Context, news <-chan struct{}, late <-chan time.Time, send sender) (patient bool, err error) {
	for {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-g.api.ending:
			return false, &endError{reason: "serve is stopping: come back with the offset", code: codeRestart}
		case <-late:
			return false, nil
		case <-news:
			return true, nil
		case <-g.recheck:
			if err := g.again(ctx); err != nil {
				return false, err
			}
		case <-g.alive:
			g.alive = g.api.Times.After(g.api.Times.Alive)
			if err := send(Frame{Type: FrameAlive}); err != nil {
				return false, err
			}
		}
	}
}

// due asks again whether the guest may read, when it is time to. A stream that always has something to send asks between two frames.
func (g *guest) due(ctx context.Context) error {
	select {
	case <-g.recheck:
		return g.again(ctx)
	default:
		return nil
	}
}

// again asks again, and ends the stream of somebody who may not read any more.
func (g *guest) again(ctx context.Context) error {
	g.recheck = g.api.Times.After(g.api.Times.Recheck)
	err := g.check(ctx)
	var refused *refusal
	switch {
	case !errors.As(err, &refused):
		return err
	case refused.status == http.StatusNotFound:
		return &endError{reason: "you may not read this any more: you are not a member of the workspace now", code: codeNotAllowed}
	case refused.status == http.StatusUnauthorized:
		return &endError{reason: "you may not read this any more: " + refused.text, code: codeNotAllowed}
	}
	return &endError{reason: refused.text, code: codeLater}
}
