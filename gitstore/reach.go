package gitstore

import (
	"context"
	"fmt"
)

// CheckPush asks whether the remote would take a push, by beginning one and ending it before anything is sent. Servers
// let only those begin who may write somewhere in the repository; a protected branch or a hook refuses later.
func (s *Store) CheckPush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.options.CallTimeout)
	defer cancel()
	down, err := s.dialer.Push(ctx, s.options.URL)
	if err == nil {
		defer func() { _ = down.Close() }()
		_, err = down.Refs(ctx)
	}
	if err != nil {
		return fmt.Errorf("beginning a push to %s: %w", Redact(s.options.URL), err)
	}
	return nil
}
