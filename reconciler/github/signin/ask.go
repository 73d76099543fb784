package signin

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/github/client"
)

// authorization is what GitHub says of a token, as far as it matters here. It quotes the token, too.
type authorization struct {
	App struct {
		ClientID string `json:"client_id"`
	} `json:"app"`
	User *struct {
		ID    int64  `json:"id"`
		Login string `json:"login"`
		Type  string `json:"type"`
	} `json:"user"`
	Expires *time.Time `json:"expires_at"`
}

// ClientRefusedError says that GitHub does not take the client id with its secret. Somebody has to mend that.
type ClientRefusedError struct {
	// ClientID of the App, and the file with its secret.
	ClientID, SecretFile string
}

func (e *ClientRefusedError) Error() string {
	return fmt.Sprintf("GitHub does not take the client id %s with the client secret in %s", e.ClientID, e.SecretFile)
}

// Fix is how to mend it.
func (e *ClientRefusedError) Fix() string {
	return "copy the client id from the settings of the App on GitHub, make a client secret there, and write it into that file"
}

// ask asks GitHub whom a token belongs to.
func (s *SignIn) ask(ctx context.Context, token string) (reconciler.Identity, error) {
	api := s.options.Client.As(login{s.options.ClientID, s.options.SecretFile})
	req, err := api.NewRequest(http.MethodPost, "applications/"+url.PathEscape(s.options.ClientID)+"/token", map[string]string{"access_token": token})
	if err != nil {
		return reconciler.Identity{}, fmt.Errorf("asking GitHub for the owner of a token: %w", err)
	}
	var a authorization
	if _, err := api.Do(ctx, req, &a); err != nil {
		return reconciler.Identity{}, s.explain(client.Explain(err), token)
	}
	return s.identity(a)
}

// explain says what an answer means that tells of no owner, without the token.
func (s *SignIn) explain(err error, token string) error {
	var refused *client.RefusedError
	if errors.As(err, &refused) && strings.Contains(refused.Said, token[:min(len(token), 12)]) {
		err = &client.RefusedError{Status: refused.Status, Said: http.StatusText(refused.Status)}
	}
	switch {
	case client.Answered(err, http.StatusNotFound, http.StatusUnprocessableEntity):
		return fmt.Errorf("%w: GitHub has issued no such token to the App %s, or it has expired, or was revoked", reconciler.ErrNoIdentity, s.options.ClientID)
	case client.Answered(err, http.StatusUnauthorized):
		wrong := &ClientRefusedError{s.options.ClientID, s.options.SecretFile}
		return fmt.Errorf("asking for the owner of a token: %w (%s)", wrong, wrong.Fix())
	case errors.As(err, new(*secretError)), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), reconciler.RetryAfter(err) > 0:
		return fmt.Errorf("asking for the owner of a token: %w", err)
	}
	return fmt.Errorf("asking for the owner of a token: %w (try again in a moment)", err)
}

// identity is whom an answer names.
func (s *SignIn) identity(a authorization) (reconciler.Identity, error) {
	nobody := func(why string) (reconciler.Identity, error) {
		return reconciler.Identity{}, fmt.Errorf("%w: %s", reconciler.ErrNoIdentity, why)
	}
	switch {
	case a.App.ClientID != s.options.ClientID:
		return nobody("it was issued to another App")
	case a.User == nil || a.User.ID <= 0:
		return nobody("it belongs to nobody")
	case a.User.Type != "" && a.User.Type != "User":
		return nobody("it belongs to no person")
	}
	who := reconciler.Identity{ID: a.User.ID, Login: a.User.Login}
	if a.Expires != nil {
		if who.Expires = *a.Expires; !s.options.Now().Before(who.Expires) {
			return nobody("it has expired")
		}
	}
	return who, nil
}

// madeUp is a token that GitHub has issued to nobody.
const madeUp = "ghu_000000000000000000000000000000000000"

// Probe asks about a token that nobody has. It returns nil when GitHub takes the client id with its secret.
func (s *SignIn) Probe(ctx context.Context) error {
	who, err := s.ask(ctx, madeUp)
	switch {
	case errors.Is(err, reconciler.ErrNoIdentity):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("asking for the owner of a token: GitHub says that a made-up one is that of %d", who.ID)
}

// login is that of an App with its client id and a client secret.
type login struct{ id, file string }

// secretError says that the client secret could not be read.
type secretError struct{ err error }

func (e *secretError) Error() string {
	return "reading the client secret of the GitHub App: " + e.err.Error()
}

func (e *secretError) Unwrap() error { return e.err }

// Authorization implements client.Login. The file is read for each question, so that the secret can be exchanged under a running process.
func (l login) Authorization(context.Context) (client.Secret, error) {
	data, err := os.ReadFile(l.file)
	if err != nil {
		return "", &secretError{err}
	}
	secret := strings.TrimSpace(string(data))
	if secret == "" || strings.ContainsAny(secret, " \t\r\n") {
		return "", &secretError{errors.New(l.file + " does not hold one secret in one line")}
	}
	return client.Secret("Basic " + base64.StdEncoding.EncodeToString([]byte(l.id+":"+secret))), nil
}

// Rejected implements client.Login: there is another one when somebody has written it meanwhile.
func (l login) Rejected(s client.Secret) bool {
	now, err := l.Authorization(context.Background())
	return err == nil && now != s
}
