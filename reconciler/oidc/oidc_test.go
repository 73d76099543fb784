package oidc_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/oidc"
	"github.com/plateform/plateform/test/oidcserver"
)

const (
	audience = "plateform"
	ann      = 4711
)

// clock stands still.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// realm is an issuer, and who asks it.
type realm struct {
	*oidcserver.Server
	*clock
	t        *testing.T
	http     *httptest.Server
	verifier *oidc.Verifier
}

// start makes an issuer at a path.
func start(t *testing.T, path string) *realm {
	t.Helper()
	r := &realm{t: t, clock: &clock{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}}
	r.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { r.ServeHTTP(w, req) }))
	t.Cleanup(r.http.Close)
	var err error
	r.Server, err = oidcserver.New(r.http.URL+path, r.Now)
	r.must(err)
	r.verifier = r.as(oidc.Options{})
	return r
}

func (r *realm) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// as is who asks with other options than the usual ones.
func (r *realm) as(o oidc.Options) *oidc.Verifier {
	r.t.Helper()
	o.Issuer, o.Audience, o.Now = r.Issuer(), audience, r.Now
	if o.Claim == "" {
		o.Claim = "github_id"
	}
	v, err := oidc.New(o)
	r.must(err)
	return v
}

// token is one of Ann's, with other claims than the usual ones.
func (r *realm) token(claims map[string]any) string {
	r.t.Helper()
	token, err := r.Token(audience, r.anns(claims))
	r.must(err)
	return token
}

func (r *realm) anns(claims map[string]any) map[string]any {
	all := map[string]any{"github_id": ann}
	for name, value := range claims {
		all[name] = value
	}
	return all
}

// sign signs Ann's claims with another key than the issuer's.
func (r *realm) sign(key oidcserver.Key, kind string) string {
	r.t.Helper()
	token, err := oidcserver.Sign(key, kind, r.Claims(audience, r.anns(nil)))
	r.must(err)
	return token
}

func TestWhoSomebodyIs(t *testing.T) {
	for _, path := range []string{"/realms/acme", "/", ""} {
		r := start(t, path)
		for _, algorithm := range []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256} {
			r.must(r.Rotate(algorithm))
			who, err := r.verifier.Identify(t.Context(), r.token(nil))
			if want := (reconciler.Identity{ID: ann, Login: "ann", Expires: r.Now().Add(5*time.Minute + 30*time.Second)}); err != nil || !who.Expires.Equal(want.Expires) || who.ID != want.ID || who.Login != want.Login {
				t.Errorf("%q, %s: %+v, %v, want %+v", path, algorithm, who, err, want)
			}
			r.pass(10 * time.Second)
		}
	}
}

// Claims that are right name somebody, and all others nobody.
func TestClaims(t *testing.T) {
	r := start(t, "/realms/acme")
	now := r.Now().Unix()
	for name, c := range map[string]struct {
		claims map[string]any
		// says is why it is nobody; empty for somebody.
		says string
	}{
		"the id as a text":             {map[string]any{"github_id": "4711"}, ""},
		"an audience alone":            {map[string]any{"aud": audience}, ""},
		"azp of another client":        {map[string]any{"azp": "somebody-else"}, ""},
		"no azp":                       {map[string]any{"azp": nil}, ""},
		"clocks that differ":           {map[string]any{"exp": now - 29, "nbf": now + 29, "iat": now + 29}, ""},
		"audiences without ours":       {map[string]any{"aud": []string{"account"}}, "it is not for plateform (have the issuer add that audience"},
		"ours as azp alone":            {map[string]any{"aud": []string{"account"}, "azp": audience}, "it is not for plateform"},
		"ours as part of one":          {map[string]any{"aud": "plateform-admin"}, "it is not for plateform"},
		"no audience":                  {map[string]any{"aud": nil}, "it is not for plateform"},
		"an audience that is a number": {map[string]any{"aud": 7}, "it is not for plateform"},
		"another issuer":               {map[string]any{"iss": "https://login.example.com"}, "it was not issued by"},
		"an issuer below":              {map[string]any{"iss": r.Issuer() + "/"}, "it was not issued by"},
		"no issuer":                    {map[string]any{"iss": nil}, "it was not issued by"},
		"an issuer that is a list":     {map[string]any{"iss": []string{r.Issuer()}}, "it is no JSON Web Token"},
		"it ended":                     {map[string]any{"exp": now - 30}, "it has expired"},
		"no end":                       {map[string]any{"exp": nil}, "it has expired"},
		"an end that is a text":        {map[string]any{"exp": "tomorrow"}, "are not written as those of a token are"},
		"not yet":                      {map[string]any{"nbf": now + 31}, "it is not good yet"},
		"never yet":                    {map[string]any{"nbf": "tomorrow"}, "are not written as those of a token are"},
		"of a logout":                  {map[string]any{"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}, "it tells of something that happened"},
		"no id":                        {map[string]any{"github_id": nil}, "it has no claim github_id (have the issuer map"},
		"another claim":                {map[string]any{"github_id": nil, "GitHub_ID": ann}, "it has no claim github_id"},
		"an id of 0":                   {map[string]any{"github_id": 0}, "is no numeric id"},
		"a negative one":               {map[string]any{"github_id": -4711}, "is no numeric id"},
		"a fraction":                   {map[string]any{"github_id": json.RawMessage(`4711.0`)}, "is no numeric id"},
		"an exponent":                  {map[string]any{"github_id": json.RawMessage(`4.711e3`)}, "is no numeric id"},
		"zeros before":                 {map[string]any{"github_id": "04711"}, "is no numeric id"},
		"a space":                      {map[string]any{"github_id": "4711 "}, "is no numeric id"},
		"a sign":                       {map[string]any{"github_id": "+4711"}, "is no numeric id"},
		"hexadecimal":                  {map[string]any{"github_id": "0x4711"}, "is no numeric id"},
		"escapes":                      {map[string]any{"github_id": json.RawMessage(`"\u0034711"`)}, "is no numeric id"},
		"too large":                    {map[string]any{"github_id": json.RawMessage(`9223372036854775808`)}, "is no numeric id"},
		"a login":                      {map[string]any{"github_id": "ann"}, "is no numeric id"},
		"an empty text":                {map[string]any{"github_id": ""}, "is no numeric id"},
		"a list":                       {map[string]any{"github_id": []int{ann}}, "is no numeric id"},
		"an object":                    {map[string]any{"github_id": map[string]int{"id": ann}}, "is no numeric id"},
		"true":                         {map[string]any{"github_id": true}, "is no numeric id"},
		"null":                         {map[string]any{"github_id": json.RawMessage(`null`)}, "is no numeric id"},
	} {
		t.Run(name, func(t *testing.T) {
			token := r.token(c.claims)
			who, err := r.verifier.Identify(t.Context(), token)
			if c.says == "" {
				if err != nil || who.ID != ann {
					t.Errorf("it is %+v, %v", who, err)
				}
				return
			}
			refused(t, who, err, c.says)
			if err != nil && strings.Contains(err.Error(), token) {
				t.Errorf("the token is in the error: %v", err)
			}
		})
	}
}

// refused fails unless a token is nobody's.
func refused(t *testing.T, who reconciler.Identity, err error, says string) {
	t.Helper()
	if !errors.Is(err, reconciler.ErrNoIdentity) || who != (reconciler.Identity{}) || !strings.Contains(fmt.Sprint(err), says) {
		t.Errorf("it is %+v, %v, want nobody: %s", who, err, says)
	}
}

func TestLoginIsForShow(t *testing.T) {
	r := start(t, "/realms/acme")
	for name, want := range map[any]string{"ann": "ann", "Änne Ü": "Änne Ü", "": "", "a\nb": "", "a\u001b[31m": "", "a\u202eb": "", strings.Repeat("a", 101): "", 7: ""} {
		if who, err := r.verifier.Identify(t.Context(), r.token(map[string]any{"preferred_username": name})); err != nil || who.Login != want {
			t.Errorf("%q is shown as %q, %v", name, who.Login, err)
		}
	}
	other := r.as(oidc.Options{Claim: "https://acme.example.com/github"})
	if who, err := other.Identify(t.Context(), r.token(map[string]any{"https://acme.example.com/github": "12"})); err != nil || who.ID != 12 {
		t.Errorf("another claim: %+v, %v", who, err)
	}
}

// Only what the issuer has signed itself, with a key pair, is believed.
func TestSignatures(t *testing.T) {
	r := start(t, "/realms/acme")
	current := r.Current()
	public, err := x509.MarshalPKIXPublicKey(current.Private.(*rsa.PrivateKey).Public())
	r.must(err)
	shown := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	r.must(err)
	encode := base64.RawURLEncoding.EncodeToString
	good := r.token(nil)
	parts := strings.Split(good, ".")
	claims, err := json.Marshal(r.Claims(audience, r.anns(nil)))
	r.must(err)
	forged := encode([]byte(strings.Replace(string(claims), "4711", "1", 1)))
	embedded, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: stranger}}, &jose.SignerOptions{EmbedJWK: true})
	r.must(err)
	withKey, err := embedded.Sign(claims)
	r.must(err)
	object, err := withKey.CompactSerialize()
	r.must(err)
	for name, c := range map[string]struct{ token, says string }{
		"alg none":                     {encode([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + ".", "no JSON Web Token that is signed with a key pair"},
		"alg none and a signature":     {encode([]byte(`{"alg":"none"}`)) + "." + parts[1] + "." + parts[2], "no JSON Web Token that is signed with a key pair"},
		"alg None":                     {encode([]byte(`{"alg":"None"}`)) + "." + parts[1] + ".", "no JSON Web Token that is signed with a key pair"},
		"no alg":                       {encode([]byte(`{"typ":"JWT"}`)) + "." + parts[1] + "." + parts[2], "no JSON Web Token that is signed with a key pair"},
		"HS256 with the public key":    {r.sign(oidcserver.Key{ID: current.ID, Algorithm: jose.HS256, Private: shown}, "JWT"), "no JSON Web Token that is signed with a key pair"},
		"HS256 with its bare form":     {r.sign(oidcserver.Key{ID: current.ID, Algorithm: jose.HS256, Private: public}, "JWT"), "no JSON Web Token that is signed with a key pair"},
		"another's key of the name":    {r.sign(oidcserver.Key{ID: current.ID, Algorithm: jose.RS256, Private: stranger}, "JWT"), "signed with no key of"},
		"another's key":                {r.sign(oidcserver.Key{ID: "theirs", Algorithm: jose.RS256, Private: stranger}, "JWT"), "signed with no key of"},
		"another's key without a name": {r.sign(oidcserver.Key{Algorithm: jose.RS256, Private: stranger}, "JWT"), "signed with no key of"},
		"a key that it brings":         {object, "signed with no key of"},
		"another algorithm of the key": {r.sign(oidcserver.Key{ID: current.ID, Algorithm: jose.PS256, Private: current.Private}, "JWT"), "signed with no key of"},
		"other claims":                 {parts[0] + "." + forged + "." + parts[2], "signed with no key of"},
		"no signature":                 {parts[0] + "." + parts[1] + ".", "signed with no key of"},
		"a part is missing":            {parts[0] + "." + parts[1], "no JSON Web Token"},
		"a part too much":              {good + "." + parts[2], "no JSON Web Token"},
		"encrypted":                    {strings.Join(append(parts, "a", "b"), "."), "no JSON Web Token"},
		"as JSON":                      {fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, parts[1], parts[0], parts[2]), "no JSON Web Token"},
		"as JSON with dots":            {fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q,"a..b":1}`, parts[1], parts[0], parts[2]), "no JSON Web Token"},
		"padding":                      {parts[0] + "=." + parts[1] + "." + parts[2], "no JSON Web Token"},
		"claims that are no object":    {parts[0] + "." + encode([]byte(`[]`)) + "." + parts[2], "no JSON Web Token"},
		"nothing":                      {"", "no JSON Web Token"},
		"two dots":                     {"..", "no JSON Web Token"},
		"of GitHub":                    {"ghu_4711", "no JSON Web Token"},
		"1 MB":                         {parts[0] + "." + strings.Repeat("a", 1<<20) + "." + parts[2], "more than 16 KiB"},
		"1 MB of dots":                 {strings.Repeat(".", 1<<20), "more than 16 KiB"},
		"a logout token":               {r.sign(current, "logout+jwt"), "for something else"},
		"a request":                    {r.sign(current, "oauth-authz-req+jwt"), "for something else"},
	} {
		t.Run(name, func(t *testing.T) {
			who, err := r.verifier.Identify(t.Context(), c.token)
			refused(t, who, err, c.says)
		})
	}
	for _, kind := range []string{"", "JWT", "at+jwt", "application/at+jwt"} {
		if who, err := r.verifier.Identify(t.Context(), r.sign(current, kind)); err != nil || who.ID != ann {
			t.Errorf("a token of the kind %q: %+v, %v", kind, who, err)
		}
	}
	if who, err := r.verifier.Identify(t.Context(), r.sign(oidcserver.Key{Algorithm: jose.RS256, Private: current.Private}, "JWT")); err != nil || who.ID != ann {
		t.Errorf("a token that names no key: %+v, %v", who, err)
	}
}

func TestNewWantsAll(t *testing.T) {
	now := time.Now
	for name, o := range map[string]oidc.Options{
		"an issuer":     {Audience: audience, Claim: "c", Now: now},
		"https":         {Issuer: "http://login.example.com", Audience: audience, Claim: "c", Now: now},
		"a plain URL":   {Issuer: "https://ann:secret@login.example.com", Audience: audience, Claim: "c", Now: now},
		"no query":      {Issuer: "https://login.example.com?a=b", Audience: audience, Claim: "c", Now: now},
		"an audience":   {Issuer: "https://login.example.com", Claim: "c", Now: now},
		"a claim":       {Issuer: "https://login.example.com", Audience: audience, Now: now},
		"a clock":       {Issuer: "https://login.example.com", Audience: audience, Claim: "c"},
		"anything else": {},
	} {
		if _, err := oidc.New(o); err == nil {
			t.Errorf("it does without %s", name)
		}
	}
}

// Whatever somebody shows instead of a token of the issuer is nobody's.
func FuzzIdentify(f *testing.F) {
	issuer := "https://login.example.com/realms/acme"
	now := func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }
	server, err := oidcserver.New(issuer, now)
	if err != nil {
		f.Fatal(err)
	}
	verifier, err := oidc.New(oidc.Options{Issuer: issuer, Audience: audience, Claim: "github_id", Now: now})
	if err != nil {
		f.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	other, err := server.Token(audience, map[string]any{"iss": "https://other.example.com", "github_id": ann})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", "..", "a.b.c", "ghu_4711", other, encode([]byte(`{"alg":"none"}`)) + "." + encode([]byte(`{}`)) + ".", `{"payload":"","protected":"","signature":""}`} {
		f.Add(seed)
	}
	asleep, cancel := context.WithCancel(context.Background())
	cancel() // nobody is asked who is not there
	f.Fuzz(func(t *testing.T, token string) {
		who, err := verifier.Identify(asleep, token)
		if err == nil || who != (reconciler.Identity{}) || !errors.Is(err, reconciler.ErrNoIdentity) && !errors.Is(err, context.Canceled) {
			t.Errorf("it is %+v, %v", who, err)
		}
	})
}
