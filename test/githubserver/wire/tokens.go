package wire

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/plateform/plateform/test/githubserver/model"
)

// Authorization is a user's token that was issued to an App.
type Authorization struct {
	Token *model.Token
	// Text is the token itself.
	Text string
}

// AuthorizationJSON is such a token, as the App is told of it.
func (w *Writer) AuthorizationJSON(a Authorization) Object {
	sum := sha256.Sum256([]byte(a.Text))
	return Object{
		"id": a.Token.ID, "url": w.API("/authorizations/%d", a.Token.ID), "scopes": []string{}, "token": a.Text,
		"token_last_eight": a.Text[len(a.Text)-8:], "hashed_token": hex.EncodeToString(sum[:]),
		"app":  Object{"client_id": a.Token.Issued.ClientID, "name": a.Token.Issued.Name, "url": w.Web("/apps/%s", a.Token.Issued.Slug)},
		"note": nil, "note_url": nil, "fingerprint": nil, "user": w.UserJSON(a.Token.User), "created_at": Stamp(a.Token.Made),
		"updated_at": Stamp(a.Token.Made), "expires_at": Stamp(a.Token.Expires),
	}
}
