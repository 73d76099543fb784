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

// ErrNoIdentity says that a token is nobody's here. What wraps it says why, without the token.
var ErrNoIdentity = errors.New("the token is not one for this installation")
