package model

import (
	"time"
)

// Directory are those who can do something, and the repositories.
type Directory struct {
	Now           func() time.Time
	Users         map[int64]*User
	Apps          map[int64]*App
	Installations map[int64]*Installation
	Tokens        map[string]*Token
	Repos         map[int64]*Repository
}
