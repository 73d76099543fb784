package model

import (
	"net/http"
)

// Expire has the token of a request be worth nothing.
func (d *Directory) Expire(r *http.Request) {
	if p, err := d.Authenticate(r); err == nil && p.Token != nil {
		p.Token.Expires = d.Now()
	}
}
