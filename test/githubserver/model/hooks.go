package model

import (
	"time"
)

// Hook is a webhook of a repository.
type Hook struct {
	ID      int64
	URL     string
	Secret  string
	Events  []string
	Active  bool
	Created time.Time
}
