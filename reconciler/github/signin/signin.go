// Package signin tells whom a user's token of GitHub belongs to, if it was issued to one App: GitHub is asked with the client id and
// a client secret of that App, which is told of its own tokens and of no others.
package signin

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/github/client"
)

const (
	// goodFor is how long an answer is believed, and with it how long a token that was revoked is still good. Each question costs five of
	// the 900 points that GitHub gives all calls in a minute.
	goodFor = 5 * time.Minute
	// refusedFor is how long it is believed that a token is nobody's.
	refusedFor = 30 * time.Second
	// troubleFor is how long those who show the same token are told what went wrong with the question before theirs.
	troubleFor = 2 * time.Second
	// maxTokens bounds how many tokens are remembered that are good, and how many others.
	maxTokens = 4096
	// maxToken bounds a token.
	maxToken = 2048
)

// Options of a SignIn.
type Options struct {
	Client *client.Client
	// ClientID of the App, and the file with one of its client secrets, which is read for each question.
	ClientID, SecretFile string
	Now                  func() time.Time
}

// SignIn is a reconciler.Identities. It is safe for use by several goroutines.
type SignIn struct {
	options Options
	// known are tokens that were somebody's when they were asked about last, and strangers all others: tokens that are made up push out
	// none that are good.
	known, strangers *lru.Cache[hash, *answer]
	crowd            crowd
}

var _ reconciler.Identities = (*SignIn)(nil)

// hash stands for a token, which is kept nowhere.
type hash [sha256.Size]byte

// answer is what is known of one token, and who may ask: whoever holds turn.
type answer struct {
	turn     chan struct{}
	identity reconciler.Identity
	err      error
	// until is how long that is believed.
	until time.Time
	// known says that the last answer of GitHub was somebody.
	known bool
}

// New returns a SignIn. It asks nobody anything yet.
func New(o Options) (*SignIn, error) {
	if o.Client == nil || o.ClientID == "" || o.SecretFile == "" || o.Now == nil {
		return nil, errors.New("asking GitHub for the owners of tokens needs a client, a client id with its secret, and a clock")
	}
	known, err := lru.New[hash, *answer](maxTokens)
	if err != nil {
		return nil, err
	}
	strangers, err := lru.New[hash, *answer](maxTokens)
	if err != nil {
		return nil, err
	}
	return &SignIn{options: o, known: known, strangers: strangers}, nil
}

// Identify implements reconciler.Identities.
func (s *SignIn) Identify(ctx context.Context, token string) (reconciler.Identity, error) {
	if err := check(token); err != nil {
		return reconciler.Identity{}, err
	}
	of := hash(sha256.Sum256([]byte(token)))
	a := s.answer(of)
	select {
	case <-a.turn:
	case <-ctx.Done():
		return reconciler.Identity{}, fmt.Errorf("waiting for what GitHub says of a token: %w", ctx.Err())
	}
	defer func() { a.turn <- struct{}{} }()
	now := s.options.Now()
	if now.Before(a.until) {
		return a.identity, a.err
	}
	var stranger *entry
	if !a.known {
		var err error
		if stranger, err = s.crowd.enter(now, reconciler.Asker(ctx)); err != nil {
			return reconciler.Identity{}, err
		}
	}
	identity, err := s.ask(ctx, token)
	if stranger != nil && err == nil {
		s.crowd.was(stranger)
	}
	if ctx.Err() == nil {
		s.keep(of, a, identity, err)
	}
	return identity, err
}

// check refuses what was never issued to an App for a person, so that GitHub is not asked about it.
func check(token string) error {
	kind, rest, _ := strings.Cut(token, "_")
	switch kind {
	case "ghu", "gho":
	case "ghp", "github":
		return fmt.Errorf("%w: it is a personal access token, which was issued to no App (sign in through the App instead)", reconciler.ErrNoIdentity)
	case "ghs":
		return fmt.Errorf("%w: it is the token of an App, and of no person", reconciler.ErrNoIdentity)
	case "ghr":
		return fmt.Errorf("%w: it is for getting a new token, and is none itself", reconciler.ErrNoIdentity)
	default:
		return fmt.Errorf("%w: it is no token of GitHub", reconciler.ErrNoIdentity)
	}
	strange := func(r rune) bool { return r <= ' ' || r > '~' }
	if rest == "" || len(token) > maxToken || strings.ContainsFunc(rest, strange) {
		return fmt.Errorf("%w: it is not written as GitHub writes tokens", reconciler.ErrNoIdentity)
	}
	return nil
}

// answer is what is known of a token; nothing, if it was never shown.
func (s *SignIn) answer(of hash) *answer {
	if a, there := s.known.Get(of); there {
		return a
	}
	a := &answer{turn: make(chan struct{}, 1)}
	a.turn <- struct{}{}
	if before, there, _ := s.strangers.PeekOrAdd(of, a); there {
		s.strangers.Get(of) // it was used
		return before
	}
	return a
}

// keep remembers what came of a question.
func (s *SignIn) keep(of hash, a *answer, identity reconciler.Identity, err error) {
	now := s.options.Now()
	a.identity, a.err = identity, err
	switch {
	case err == nil:
		a.known, a.until = true, now.Add(goodFor)
		if !identity.Expires.IsZero() && identity.Expires.Before(a.until) {
			a.until = identity.Expires
		}
		s.known.Add(of, a)
		s.strangers.Remove(of)
	case errors.Is(err, reconciler.ErrNoIdentity):
		a.known, a.until = false, now.Add(refusedFor)
		s.strangers.Add(of, a)
		s.known.Remove(of)
	default:
		a.until = now.Add(troubleFor)
	}
}
