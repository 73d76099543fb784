package reconciler

import (
	"context"
	"errors"
	"time"
)

// Identities tells who somebody is by a token that they show.
type Identities interface {
	// Identify returns whom a bearer token is for. A token that is unknown, expired, revoked, or was not issued for this
	// installation is ErrNoIdentity; any other error means that the answer could not be had.
	Identify(ctx context.Context, token string) (Identity, error)
}

// Identity is a person who showed a token.
type Identity struct {
	// ID is the numeric id of their GitHub account, which is what platform-config knows people by.
	ID int64
	// Login is for people; it may change hands.
	Login string
	// Expires is when the token ends; zero when nobody said.
	Expires time.Time
}

// askerKey is the key of an address in a context.
type askerKey struct{}

// WithAsker says from which address somebody shows a token, so that whoever makes tokens up there is told apart from all others. Without it nobody is.
func WithAsker(ctx context.Context, address string) context.Context {
	return context.WithValue(ctx, askerKey{}, address)
}

// Asker is the address that a context was given; empty when it is not known.
func Asker(ctx context.Context) string {
	address, _ := ctx.Value(askerKey{}).(string)
	return address
}

// ErrNoIdentity says that a token is nobody's here. What wraps it says why, without the token.
var ErrNoIdentity = errors.New("the token is not one for this installation")
