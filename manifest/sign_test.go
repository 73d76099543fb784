package manifest

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/manifest/signing"

	"gopkg.in/yaml.v3"
)

// testKey is a signing key made of one byte, so that tests are the same each time.
func testKey(t testing.TB, seed byte) signing.Key {
	t.Helper()
	key, err := signing.Generate(bytes.NewReader(bytes.Repeat([]byte{seed}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sampleRelease(t testing.TB) *Release {
	t.Helper()
	k := Key{"ws-1", "shop"}
	spec := shop()
	in := ValuesInput{Key: k, Release: Version{1, 0, 3}, Project: spec, Platform: UsedInputs(Surroundings{Platform: acme(), Workspace: tenant()}, k, spec, monolithicChart)}
	in.Images = []Image{{Name: AppImage, Repository: "harbor.example.com/ws-1/shop", Tag: "v1.0.3", Digest: "sha256:" + strings.Repeat("ab", 32), Built: true}}
	values, err := BuildValues(in)
	if err != nil {
		t.Fatal(err)
	}
	r := &Release{Header: NewHeader(KindRelease, "v1.0.3")}
	r.Spec = ReleaseSpec{
		Parts:     Parts{PartSource: "sha256:00", PartProject: ProjectKey(spec), PartPlatform: PlatformKey(in.Platform)},
		Images:    in.Images,
		Chart:     monolithicChart,
		Values:    values,
		Project:   spec,
		Platform:  in.Platform,
		Cause:     Cause{Kind: CauseSource, Commit: "9fceb02", Config: "4b825dc", By: "alice"},
		Plan:      PlanHash(k, spec, in.Platform),
		CreatedAt: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
	}
	return r
}

// parsed reads a release file the way the reconciler does.
func parsed(t testing.TB, data []byte) *Release {
	t.Helper()
	r, problems := ParseRelease("workspaces/ws-1/projects/shop/releases/v1.0.3.yaml", data)
	if len(problems) > 0 {
		t.Fatalf("%v\n%s", problems, data)
	}
	return r
}

// faultOf is what VerifyRelease finds; empty when it honours the file.
func faultOf(t testing.TB, err error) SignatureFault {
	t.Helper()
	if err == nil {
		return ""
	}
	var e *SignatureError
	if !errors.As(err, &e) {
		t.Fatalf("not a SignatureError: %v", err)
	}
	return e.Fault
}

func TestReleaseFileGolden(t *testing.T) {
	key := testKey(t, 7)
	for name, signer := range map[string]*signing.Key{"release-signed.yaml": &key, "release-unsigned.yaml": nil} {
		r := sampleRelease(t)
		data, err := EncodeRelease(r, Key{"ws-1", "shop"}, 7, signer)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name, string(data))
		if !strings.HasSuffix(string(data), "\n  signature: "+r.Spec.Signature+"\n") {
			t.Errorf("%s: the signature is not the last line", name)
		}
		back := parsed(t, data)
		if back.Spec.Values != r.Spec.Values {
			t.Errorf("%s: the values do not come back word for word", name)
		}
		again, err := EncodeRelease(back, Key{"ws-1", "shop"}, 7, signer)
		if err != nil || !bytes.Equal(data, again) {
			t.Errorf("%s: read and written again it is another file (%v)", name, err)
		}
	}
}

func TestVerifyRelease(t *testing.T) {
	ours, old, other := testKey(t, 1), testKey(t, 2), testKey(t, 3)
	shop := Key{"ws-1", "shop"}
	keys := []signing.PublicKey{ours.Public(), old.Public()}
	encode := func(key *signing.Key) []byte {
		data, err := EncodeRelease(sampleRelease(t), shop, 7, key)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	signed, unsigned := encode(&ours), encode(nil)
	replace := func(data []byte, old, new string) []byte {
		edited := strings.Replace(string(data), old, new, 1)
		if edited == string(data) {
			t.Fatalf("nothing to replace: %s", old)
		}
		return []byte(edited)
	}
	version := func(data []byte, v string) []byte { return replace(data, "name: v1.0.3", "name: "+v) }
	tests := []struct {
		name  string
		data  []byte
		key   Key
		owner int64
		keys  []signing.PublicKey
		want  SignatureFault
	}{
		{"signed", signed, shop, 7, keys, ""},
		{"signed by the older key", encode(&old), shop, 7, keys, ""},
		{"unsigned, no keys named", unsigned, shop, 7, nil, ""},
		{"signed, no keys named", signed, shop, 7, nil, ""},
		{"unsigned, keys named", unsigned, shop, 7, keys, FaultUnsigned},
		{"another key", encode(&other), shop, 7, keys, FaultUnknownKey},
		{"a key that was taken out", encode(&old), shop, 7, keys[:1], FaultUnknownKey},
		{"edited", replace(signed, "replicas: 2", "replicas: 9"), shop, 7, keys, FaultEdited},
		{"edited, no keys named", replace(signed, "replicas: 2", "replicas: 9"), shop, 7, nil, FaultEdited},
		{"unsigned, edited", replace(unsigned, "replicas: 2", "replicas: 9"), shop, 7, nil, FaultEdited},
		{"a comment added", append([]byte("# hello\n"), signed...), shop, 7, keys, FaultEdited},
		{"with Windows line ends", bytes.ReplaceAll(signed, []byte("\n"), []byte("\r\n")), shop, 7, keys, FaultEdited},
		{"another project", signed, Key{"ws-1", "shop2"}, 7, keys, FaultMisplaced},
		{"another workspace", signed, Key{"ws-2", "shop"}, 7, keys, FaultMisplaced},
		{"another workspace, no keys named", signed, Key{"ws-2", "shop"}, 7, nil, FaultMisplaced},
		{"another owner of the same name", signed, shop, 8, keys, FaultMisplaced},
		{"unsigned, another project", unsigned, Key{"ws-1", "shop2"}, 7, nil, FaultEdited},
		{"unsigned, another owner", unsigned, shop, 8, nil, FaultEdited},
		{"the name moved over the slash", signed, Key{"ws-1/shop", ""}, 7, keys, FaultMisplaced},
		{"another version", version(signed, "v9.9.9"), shop, 7, keys, FaultEdited},
		{"unsigned, another version", version(unsigned, "v9.9.9"), shop, 7, nil, FaultEdited},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var r Release
			if err := yaml.Unmarshal(test.data, &r); err != nil {
				t.Fatal(err)
			}
			err := VerifyRelease(test.data, &r, test.key, test.owner, test.keys)
			if got := faultOf(t, err); got != test.want {
				t.Errorf("fault %q (%v), want %q", got, err, test.want)
			}
			if err != nil && !(strings.Contains(err.Error(), test.key.String()) && strings.Contains(err.Error(), "delete")) {
				t.Errorf("the message does not say which release or what to do: %v", err)
			}
		})
	}
}

func TestForgedLines(t *testing.T) {
	key := testKey(t, 1)
	shop, keys := Key{"ws-1", "shop"}, []signing.PublicKey{key.Public()}
	r := sampleRelease(t)
	signed, err := EncodeRelease(r, shop, 7, &key)
	if err != nil {
		t.Fatal(err)
	}
	line := "  signature: " + r.Spec.Signature + "\n"
	body := strings.TrimSuffix(string(signed), line)
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Spec.Signature, "ed25519:"))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		"empty":                        "",
		"the signature stripped":       body,
		"an empty signature":           body + "  signature: \"\"\n",
		"no line end":                  strings.TrimSuffix(string(signed), "\n"),
		"a comment after it":           string(signed) + "# later\n",
		"an empty line after it":       string(signed) + "\n",
		"a comment on it":              body + strings.TrimSuffix(line, "\n") + " # x\n",
		"a key after it":               string(signed) + "  paused: true\n",
		"a second signature":           string(signed) + line,
		"quoted":                       body + "  signature: \"" + r.Spec.Signature + "\"\n",
		"spaces at its end":            body + strings.TrimSuffix(line, "\n") + " \n",
		"another indent":               body + "   signature: " + r.Spec.Signature + "\n",
		"another algorithm":            body + "  signature: rsa:" + strings.TrimPrefix(r.Spec.Signature, "ed25519:") + "\n",
		"URL-safe base64":              body + "  signature: ed25519:" + base64.URLEncoding.EncodeToString(raw) + "=\n",
		"cut short":                    body + "  signature: ed25519:" + base64.StdEncoding.EncodeToString(raw[:100]) + "\n",
		"another key's name before it": body + "  signature: ed25519:" + base64.StdEncoding.EncodeToString(append(testPublic(t, 9), raw[32:]...)) + "\n",
	} {
		r := &Release{Header: NewHeader(KindRelease, "v1.0.3")}
		r.Spec.Signature = lastSignature(data)
		if err := VerifyRelease([]byte(data), r, shop, 7, keys); err == nil {
			t.Errorf("%s: honoured", name)
		}
	}
}

func testPublic(t *testing.T, seed byte) []byte {
	public := testKey(t, seed).Public()
	return public[:]
}

// lastSignature is the signature that a lenient reader would find.
func lastSignature(data string) string {
	_, text, _ := strings.Cut(data, "signature: ")
	text, _, _ = strings.Cut(text, "\n")
	return strings.Trim(text, "\" ")
}

// TestEveryByteCounts flips each byte of a signed and of an unsigned file.
func TestEveryByteCounts(t *testing.T) {
	key := testKey(t, 1)
	shop := Key{"ws-1", "shop"}
	for _, signer := range []*signing.Key{&key, nil} {
		var keys []signing.PublicKey
		if signer != nil {
			keys = []signing.PublicKey{key.Public()}
		}
		r := sampleRelease(t)
		data, err := EncodeRelease(r, shop, 7, signer)
		if err != nil {
			t.Fatal(err)
		}
		for i := range data {
			edited := bytes.Clone(data)
			edited[i] ^= 1
			forged := *r
			if text := lastSignature(string(edited)); text != "" {
				forged.Spec.Signature = text
			}
			if VerifyRelease(edited, &forged, shop, 7, keys) == nil {
				t.Fatalf("byte %d (%q) may be %q", i, data[i], edited[i])
			}
		}
	}
}

func FuzzVerifyRelease(f *testing.F) {
	key := testKey(f, 1)
	shop := Key{"ws-1", "shop"}
	good, err := EncodeRelease(sampleRelease(f), shop, 7, &key)
	if err != nil {
		f.Fatal(err)
	}
	unsigned, err := EncodeRelease(sampleRelease(f), shop, 7, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(unsigned)
	f.Add([]byte("\n  signature: ed25519:\n"))
	f.Add([]byte("  signature: sha256:"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, problems := ParseRelease("release.yaml", data)
		if len(problems) > 0 {
			r = &Release{Header: NewHeader(KindRelease, "v1.0.3")}
			r.Spec.Signature = lastSignature(string(data))
		}
		err := VerifyRelease(data, r, shop, 7, []signing.PublicKey{key.Public()})
		if (err == nil) != bytes.Equal(data, good) {
			t.Fatalf("honoured: %v (%v)\n%s", err == nil, err, data)
		}
		faultOf(t, err)
	})
}
