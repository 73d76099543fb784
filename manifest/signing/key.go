// Package signing has the keys that Plateform signs with, and what they sign of a commit. What is signed of a release file is said by
// package manifest.
package signing

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

const (
	prefix        = "ed25519:"
	pemPrivateKey = "PRIVATE KEY"
)

// Size is the length of a signature in bytes.
const Size = ed25519.SignatureSize

// Key signs what Plateform writes: release files and commits. It prints as ***. The key is in a function, so that it does not show either where fmt
// cannot ask how to print it, in a field that is not exported.
type Key struct{ key func() ed25519.PrivateKey }

func newKey(key ed25519.PrivateKey) Key {
	return Key{func() ed25519.PrivateKey { return key }}
}

// PublicKey checks what a Key signed. It is comparable.
type PublicKey [ed25519.PublicKeySize]byte

// Generate makes a new key out of 32 bytes of rand.
func Generate(rand io.Reader) (Key, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(rand, seed); err != nil {
		return Key{}, fmt.Errorf("making a signing key: %w", err)
	}
	return newKey(ed25519.NewKeyFromSeed(seed)), nil
}

// ParseKey reads an Ed25519 private key as PEM (PKCS#8), the format of `openssl genpkey -algorithm ed25519`.
// Errors never quote the content.
func ParseKey(data []byte) (Key, error) {
	const fix = "write one with `openssl genpkey -algorithm ed25519` or `plateform init`"
	block, rest := pem.Decode(data)
	if block == nil || block.Type != pemPrivateKey || len(bytes.TrimSpace(rest)) > 0 {
		return Key{}, errors.New("a signing key is one PEM block \"" + pemPrivateKey + "\" (" + fix + ")")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return Key{}, errors.New("the signing key is no PKCS#8 private key (" + fix + ")")
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return Key{}, errors.New("the signing key is not an Ed25519 key (" + fix + ")")
	}
	return newKey(key), nil
}

// PEM writes the key the way ParseKey reads it.
func (k Key) PEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.key())
	if err != nil {
		return nil, fmt.Errorf("writing the signing key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemPrivateKey, Bytes: der}), nil
}

// String hides the key.
func (Key) String() string { return "***" }

// Format hides the key from all verbs.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// Sign is the signature of a payload.
func (k Key) Sign(payload []byte) []byte { return ed25519.Sign(k.key(), payload) }

// Public returns the key that checks what k signs.
func (k Key) Public() PublicKey { return PublicKey(k.key().Public().(ed25519.PublicKey)) }

// Verify says that a signature of a payload is by the key that belongs to k.
func (k PublicKey) Verify(payload, signature []byte) bool {
	return ed25519.Verify(k[:], payload, signature)
}

// ParsePublicKey reads ed25519:<base64>.
func ParsePublicKey(s string) (PublicKey, error) {
	b, ok := Decode(s)
	if !ok || len(b) != ed25519.PublicKeySize {
		return PublicKey{}, fmt.Errorf("%q is not a public key (write ed25519: and 32 bytes as base64)", s)
	}
	return PublicKey(b), nil
}

// String writes ed25519:<base64>, as in platform.yaml.
func (k PublicKey) String() string { return Encode(k[:]) }

// Encode writes ed25519:<base64> of all parts, one after the other.
func Encode(parts ...[]byte) string {
	return prefix + base64.StdEncoding.EncodeToString(slices.Concat(parts...))
}

// Decode reads ed25519:<base64> in its one spelling; the decoder alone would skip line breaks.
func Decode(s string) ([]byte, bool) {
	text, found := strings.CutPrefix(s, prefix)
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	return b, found && err == nil && !strings.ContainsAny(text, "\r\n")
}
