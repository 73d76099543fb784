package githubserver

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v4"
)

// token is what a request says who it is with.
type token struct {
	user *user
	// Of an installation only.
	installation *installation
	repositories map[int64]bool    // nil for all of the installation's
	permissions  map[string]string // nil for all that the user may do
	expires      time.Time         // zero for never
	scopes       string            // of a person's token, as X-OAuth-Scopes says it
}

// principal is who a request comes from. The zero value is nobody known.
type principal struct {
	user  *user  // a person, or the bot of an App
	app   *app   // an App as itself, with a JWT
	token *token // what it came with
}

func (p principal) installed() *installation {
	if p.token == nil {
		return nil
	}
	return p.token.installation
}

// key says whose budget a request is taken from.
func (p principal) key() string {
	switch {
	case p.installed() != nil:
		return fmt.Sprintf("installation %d", p.installed().id)
	case p.app != nil:
		return fmt.Sprintf("app %d", p.app.id)
	case p.user != nil:
		return fmt.Sprintf("user %d", p.user.id)
	}
	return "nobody"
}

// name says who it is, for people.
func (p principal) name() string {
	switch {
	case p.user != nil:
		return p.user.login
	case p.app != nil:
		return p.app.slug + "[bot]"
	}
	return ""
}

// Token makes a personal access token; scopes are what it says of itself, "repo" for one that may do all that its owner may.
func (s *Server) Token(userID int64, scopes string) (string, error) {
	var text string
	err := s.locked(func(w *world) error {
		u := w.users[userID]
		if u == nil {
			return fmt.Errorf("there is no user %d", userID)
		}
		text = newToken("ghp_")
		t := &token{user: u, scopes: scopes}
		if scopes != "" && !strings.Contains(scopes, "repo") {
			t.permissions = map[string]string{"metadata": "read"}
		}
		w.tokens[text] = t
		return nil
	})
	return text, err
}

// FineGrainedToken makes a personal access token with permissions, for some repositories of those that its owner sees.
func (s *Server) FineGrainedToken(userID int64, permissions map[string]string, repositories ...string) (string, error) {
	var text string
	err := s.locked(func(w *world) error {
		t := &token{user: w.users[userID], permissions: maps.Clone(permissions), repositories: map[int64]bool{}}
		if t.user == nil {
			return fmt.Errorf("there is no user %d", userID)
		}
		for _, name := range repositories {
			r := w.repoByName(name)
			if r == nil {
				return fmt.Errorf("there is no repository %s", name)
			}
			t.repositories[r.id] = true
		}
		text = newToken("github_pat_")
		w.tokens[text] = t
		return nil
	})
	return text, err
}

// Revoke has a token be worth nothing from now on.
func (s *Server) Revoke(text string) {
	_ = s.locked(func(w *world) error {
		delete(w.tokens, text)
		return nil
	})
}

func newToken(prefix string) string {
	random := make([]byte, 18)
	_, _ = rand.Read(random) // it never fails
	return prefix + hex.EncodeToString(random)
}

// words are an error in GitHub's own words.
type words string

func (w words) Error() string { return string(w) }

// errCredentials says that somebody claims to be who they are not.
const errCredentials = words("Bad credentials")

// authenticate says who a request comes from.
func (w *world) authenticate(r *http.Request) (principal, error) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch strings.ToLower(scheme) {
	case "":
		return principal{}, nil
	case "basic":
		name, password, valid := r.BasicAuth()
		if !valid {
			return principal{}, errCredentials
		}
		if text = password; text == "" || text == "x-oauth-basic" {
			text = name
		}
	case "bearer", "token":
		if strings.Count(text, ".") == 2 {
			return w.authenticateApp(text)
		}
	default:
		return principal{}, errCredentials
	}
	t := w.tokens[text]
	if t == nil || !t.expires.IsZero() && !w.now().Before(t.expires) {
		return principal{}, errCredentials
	}
	if t.installation != nil && (t.installation.deleted || t.installation.suspended) {
		return principal{}, errCredentials
	}
	return principal{user: t.user, token: t}, nil
}

// authenticateApp checks the JWT of an App as GitHub does: RS256, at most ten minutes, not from the future.
func (w *world) authenticateApp(text string) (principal, error) {
	var found *app
	var claims jwt.RegisteredClaims
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithoutClaimsValidation())
	_, err := parser.ParseWithClaims(text, &claims, func(*jwt.Token) (any, error) {
		id, err := strconv.ParseInt(claims.Issuer, 10, 64)
		if err != nil || w.apps[id] == nil {
			return nil, errors.New("there is no such App")
		}
		found = w.apps[id]
		return found.key, nil
	})
	const longest = 10 * time.Minute
	now := w.now()
	switch {
	case err != nil:
		return principal{}, words("A JSON web token could not be decoded")
	case claims.ExpiresAt == nil || claims.ExpiresAt.Before(now):
		return principal{}, words("'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires")
	case claims.ExpiresAt.After(now.Add(longest + time.Second)):
		return principal{}, words("'Expiration time' claim ('exp') is too far in the future")
	case claims.IssuedAt == nil || claims.IssuedAt.After(now.Add(time.Second)):
		return principal{}, words("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
	}
	return principal{app: found}, nil
}
