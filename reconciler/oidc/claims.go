package oidc

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/plateform/plateform/reconciler"
)

// maxLogin bounds the name that is shown of somebody.
const maxLogin = 100

// identity is whom a token names whose issuer, audience and signature are right.
func (v *Verifier) identity(token *oidc.IDToken) (reconciler.Identity, error) {
	var claims map[string]json.RawMessage
	if err := token.Claims(&claims); err != nil {
		return reconciler.Identity{}, nobody("its claims are not written as those of a token are")
	}
	now := v.options.Now()
	ends := token.Expiry.Add(leeway) // as it is taken until then, whoever asks is told so
	if _, said := claims["exp"]; !said || !now.Before(ends) {
		return reconciler.Identity{}, nobody("it has expired")
	}
	begins, err := seconds(claims["nbf"])
	if err != nil || begins > float64(now.Add(leeway).Unix()) {
		return reconciler.Identity{}, nobody("it is not good yet")
	}
	if _, said := claims["events"]; said {
		return reconciler.Identity{}, nobody("it tells of something that happened, and is nobody's")
	}
	id, err := v.account(claims)
	if err != nil {
		return reconciler.Identity{}, err
	}
	return reconciler.Identity{ID: id, Login: shown(claims["preferred_username"]), Expires: ends}, nil
}

// seconds reads a time; one that is not there is 0.
func seconds(raw json.RawMessage) (n float64, err error) {
	if raw == nil {
		return 0, nil
	}
	return n, json.Unmarshal(raw, &n)
}

// decimal is how the id of an account is written: as a number, or as a text that holds one.
var decimal = regexp.MustCompile(`^(?:[1-9][0-9]*|"[1-9][0-9]*")$`)

// account is the id of the account on GitHub that the claims name.
func (v *Verifier) account(claims map[string]json.RawMessage) (int64, error) {
	raw, said := claims[v.options.Claim]
	if !said {
		return 0, nobody("it does not say which account on GitHub is theirs: it has no claim %s (have the issuer map the numeric id of the account into it)", v.options.Claim)
	}
	id, err := strconv.ParseInt(strings.Trim(string(raw), `"`), 10, 64)
	if !decimal.Match(raw) || err != nil {
		return 0, nobody("its claim %s is no numeric id of an account on GitHub", v.options.Claim)
	}
	return id, nil
}

// shown is a name as it may be shown; empty when it may not.
func shown(raw json.RawMessage) string {
	var name string
	strange := func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }
	if json.Unmarshal(raw, &name) != nil || len(name) > maxLogin || strings.ContainsFunc(name, strange) {
		return ""
	}
	return name
}
