package oidc

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// freshFor is how long keys are used before they are asked for again: one that the issuer has withdrawn is good for no longer.
	freshFor = 5 * time.Minute
	// usableFor is how long they are used while the issuer does not answer.
	usableFor = time.Hour
	// firstPause is how long an issuer is left alone that did not answer, twice as long each time up to lastPause.
	firstPause = 2 * time.Second
	lastPause  = time.Minute
	// betweenUnknown is how long it takes until a key that nobody knows is looked for again: whoever makes tokens up names many.
	betweenUnknown = 5 * time.Second
	// minRSA is how many bits an RSA key has at least.
	minRSA = 2048
)

// keys are those of an issuer that signatures are checked with. They are asked for when somebody needs one.
type keys struct {
	issuer string
	client *http.Client
	now    func() time.Time
	// turn is held by who asks the issuer.
	turn chan struct{}

	mu sync.Mutex
	known
}

// known is what is known of the keys.
type known struct {
	set []jose.JSONWebKey
	// fetched is when these were told, tried when the issuer was asked last.
	fetched, tried time.Time
	// failed is what went wrong with that, and pause how long it is not asked again because of it.
	failed *UnreachableError
	pause  time.Duration
}

// has says that there is a key of a name; any will do when it has none.
func (k known) has(kid string) bool {
	return slices.ContainsFunc(k.set, func(key jose.JSONWebKey) bool { return kid == "" || key.KeyID == kid })
}

// youngerThan says that the keys were told within a time.
func (k known) youngerThan(age time.Duration, now time.Time) bool {
	return k.set != nil && now.Before(k.fetched.Add(age))
}

func newKeys(o Options) *keys {
	k := &keys{issuer: o.Issuer, client: client(o.Authorities), now: o.Now, turn: make(chan struct{}, 1)}
	k.turn <- struct{}{}
	return k
}

// snapshot is what is known now.
func (k *keys) snapshot() known {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.known
}

// find returns the keys, one of a name among them if the issuer has it. An error says that this could not be found out.
func (k *keys) find(ctx context.Context, kid string) ([]jose.JSONWebKey, error) {
	now := k.snapshot()
	if now.has(kid) && now.youngerThan(freshFor, k.now()) {
		return now.set, nil
	}
	select {
	case <-k.turn:
	default:
		if now.has(kid) && now.youngerThan(usableFor, k.now()) {
			return now.set, nil // somebody asks right now
		}
		select {
		case <-k.turn:
		case <-ctx.Done():
			return nil, k.gaveUp(ctx)
		}
	}
	defer func() { k.turn <- struct{}{} }()
	return k.refresh(ctx, kid)
}

// refresh asks the issuer, unless that was done just now.
func (k *keys) refresh(ctx context.Context, kid string) ([]jose.JSONWebKey, error) {
	now, at := k.snapshot(), k.now()
	fresh := now.youngerThan(freshFor, at)
	switch {
	case fresh && now.has(kid), fresh && now.failed == nil && at.Before(now.tried.Add(betweenUnknown)):
		return now.set, nil
	case now.failed == nil || !at.Before(now.tried.Add(now.pause)):
		k.ask(ctx, &now)
	}
	switch {
	case now.has(kid) && now.youngerThan(usableFor, at):
		return now.set, nil
	case ctx.Err() != nil:
		return nil, k.gaveUp(ctx)
	case now.failed != nil:
		wait := now.tried.Add(now.pause).Sub(at)
		return nil, &UnreachableError{What: now.failed.What, Fix: now.failed.Fix, Wait: max(wait, time.Second)}
	}
	return now.set, nil
}

// gaveUp says that a context ended before it was known which keys there are.
func (k *keys) gaveUp(ctx context.Context) error {
	return fmt.Errorf("waiting for the keys of the issuer %s: %w", k.issuer, ctx.Err())
}

// ask asks the issuer, and keeps what it says. What ended because of who asked is not the issuer's fault.
func (k *keys) ask(ctx context.Context, now *known) {
	set, err := k.fetch(ctx)
	now.tried = k.now()
	var unreachable *UnreachableError
	switch {
	case err == nil:
		now.set, now.fetched, now.failed, now.pause = set, now.tried, nil, 0
	case ctx.Err() == nil && errors.As(err, &unreachable):
		now.failed, now.pause = unreachable, min(max(2*now.pause, firstPause), lastPause)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known = *now
}

// fetch asks the issuer for its configuration and its keys. Any error is an *UnreachableError.
func (k *keys) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var configuration struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := k.get(ctx, configurationOf(k.issuer), &configuration); err != nil {
		return nil, err
	}
	if configuration.Issuer != k.issuer {
		return nil, &UnreachableError{What: fmt.Sprintf("the issuer %s says that it is %q", k.issuer, quoted(configuration.Issuer)), Fix: "write in api.oidc.issuer what tokens have as iss, letter by letter"}
	}
	if err := CheckIssuer(configuration.Keys); err != nil {
		return nil, &UnreachableError{What: fmt.Sprintf("the issuer %s has its keys at %q: %v", k.issuer, quoted(configuration.Keys), err), Fix: "set the public address of the issuer in its own settings"}
	}
	var answer struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := k.get(ctx, configuration.Keys, &answer); err != nil {
		return nil, err
	}
	set := usable(answer.Keys)
	if len(set) == 0 {
		return nil, &UnreachableError{What: fmt.Sprintf("the issuer %s has no key for signatures with a key pair", k.issuer), Fix: "have it sign with RS256 or ES256"}
	}
	return set, nil
}

// usable are the keys that signatures can be checked with: public ones, long enough, and not for encrypting.
func usable(all []json.RawMessage) []jose.JSONWebKey {
	set := []jose.JSONWebKey{}
	for _, raw := range all {
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) != nil || key.Use != "" && key.Use != "sig" {
			continue // there are kinds that are not for this
		}
		if key = key.Public(); !key.Valid() {
			continue
		}
		if public, isRSA := key.Key.(*rsa.PublicKey); isRSA && public.N.BitLen() < minRSA {
			continue
		}
		set = append(set, key)
	}
	return set
}
