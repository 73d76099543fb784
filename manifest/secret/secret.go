// Package secret encrypts the secrets of projects for a platform, and opens them. What is encrypted is bound to where it belongs:
// a ciphertext that was copied elsewhere is refused there, so that who may write one project cannot have the secrets of another.
package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
)

// Prefix of every ciphertext.
const Prefix = "age:"

const (
	// format is what the sealed text begins with, in its first line.
	format = "plateform.dev/v1 secret"
	// header is what every age file begins with.
	header = "age-encryption.org/v1\n"
	// maxBytes is how long a text may be with its first line; no program is started with more in one variable.
	maxBytes = 160 << 10
)

// Binding is where a secret belongs: to a variable of a project, in a workspace as long as that is its owner's.
type Binding struct {
	Workspace string
	Owner     int64
	Project   string
	Name      string
}

// sealedBinding is a binding as it is sealed together with the text.
type sealedBinding struct {
	Format    string `json:"format"`
	Workspace string `json:"workspace"`
	Owner     int64  `json:"owner"`
	Project   string `json:"project"`
	Name      string `json:"name"`
}

func (b Binding) sealed() sealedBinding {
	return sealedBinding{format, b.Workspace, b.Owner, b.Project, b.Name}
}

// ErrDamaged says that a text is no ciphertext, or was changed since.
var ErrDamaged = errors.New("the secret is damaged (write what plateform secret encrypt prints)")

// ErrNoIdentity says that none of the identities at hand is one that the text was encrypted for.
var ErrNoIdentity = errors.New("the secret is encrypted for another key than those of keys.identityFile (encrypt the value again with plateform secret encrypt, or add the identity it was encrypted for)")

// MisplacedError is a ciphertext that was made for another place than where it is.
type MisplacedError struct {
	// What of its place is another: the workspace, its owner, the project, the name of the variable.
	What string
}

// Error says what is wrong and what to do.
func (e *MisplacedError) Error() string {
	return "the secret was encrypted for another " + e.What + " (encrypt the value for this one: plateform secret encrypt)"
}

// Seal encrypts a value for recipients, which are age public keys, and binds it to its place.
func Seal(v Value, to Binding, recipients []string) (string, error) {
	if len(recipients) == 0 {
		return "", errors.New("there is nobody to encrypt for (name an age public key in spec.secrets.recipients of platform.yaml)")
	}
	first, err := json.Marshal(to.sealed())
	if err != nil {
		return "", fmt.Errorf("binding the secret: %w", err)
	}
	text := string(first) + "\n" + v.Reveal()
	if len(text) > maxBytes {
		return "", fmt.Errorf("the secret has %d bytes, and no program is started with more than 128 KiB in one variable", len(v.Reveal()))
	}
	keys, err := age.ParseRecipients(strings.NewReader(strings.Join(recipients, "\n")))
	if err != nil {
		return "", errors.New("a recipient is not an age public key (mend spec.secrets.recipients in platform.yaml)")
	}
	var b bytes.Buffer
	w, err := age.Encrypt(&b, keys...)
	if err != nil {
		return "", fmt.Errorf("encrypting for the recipients of platform.yaml: %w", err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		return "", fmt.Errorf("encrypting: %w", err)
	}
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("encrypting: %w", err)
	}
	return Prefix + base64.StdEncoding.EncodeToString(b.Bytes()), nil
}

// Check says that a text has the form of a ciphertext. It needs no key, and never shows the text: it may be a password.
func Check(ciphertext string) error {
	_, err := decode(ciphertext)
	return err
}

// decode reads the one spelling of a ciphertext; the decoder alone would skip line breaks.
func decode(ciphertext string) ([]byte, error) {
	text, found := strings.CutPrefix(ciphertext, Prefix)
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	if !found || err != nil || strings.ContainsAny(text, "\r\n") || !bytes.HasPrefix(data, []byte(header)) {
		return nil, ErrDamaged
	}
	return data, nil
}

// Identities are secret keys that open what was encrypted for one of them; two while keys are changed. They print as ***.
type Identities struct{ all func() []age.Identity }

// String hides the keys.
func (Identities) String() string { return hidden }

// Format hides the keys from all verbs.
func (Identities) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// ParseIdentities reads a file of age identities, one in a line, as age-keygen and plateform init write it. Errors never quote it.
func ParseIdentities(data []byte) (Identities, error) {
	all, err := age.ParseIdentities(bytes.NewReader(data))
	if err != nil {
		return Identities{}, errors.New("it holds no age identities, one in a line, which begin with AGE-SECRET-KEY-1 (plateform init makes one, and so does age-keygen)")
	}
	return Identities{func() []age.Identity { return all }}, nil
}

// Generate makes an identity, as it is written to a file, and its public key.
func Generate() (file []byte, recipient string, err error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, "", fmt.Errorf("making an identity: %w", err)
	}
	recipient = identity.Recipient().String()
	return fmt.Appendf(nil, "# public key: %s\n%s\n", recipient, identity), recipient, nil
}

// Recipients are the public keys of the identities.
func (i Identities) Recipients() (recipients []string) {
	if i.all == nil {
		return nil
	}
	for _, one := range i.all() {
		switch identity := one.(type) {
		case *age.X25519Identity:
			recipients = append(recipients, identity.Recipient().String())
		case *age.HybridIdentity:
			recipients = append(recipients, identity.Recipient().String())
		}
	}
	return recipients
}

// Open decrypts what belongs to a place. Errors never show what was encrypted: ErrDamaged, ErrNoIdentity, a *MisplacedError.
func (i Identities) Open(ciphertext string, at Binding) (Value, error) {
	data, err := decode(ciphertext)
	if err != nil {
		return Value{}, err
	}
	if i.all == nil {
		return Value{}, ErrNoIdentity
	}
	r, err := age.Decrypt(bytes.NewReader(data), i.all()...)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return Value{}, ErrNoIdentity
	}
	if err != nil {
		return Value{}, ErrDamaged
	}
	text, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil || len(text) > maxBytes {
		return Value{}, ErrDamaged
	}
	first, rest, found := bytes.Cut(text, []byte("\n"))
	var place sealedBinding
	if !found || json.Unmarshal(first, &place) != nil || place.Format != format {
		return Value{}, ErrDamaged
	}
	if what := place.differs(at.sealed()); what != "" {
		return Value{}, &MisplacedError{What: what}
	}
	return New(string(rest)), nil
}

// differs says what of a place is another one; empty when nothing is.
func (b sealedBinding) differs(at sealedBinding) string {
	switch {
	case b.Workspace != at.Workspace:
		return "workspace"
	case b.Owner != at.Owner:
		return "owner of the workspace"
	case b.Project != at.Project:
		return "project"
	case b.Name != at.Name:
		return "name"
	}
	return ""
}
