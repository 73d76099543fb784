package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest/signing"
)

const (
	checksumPrefix  = "sha256:"
	signatureIndent = "  signature: "
)

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
	public    signing.PublicKey
	checksum  [sha256.Size]byte
	signature [signing.Size]byte
}

// EncodeRelease writes a release file. Its last line is the signature, by the key, or a checksum against edits when
// key is nil; r.Spec.Signature is set to it. The signature covers the workspace, its owner's id, the project, the
// version and every byte before the line.
func EncodeRelease(r *Release, k Key, owner int64, key *signing.Key) ([]byte, error) {
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
		copy(s.signature[:], key.Sign(payload))
		r.Spec.Signature = s.String()
	}
	return fmt.Appendf(content, "%s%s\n", signatureIndent, r.Spec.Signature), nil
}

// VerifyRelease checks that a release file is what Plateform wrote for this project. data is the file, r what it says.
// A file that carries only a checksum is honoured while keys is empty. The error is a *SignatureError.
//
// The version is the one in the file: that the file's name agrees is for the parser to say.
func VerifyRelease(data []byte, r *Release, k Key, owner int64, keys []signing.PublicKey) error {
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
func verifyContent(content []byte, line string, to binding, keys []signing.PublicKey) error {
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
	case !s.public.Verify(payload, s.signature[:]):
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
	return signing.Encode(s.public[:], s.checksum[:], s.signature[:])
}

func parseSeal(line string) (seal, error) {
	var s seal
	b, ok := signing.Decode(line)
	if !ok || len(b) != len(s.public)+len(s.checksum)+len(s.signature) {
		return s, errors.New("its signature is damaged")
	}
	b = b[copy(s.public[:], b):]
	b = b[copy(s.checksum[:], b):]
	copy(s.signature[:], b)
	return s, nil
}
