package signing

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

// testKey is a signing key made of one byte, so that tests are the same each time.
func testKey(t testing.TB, seed byte) Key {
	t.Helper()
	key, err := Generate(bytes.NewReader(bytes.Repeat([]byte{seed}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestKeyFile(t *testing.T) {
	key := testKey(t, 5)
	file, err := key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseKey(append([]byte("made by hand\n"), file...))
	if err != nil || back.Public() != key.Public() {
		t.Fatalf("the key does not come back: %v", err)
	}
	public, err := ParsePublicKey(key.Public().String())
	if err != nil || public != key.Public() {
		t.Fatalf("the public key does not come back: %v", err)
	}
	// Made by `openssl genpkey -algorithm ed25519`.
	if data, err := os.ReadFile("testdata/openssl.pem"); err != nil {
		t.Fatal(err)
	} else if _, err := ParseKey(data); err != nil {
		t.Error(err)
	}
}

func TestBadKeys(t *testing.T) {
	foreign, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(foreign)
	if err != nil {
		t.Fatal(err)
	}
	good, err := testKey(t, 5).PEM()
	if err != nil {
		t.Fatal(err)
	}
	const secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ="
	for name, data := range map[string][]byte{
		"empty":       nil,
		"no PEM":      []byte(secret),
		"a public":    []byte("-----BEGIN PUBLIC KEY-----\n" + secret + "\n-----END PUBLIC KEY-----\n"),
		"garbage":     []byte("-----BEGIN PRIVATE KEY-----\n" + secret + "\n-----END PRIVATE KEY-----\n"),
		"another":     pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		"two of them": append(bytes.Clone(good), good...),
	} {
		_, err := ParseKey(data)
		if err == nil {
			t.Errorf("%s is accepted", name)
		} else if strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "openssl genpkey") {
			t.Errorf("%s: the message shows the key or no way out: %v", name, err)
		}
	}
	if _, err := Generate(io.LimitReader(rand.Reader, 31)); err == nil {
		t.Error("a key of 31 random bytes is made")
	}
	for _, text := range []string{"", "ed25519:", "ed25519:AAAA", testKey(t, 5).Public().String() + "\n", strings.TrimPrefix(testKey(t, 5).Public().String(), "ed25519:")} {
		if _, err := ParsePublicKey(text); err == nil {
			t.Errorf("%q is a public key", text)
		}
	}
}

func TestKeyIsNeverShown(t *testing.T) {
	key := testKey(t, 'k')
	holder := struct {
		Key    Key
		hidden Key
	}{key, key}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{key, &key, holder} {
			text := fmt.Sprintf(format, v)
			if strings.Contains(text, "kkkk") || strings.Contains(text, "6b6b") || strings.Contains(text, "107 107") || strings.Contains(text, "0x6b") {
				t.Errorf("%s of %T shows the key: %s", format, v, text)
			}
		}
	}
}
