package secret_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/plateform/plateform/manifest/secret"
)

// place is where the secrets of these tests belong.
var place = secret.Binding{Workspace: "ws-1", Owner: 7, Project: "shop", Name: "KEY"}

// newKey makes an identity, and says for whom it opens.
func newKey(t testing.TB) (secret.Identities, string) {
	t.Helper()
	file, recipient, err := secret.Generate()
	if err != nil {
		t.Fatal(err)
	}
	identities, err := secret.ParseIdentities(file)
	if err != nil {
		t.Fatal(err)
	}
	return identities, recipient
}

func seal(t testing.TB, text string, recipients ...string) string {
	t.Helper()
	sealed, err := secret.Seal(secret.New(text), place, recipients)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestWhatIsSealedIsOpenedInItsPlace(t *testing.T) {
	identities, recipient := newKey(t)
	for _, text := range []string{"hunter2", "", "\n", "a\nb\n", "{\"a\":1}", strings.Repeat("x", 128<<10-1), "\xff\xfe"} {
		sealed := seal(t, text, recipient)
		if err := secret.Check(sealed); err != nil {
			t.Errorf("what was sealed has not its form: %v", err)
		}
		value, err := identities.Open(sealed, place)
		if err != nil || value.Reveal() != text {
			t.Errorf("%.20q comes back as %.20q, %v", text, value.Reveal(), err)
		}
	}
	if one, two := seal(t, "hunter2", recipient), seal(t, "hunter2", recipient); one == two {
		t.Error("the same value is the same ciphertext each time: who sees two knows that they are equal")
	}
}

func TestACiphertextThatWasCopiedElsewhereIsRefused(t *testing.T) {
	identities, recipient := newKey(t)
	sealed := seal(t, "hunter2", recipient)
	for _, tt := range []struct {
		at   secret.Binding
		what string
	}{
		{secret.Binding{Workspace: "ws-2", Owner: 7, Project: "shop", Name: "KEY"}, "another workspace"},
		{secret.Binding{Workspace: "ws-1", Owner: 8, Project: "shop", Name: "KEY"}, "another owner of the workspace"},
		{secret.Binding{Workspace: "ws-1", Owner: 7, Project: "blog", Name: "KEY"}, "another project"},
		{secret.Binding{Workspace: "ws-1", Owner: 7, Project: "shop", Name: "OTHER"}, "another name"},
		{secret.Binding{}, "another workspace"},
	} {
		value, err := identities.Open(sealed, tt.at)
		var misplaced *secret.MisplacedError
		if !errors.As(err, &misplaced) || !strings.Contains(err.Error(), tt.what) || value.Reveal() != "" {
			t.Errorf("at %+v it is %q, %v, want %q", tt.at, value.Reveal(), err, tt.what)
		}
	}
}

// A binding cannot be made to look like another one by what is in its parts.
func TestABindingIsNoOtherBinding(t *testing.T) {
	identities, recipient := newKey(t)
	for _, tricky := range []secret.Binding{
		{Workspace: `ws-1","owner":7,"project":"shop`, Owner: 7, Project: "shop", Name: "KEY"},
		{Workspace: "ws-1", Owner: 7, Project: "shop", Name: "KEY\"}\n"},
	} {
		sealed, err := secret.Seal(secret.New("hunter2"), tricky, []string{recipient})
		if err != nil {
			t.Fatal(err)
		}
		if value, err := identities.Open(sealed, place); err == nil {
			t.Errorf("%+v passes for the place: %q", tricky, value.Reveal())
		}
	}
}

func TestKeysAreChangedWithTwo(t *testing.T) {
	old, oldRecipient := newKey(t)
	next, nextRecipient := newKey(t)
	before, during, after := seal(t, "hunter2", oldRecipient), seal(t, "hunter2", oldRecipient, nextRecipient), seal(t, "hunter2", nextRecipient)
	for _, tt := range []struct {
		name       string
		identities secret.Identities
		sealed     string
		opens      bool
	}{
		{"old, before", old, before, true}, {"old, during", old, during, true}, {"old, after", old, after, false},
		{"new, before", next, before, false}, {"new, during", next, during, true}, {"new, after", next, after, true},
	} {
		value, err := tt.identities.Open(tt.sealed, place)
		if opened := err == nil && value.Reveal() == "hunter2"; opened != tt.opens || !opened && !errors.Is(err, secret.ErrNoIdentity) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	one, _, _ := secret.Generate()
	two, recipient, _ := secret.Generate()
	both, err := secret.ParseIdentities(append(one, two...))
	if err != nil || len(both.Recipients()) != 2 {
		t.Fatalf("a file with two: %v, %v", both.Recipients(), err)
	}
	if _, err := both.Open(seal(t, "hunter2", recipient), place); err != nil {
		t.Errorf("the second of two does not open: %v", err)
	}
	if _, err := (secret.Identities{}).Open(before, place); !errors.Is(err, secret.ErrNoIdentity) {
		t.Errorf("without any identity: %v", err)
	}
}

func TestWhatIsDamagedIsRefused(t *testing.T) {
	identities, recipient := newKey(t)
	sealed := seal(t, "hunter2", recipient)
	data, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(sealed, secret.Prefix))
	if err != nil {
		t.Fatal(err)
	}
	flipped := []byte(string(data))
	flipped[len(flipped)-1] ^= 1
	for name, text := range map[string]string{
		"empty": "", "plain": "hunter2", "no prefix": strings.TrimPrefix(sealed, secret.Prefix), "cut": sealed[:len(sealed)-8],
		"one bit": secret.Prefix + base64.StdEncoding.EncodeToString(flipped), "line breaks": sealed[:20] + "\n" + sealed[20:],
		"not age": secret.Prefix + "aGVsbG8=", "without its end": secret.Prefix + base64.StdEncoding.EncodeToString(data[:len(data)-3]),
	} {
		if value, err := identities.Open(text, place); !errors.Is(err, secret.ErrDamaged) || value.Reveal() != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNobodyToEncryptFor(t *testing.T) {
	for name, recipients := range map[string][]string{"none": nil, "no key": {"age1x"}, "a secret key": {"AGE-SECRET-KEY-1QQQ"}} {
		if sealed, err := secret.Seal(secret.New("hunter2"), place, recipients); err == nil || sealed != "" || strings.Contains(err.Error(), "SECRET-KEY") {
			t.Errorf("%s: %q, %v", name, sealed, err)
		}
	}
	_, recipient := newKey(t)
	if _, err := secret.Seal(secret.New(strings.Repeat("x", 200<<10)), place, []string{recipient}); err == nil {
		t.Error("a value that no program can be started with is sealed")
	}
}

// Neither values nor keys show, whatever prints them.
func TestNothingShows(t *testing.T) {
	value := secret.New("hunter2")
	file, _, err := secret.Generate()
	if err != nil {
		t.Fatal(err)
	}
	identities, err := secret.ParseIdentities(file)
	if err != nil {
		t.Fatal(err)
	}
	var key string
	for line := range strings.Lines(string(file)) {
		if strings.HasPrefix(line, "AGE-SECRET-KEY-") {
			key = strings.TrimSpace(line)
		}
	}
	type hidden struct {
		value      secret.Value
		identities secret.Identities
		Value      secret.Value
	}
	h := hidden{value, identities, value}
	var printed strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&printed, verb+verb+verb+verb, value, identities, h, &h)
	}
	slog.New(slog.NewJSONHandler(&printed, nil)).Info("it", "value", value, "all", h)
	slog.New(slog.NewTextHandler(&printed, nil)).Info("it", "value", value, "all", h)
	asJSON, err := json.Marshal(map[string]any{"value": value, "all": h})
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(map[string]any{"value": value})
	if err != nil {
		t.Fatal(err)
	}
	all := printed.String() + string(asJSON) + string(asYAML)
	for _, text := range []string{"hunter2", fmt.Sprintf("%x", "hunter2"), key} {
		if strings.Contains(strings.ToLower(all), strings.ToLower(text)) {
			t.Errorf("%q shows in %s", text, all)
		}
	}
	if !strings.Contains(all, "***") {
		t.Errorf("nothing says that something is hidden: %s", all)
	}
}

func TestAFileWithoutIdentitiesIsNotQuoted(t *testing.T) {
	for _, text := range []string{"", "hunter2", "AGE-SECRET-KEY-1HUNTER2", "# only a comment\n"} {
		if _, err := secret.ParseIdentities([]byte(text)); err == nil || strings.Contains(strings.ToLower(err.Error()), "hunter2") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Whatever is given for a ciphertext, it is opened only when it is one that was made for its place.
func FuzzOpen(f *testing.F) {
	key, err := os.ReadFile("testdata/age.key")
	if err != nil {
		f.Fatal(err)
	}
	identities, err := secret.ParseIdentities(key)
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := os.ReadFile("testdata/sealed.txt") // hunter2, for the place
	if err != nil {
		f.Fatal(err)
	}
	good := strings.TrimSpace(string(sealed))
	if value, err := identities.Open(good, place); err != nil || value.Reveal() != "hunter2" {
		f.Fatalf("what was sealed before is %v now", err)
	}
	f.Add("age:", "KEY")
	f.Add(good, "KEY")
	f.Fuzz(func(t *testing.T, ciphertext, name string) {
		at := place
		at.Name = name
		value, err := identities.Open(ciphertext, at)
		if err != nil && value.Reveal() != "" {
			t.Errorf("it is refused, and there is %q", value.Reveal())
		}
		if err == nil && (name != place.Name || value.Reveal() != "hunter2") {
			t.Errorf("%q is opened at %q as %q", ciphertext, name, value.Reveal())
		}
		if formed := secret.Check(ciphertext); err == nil && formed != nil {
			t.Errorf("what opens has not the form of a ciphertext: %v", formed)
		}
	})
}
