package auth

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/google/go-github/v60/github"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/plateform/plateform/reconciler/github/client"
)

const (
	// renewBefore is how long before its end a token is renewed: an operation that begins with it has that long. They live for an
	// hour. lastUse is how long one has to be good for to be used all the same while there is no other.
	renewBefore = 15 * time.Minute
	lastUse     = time.Minute
	// firstDoubt is how long it is believed that an App may not do something in a repository, twice as long each time up to
	// lastDoubt: somebody may be about to mend it, and there may be a thousand sources that it is not installed on.
	firstDoubt = 30 * time.Second
	lastDoubt  = 5 * time.Minute
	// A key of an App signs what is good from a moment ago, for clocks that differ, and for less than the ten minutes that GitHub
	// allows.
	signedBefore = time.Minute
	signedFor    = 8 * time.Minute
	// maxTokens bounds how many are kept.
	maxTokens = 4096
)

// AppOptions of an App.
type AppOptions struct {
	// ID of the App, and the file with its private key, as PEM.
	ID      int64
	KeyFile string
	Client  *client.Client
	Now     func() time.Time
}

// App is a GitHub App. Its tokens are minted for one repository and certain permissions, kept, and renewed before they end.
type App struct {
	options AppOptions
	tokens  *lru.Cache[string, *minted]
	// installations are the ids of those on a repository.
	installations *lru.Cache[string, int64]
}

// minted is one token, and who may renew it: whoever holds turn.
type minted struct {
	turn  chan struct{}
	token client.Secret
	ends  time.Time
	// refused is why there is none, which is believed for a while, until a time.
	refused *NotReachableError
	believe time.Duration
	until   time.Time
}

// NewApp returns an App. It asks nobody anything yet.
func NewApp(o AppOptions) (*App, error) {
	tokens, err := lru.New[string, *minted](maxTokens)
	if err != nil {
		return nil, err
	}
	installations, err := lru.New[string, int64](maxTokens)
	if err != nil {
		return nil, err
	}
	return &App{options: o, tokens: tokens, installations: installations}, nil
}

// Token implements Tokens.
func (a *App) Token(ctx context.Context, r Repository, p Permissions) (client.Secret, error) {
	m := a.entry(r, p)
	select {
	case <-m.turn:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { m.turn <- struct{}{} }()
	now := a.options.Now()
	switch {
	case m.token != "" && now.Before(m.ends.Add(-renewBefore)):
		return m.token, nil
	case m.refused != nil && now.Before(m.until):
		return "", m.refused
	}
	token, ends, err := a.mint(ctx, r, p)
	if err == nil {
		m.token, m.ends, m.refused, m.believe = token, ends, nil, 0
		return token, nil
	}
	var refused *NotReachableError
	if errors.As(err, &refused) {
		m.believe = min(max(2*m.believe, firstDoubt), lastDoubt)
		m.token, m.refused, m.until = "", refused, now.Add(m.believe)
		return "", err
	}
	if m.token != "" && now.Before(m.ends.Add(-lastUse)) { // it is still good while GitHub does not answer
		return m.token, nil
	}
	return "", err
}

// Rejected implements Tokens: whoever asks next gets a new one.
func (a *App) Rejected(r Repository, p Permissions, token client.Secret) bool {
	m := a.entry(r, p)
	select {
	case <-m.turn:
	default:
		return true // somebody renews it right now
	}
	defer func() { m.turn <- struct{}{} }()
	if m.token == token {
		m.token = ""
	}
	return true
}

func (a *App) entry(r Repository, p Permissions) *minted {
	key := r.key() + " " + p.String()
	m := &minted{turn: make(chan struct{}, 1)}
	m.turn <- struct{}{}
	if before, there, _ := a.tokens.PeekOrAdd(key, m); there {
		a.tokens.Get(key) // it was used
		return before
	}
	return m
}

// mint asks for a token. An App that was installed anew has another installation.
func (a *App) mint(ctx context.Context, r Repository, p Permissions) (client.Secret, time.Time, error) {
	api := a.options.Client.As(appLogin{a})
	if id, known := a.installations.Get(r.key()); known {
		token, ends, err := a.mintBy(ctx, api, id, r, p)
		var unreachable *NotReachableError
		if !errors.As(err, &unreachable) {
			return token, ends, err
		}
		a.installations.Remove(r.key())
	}
	installation, _, err := api.Apps.FindRepositoryInstallation(ctx, r.Owner, r.Name)
	if err != nil {
		return "", time.Time{}, a.explain(r, p, "looking for the GitHub App's installation", err)
	}
	a.installations.Add(r.key(), installation.GetID())
	return a.mintBy(ctx, api, installation.GetID(), r, p)
}

// mintBy asks an installation for a token.
func (a *App) mintBy(ctx context.Context, api *github.Client, installation int64, r Repository, p Permissions) (client.Secret, time.Time, error) {
	permissions, err := permissionsOf(p)
	if err != nil {
		return "", time.Time{}, err
	}
	token, _, err := api.Apps.CreateInstallationToken(ctx, installation, &github.InstallationTokenOptions{
		Repositories: []string{r.Name}, Permissions: permissions,
	})
	if err != nil {
		return "", time.Time{}, a.explain(r, p, "asking for a token", err)
	}
	if token.GetToken() == "" || token.GetExpiresAt().IsZero() {
		return "", time.Time{}, fmt.Errorf("asking for a token of %s: GitHub's answer holds none", r)
	}
	return client.Secret(token.GetToken()), token.GetExpiresAt().Time, nil
}

// permissionsOf are permissions as go-github has them.
func permissionsOf(p Permissions) (*github.InstallationPermissions, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	permissions := &github.InstallationPermissions{}
	return permissions, json.Unmarshal(text, permissions)
}

// explain says what an answer means for an App.
func (a *App) explain(r Repository, p Permissions, doing string, err error) error {
	err = client.Explain(err)
	var answer *client.RefusedError
	if !errors.As(err, &answer) {
		return fmt.Errorf("%s for %s: %w", doing, r, err)
	}
	switch answer.Status {
	case http.StatusNotFound:
		return &NotReachableError{r, "the GitHub App is not installed there, or there is no such repository", "install it on this repository"}
	case http.StatusForbidden:
		return &NotReachableError{r, "the installation of the GitHub App is refused: " + answer.Said, "see on GitHub whether it is suspended"}
	case http.StatusUnprocessableEntity:
		return &NotReachableError{r, fmt.Sprintf("the GitHub App may not have %s: %s", p, answer.Said), "grant it that permission, and accept it for the installation"}
	case http.StatusUnauthorized:
		return fmt.Errorf("%s for %s: GitHub does not take the key of the App %d (check its id, its privateKeyFile and the clock of this machine): %w",
			doing, r, a.options.ID, err)
	}
	return fmt.Errorf("%s for %s: %w", doing, r, err)
}

// Itself logs in as the App itself, which may see to its own webhook and to no repository.
func (a *App) Itself() client.Login { return appLogin{a} }

// appLogin logs in as the App itself.
type appLogin struct{ app *App }

// Authorization implements client.Login.
func (l appLogin) Authorization(context.Context) (client.Secret, error) {
	token, err := l.app.signed()
	return bearer + token, err
}

// Rejected implements client.Login: signing anew changes nothing.
func (appLogin) Rejected(client.Secret) bool { return false }

// signed is a JSON Web Token of the App. The key is read for each, so that it can be exchanged under a running process.
func (a *App) signed() (client.Secret, error) {
	key, err := ReadKey(a.options.KeyFile)
	if err != nil {
		return "", err
	}
	now := a.options.Now()
	claims, err := json.Marshal(map[string]any{
		"iat": now.Add(-signedBefore).Unix(), "exp": now.Add(signedFor).Unix(), "iss": strconv.FormatInt(a.options.ID, 10),
	})
	if err != nil {
		return "", err
	}
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + encode(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("signing with the key of the GitHub App: %w", err)
	}
	return client.Secret(text + "." + encode(signature)), nil
}

// ReadKey reads the private key of an App, as GitHub hands it out. Its content is in no error.
func ReadKey(file string) (*rsa.PrivateKey, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the key of the GitHub App: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s is no private key in PEM (download one from the settings of the GitHub App)", file)
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if any, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		if key, ok := any.(*rsa.PrivateKey); ok {
			return key, nil
		}
	}
	return nil, fmt.Errorf("%s is no RSA private key without a passphrase (download one from the settings of the GitHub App)", file)
}
