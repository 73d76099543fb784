package manifest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

const (
	signedPrefix    = "ed25519:"
	checksumPrefix  = "sha256:"
	signatureIndent = "  signature: "
	pemPrivateKey   = "PRIVATE KEY"
)

// SigningKey signs release files. It prints as ***. The key is in a function, so that it does not show either where fmt
// cannot ask how to print it, in a field that is not exported.
type SigningKey struct{ key func() ed25519.PrivateKey }

func newSigningKey(key ed25519.PrivateKey) SigningKey {
	return SigningKey{func() ed25519.PrivateKey { return key }}
}

// PublicKey checks what a SigningKey signed. It is comparable.
type PublicKey [ed25519.PublicKeySize]byte

// GenerateSigningKey makes a new key out of 32 bytes of rand.
func GenerateSigningKey(rand io.Reader) (SigningKey, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(rand, seed); err != nil {
		return SigningKey{}, fmt.Errorf("making a signing key: %w", err)
	}
	return newSigningKey(ed25519.NewKeyFromSeed(seed)), nil
}

// ParseSigningKey reads an Ed25519 private key as PEM (PKCS#8), the format of `openssl genpkey -algorithm ed25519`.
// Errors never quote the content.
func ParseSigningKey(data []byte) (SigningKey, error) {
	const fix = "write one with `openssl genpkey -algorithm ed25519` or `plateform init`"
	block, rest := pem.Decode(data)
	if block == nil || block.Type != pemPrivateKey || len(bytes.TrimSpace(rest)) > 0 {
		return SigningKey{}, errors.New("a signing key is one PEM block \"" + pemPrivateKey + "\" (" + fix + ")")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return SigningKey{}, errors.New("the signing key is no PKCS#8 private key (" + fix + ")")
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return SigningKey{}, errors.New("the signing key is not an Ed25519 key (" + fix + ")")
	}
	return newSigningKey(key), nil
}

// PEM writes the key the way ParseSigningKey reads it.
func (k SigningKey) PEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.key())
	if err != nil {
		return nil, fmt.Errorf("writing the signing key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemPrivateKey, Bytes: der}), nil
}

// String hides the key.
func (SigningKey) String() string { return "***" }

// Format hides the key from all verbs.
func (k SigningKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// Public returns the key that checks what k signs.
func (k SigningKey) Public() PublicKey { return PublicKey(k.key().Public().(ed25519.PublicKey)) }

// ParsePublicKey reads ed25519:<base64>.
func ParsePublicKey(s string) (PublicKey, error) {
	b, ok := decodeSigned(s)
	if !ok || len(b) != ed25519.PublicKeySize {
		return PublicKey{}, fmt.Errorf("%q is not a public key (write ed25519: and 32 bytes as base64)", s)
	}
	return PublicKey(b), nil
}

// String writes ed25519:<base64>, as in platform.yaml.
func (k PublicKey) String() string { return signedPrefix + base64.StdEncoding.EncodeToString(k[:]) }

// SignatureFault says what is wrong with the signature of a release file.
type SignatureFault string

// The faults.
const (
	// FaultUnsigned: platform.yaml names keys, and the file is not signed.
	FaultUnsigned SignatureFault = "unsigned"
	// FaultUnknownKey: the file is signed by a key that platform.yaml does not name.
	FaultUnknownKey SignatureFault = "unknown key"
	// FaultEdited: the file is not what was signed.
	FaultEdited SignatureFault = "edited"
	// FaultMisplaced: the file was signed for another workspace, owner, project or version.
	FaultMisplaced SignatureFault = "misplaced"
)

// SignatureError is a release file that must not be honoured.
type SignatureError struct {
	Fault   SignatureFault
	Key     Key
	Version string
	// Detail says what was found.
	Detail string
}

// Error says what is wrong and what to do.
func (e *SignatureError) Error() string {
	fix := "release files are written by Plateform only: bring back the file as it was, or delete it"
	switch e.Fault {
	case FaultUnsigned:
		fix = "delete the file, or bring back the one that Plateform signed"
	case FaultUnknownKey:
		fix = "add the key to spec.releases.publicKeys of platform.yaml if it is one of yours, else delete the file"
	}
	return fmt.Sprintf("release %s of %s is not honoured: %s (%s)", e.Version, e.Key, e.Detail, fix)
}

// seal is what a signature line has after "ed25519:". Only the signature is trusted; the checksum is there to distinguish an
// edited file from one in the wrong place.
type seal struct {
	public    PublicKey
	checksum  [sha256.Size]byte
	signature [ed25519.SignatureSize]byte
}

// EncodeRelease writes a release file. Its last line is the signature, by the key, or a checksum against edits when
// key is nil; r.Spec.Signature is set to it. The signature covers the workspace, its owner's id, the project, the
// version and every byte before the line.
func EncodeRelease(r *Release, k Key, owner int64, key *SigningKey) ([]byte, error) {
	r.Spec.Signature = ""
	file, err := Encode(r)
	if err != nil {
		return nil, fmt.Errorf("writing release %s of %s: %w", r.Metadata.Name, k, err)
	}
	content, found := bytes.CutSuffix(file, []byte(signatureIndent+"\"\"\n"))
	if !found {
		return nil, fmt.Errorf("writing release %s of %s: the signature is not the last line", r.Metadata.Name, k)
	}
	payload := binding{k, owner, r.Metadata.Name}.payload(content)
	if key == nil {
		sum := sha256.Sum256(payload)
		r.Spec.Signature = checksumPrefix + hex.EncodeToString(sum[:])
	} else {
		s := seal{public: key.Public(), checksum: sha256.Sum256(content)}
		copy(s.signature[:], ed25519.Sign(key.key(), payload))
		r.Spec.Signature = s.String()
	}
	return fmt.Appendf(content, "%s%s\n", signatureIndent, r.Spec.Signature), nil
}

// VerifyRelease checks that a release file is what Plateform wrote for this project. data is the file, r what it says.
// A file that carries only a checksum is honoured while keys is empty. The error is a *SignatureError.
//
// The version is the one in the file: that the file's name agrees is for the parser to say.
func VerifyRelease(data []byte, r *Release, k Key, owner int64, keys []PublicKey) error {
	content, line, found := cutSignature(data)
	fault := func(f SignatureFault, detail string) error {
		return &SignatureError{Fault: f, Key: k, Version: r.Metadata.Name, Detail: detail}
	}
	switch {
	case !found && len(keys) > 0:
		return fault(FaultUnsigned, "it has no signature")
	case !found:
		return fault(FaultEdited, "its last line is not its signature")
	case line != r.Spec.Signature:
		return fault(FaultEdited, "its signature is not where it belongs")
	}
	return verifyContent(content, line, binding{k, owner, r.Metadata.Name}, keys)
}

// verifyContent checks the signature line of a release file against all that is before it.
func verifyContent(content []byte, line string, to binding, keys []PublicKey) error {
	fault := func(f SignatureFault, detail string) error {
		return &SignatureError{Fault: f, Key: to.key, Version: to.version, Detail: detail}
	}
	payload := to.payload(content)
	if strings.HasPrefix(line, checksumPrefix) {
		sum := sha256.Sum256(payload)
		switch {
		case len(keys) > 0:
			return fault(FaultUnsigned, "it has a checksum only, and platform.yaml names keys that sign releases")
		case line != checksumPrefix+hex.EncodeToString(sum[:]):
			return fault(FaultEdited, "it was edited, or written for another project")
		}
		return nil
	}
	s, err := parseSeal(line)
	switch {
	case err != nil:
		return fault(FaultEdited, err.Error())
	case len(keys) > 0 && !slices.Contains(keys, s.public):
		return fault(FaultUnknownKey, "it is signed by "+s.public.String()+", which platform.yaml does not name")
	case s.checksum != sha256.Sum256(content):
		return fault(FaultEdited, "it was edited after it was signed")
	case !ed25519.Verify(s.public[:], payload, s.signature[:]):
		return fault(FaultMisplaced, "it was signed for another workspace, owner, project or version")
	}
	return nil
}

// binding is what the signature of a release file binds its content to.
type binding struct {
	key     Key
	owner   int64
	version string
}

// binding is what the signature of the expected release has to bind it to.
func (e Expected) binding() binding { return binding{e.Key, e.Owner, e.Version.String()} }

// payload is what is signed: the content of a release file, and what it is a release of.
func (b binding) payload(content []byte) []byte {
	header, err := json.Marshal(struct {
		Format    string `json:"format"`
		Workspace string `json:"workspace"`
		Owner     int64  `json:"owner"`
		Project   string `json:"project"`
		Version   string `json:"version"`
	}{APIVersion + " release", b.key.Workspace, b.owner, b.key.Project, b.version})
	if err != nil {
		panic(err) // strings and a number always are JSON
	}
	return append(append(header, '\n'), content...)
}

// cutSignature splits a file into what is signed and the signature in its last line.
func cutSignature(data []byte) (content []byte, signature string, found bool) {
	body, found := bytes.CutSuffix(data, []byte("\n"))
	if !found {
		return nil, "", false
	}
	start := bytes.LastIndexByte(body, '\n') + 1
	text, found := bytes.CutPrefix(body[start:], []byte(signatureIndent))
	return data[:start], string(text), found
}

// String writes ed25519:<base64>.
func (s seal) String() string {
	return signedPrefix + base64.StdEncoding.EncodeToString(slices.Concat(s.public[:], s.checksum[:], s.signature[:]))
}

func parseSeal(line string) (seal, error) {
	var s seal
	b, ok := decodeSigned(line)
	if !ok || len(b) != len(s.public)+len(s.checksum)+len(s.signature) {
		return s, errors.New("its signature is damaged")
	}
	b = b[copy(s.public[:], b):]
	b = b[copy(s.checksum[:], b):]
	copy(s.signature[:], b)
	return s, nil
}

// decodeSigned reads ed25519:<base64> in its one spelling; the decoder alone would skip line breaks.
func decodeSigned(s string) ([]byte, bool) {
	text, found := strings.CutPrefix(s, signedPrefix)
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	return b, found && err == nil && !strings.ContainsAny(text, "\r\n")
}
