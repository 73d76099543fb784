package model

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v4"
)

// Token is what a request says who it is with.
type Token struct {
	User *User
	// ID, Issued and Made are of a user's token that was issued to an App: its number, the App, and when that was.
	ID     int64
	Issued *App
	Made   time.Time
	// Of an installation only.
	Installation *Installation
	Repositories map[int64]bool    // nil for all of the installation's
	Permissions  map[string]string // nil for all that the user may do
	Expires      time.Time         // zero for never
	Scopes       string            // of a person's token, as X-OAuth-Scopes says it
}

// Principal is who a request comes from. The zero value is nobody known.
type Principal struct {
	User *User // a person, or the bot of an App
	App  *App  // an App as itself, with a JWT
	// Client is an App with its client id and secret.
	Client *App
	Token  *Token // what it came with
}

// Installed is the installation that a request comes from, if any.
func (p Principal) Installed() *Installation {
	if p.Token == nil {
		return nil
	}
	return p.Token.Installation
}

// Key says whose budget a request is taken from.
func (p Principal) Key() string {
	switch {
	case p.Installed() != nil:
		return fmt.Sprintf("installation %d", p.Installed().ID)
	case p.App != nil:
		return fmt.Sprintf("app %d", p.App.ID)
	case p.Client != nil:
		return "client " + p.Client.ClientID
	case p.User != nil:
		return fmt.Sprintf("user %d", p.User.ID)
	}
	return "nobody"
}

// Name says who it is, for people.
func (p Principal) Name() string {
	switch {
	case p.User != nil:
		return p.User.Login
	case p.App != nil:
		return p.App.Slug + "[bot]"
	case p.Client != nil:
		return p.Client.ClientID
	}
	return ""
}

// NewToken makes up a token.
func NewToken(prefix string) string {
	random := make([]byte, 18)
	_, _ = rand.Read(random) // it never fails
	return prefix + hex.EncodeToString(random)
}

// Words are an error in GitHub's own words.
type Words string

func (w Words) Error() string { return string(w) }

// errCredentials says that somebody claims to be who they are not.
const errCredentials = Words("Bad credentials")

// Authenticate says who a request comes from.
func (d *Directory) Authenticate(r *http.Request) (Principal, error) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch strings.ToLower(scheme) {
	case "":
		return Principal{}, nil
	case "basic":
		name, password, valid := r.BasicAuth()
		if !valid {
			return Principal{}, errCredentials
		}
		if a := d.AppByClient(name); a != nil {
			if password != a.ClientSecret {
				return Principal{}, errCredentials
			}
			return Principal{Client: a}, nil
		}
		if text = password; text == "" || text == "x-oauth-basic" {
			text = name
		}
	case "bearer", "token":
		if strings.Count(text, ".") == 2 {
			return d.authenticateApp(text)
		}
	default:
		return Principal{}, errCredentials
	}
	t := d.Valid(text)
	if t == nil {
		return Principal{}, errCredentials
	}
	if t.Installation != nil && (t.Installation.Deleted || t.Installation.Suspended) {
		return Principal{}, errCredentials
	}
	return Principal{User: t.User, Token: t}, nil
}

// Valid is a token that is good now; nil when there is none.
func (d *Directory) Valid(text string) *Token {
	t := d.Tokens[text]
	if t == nil || !t.Expires.IsZero() && !d.Now().Before(t.Expires) {
		return nil
	}
	return t
}

// AppByClient finds an App by its client id; nil when there is none.
func (d *Directory) AppByClient(id string) *App {
	for _, a := range d.Apps {
		if id != "" && a.ClientID == id {
			return a
		}
	}
	return nil
}

// authenticateApp checks the JWT of an App as GitHub does: RS256, at most ten minutes, not from the future.
func (d *Directory) authenticateApp(text string) (Principal, error) {
	var found *App
	var claims jwt.RegisteredClaims
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithoutClaimsValidation())
	_, err := parser.ParseWithClaims(text, &claims, func(*jwt.Token) (any, error) {
		id, err := strconv.ParseInt(claims.Issuer, 10, 64)
		if err != nil || d.Apps[id] == nil {
			return nil, errors.New("there is no such App")
		}
		found = d.Apps[id]
		return found.Key, nil
	})
	const longest = 10 * time.Minute
	now := d.Now()
	switch {
	case err != nil:
		return Principal{}, Words("A JSON web token could not be decoded")
	case claims.ExpiresAt == nil || claims.ExpiresAt.Before(now):
		return Principal{}, Words("'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires")
	case claims.ExpiresAt.After(now.Add(longest + time.Second)):
		return Principal{}, Words("'Expiration time' claim ('exp') is too far in the future")
	case claims.IssuedAt == nil || claims.IssuedAt.After(now.Add(time.Second)):
		return Principal{}, Words("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
	}
	return Principal{App: found}, nil
}
