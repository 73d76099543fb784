package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"strings"
)

// Secret is what a sender signs its deliveries with.
type Secret string

// String hides it.
func (Secret) String() string { return "***" }

// GoString hides it.
func (Secret) GoString() string { return "***" }

// LogValue hides it.
func (Secret) LogValue() slog.Value { return slog.StringValue("***") }

// maxSecrets are a secret and the one before, while a sender changes over.
const maxSecrets = 2

// checkSecrets says what is wrong with secrets. An empty one would let everybody in.
func checkSecrets(secrets []Secret) error {
	switch {
	case len(secrets) == 0:
		return errors.New("there is no secret (make one with openssl rand -hex 32, and give it to the sender, too)")
	case len(secrets) > maxSecrets:
		return errors.New("there are more than two secrets (keep the newest and the one before)")
	}
	for _, s := range secrets {
		if strings.TrimSpace(string(s)) == "" {
			return errors.New("a secret is empty, which would let everybody in (make one with openssl rand -hex 32, and give it to the sender, too)")
		}
	}
	return nil
}

// signatureHeader holds an HMAC of the body. The one with SHA-1, in X-Hub-Signature, is not looked at.
const signatureHeader = "X-Hub-Signature-256"

// signatureOf reads the signature of a request in a header; false when there is none, or none of its form.
func signatureOf(r *http.Request, header string) ([]byte, bool) {
	all := r.Header.Values(header)
	if len(all) != 1 {
		return nil, false
	}
	text, found := strings.CutPrefix(all[0], "sha256=")
	if !found || len(text) != hex.EncodedLen(sha256.Size) {
		return nil, false
	}
	signature, err := hex.DecodeString(text)
	return signature, err == nil
}

// signed says that a body was signed with one of the secrets. How long it takes says nothing about which, nor how much of
// a signature is right.
func signed(body, signature []byte, secrets []Secret) bool {
	good := false
	for _, s := range secrets {
		mac := hmac.New(sha256.New, []byte(s))
		mac.Write(body)
		if hmac.Equal(mac.Sum(nil), signature) {
			good = true
		}
	}
	return good
}
