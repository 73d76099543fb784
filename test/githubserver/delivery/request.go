package delivery

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1" // GitHub sends the old signature too
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
)

// Sign returns what GitHub sends as X-Hub-Signature-256.
func Sign(secret string, body []byte) string { return "sha256=" + sum(sha256.New, secret, body) }

func sum(of func() hash.Hash, secret string, body []byte) string {
	mac := hmac.New(of, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// send makes one request, and says how it went as GitHub does.
func (s *Sender) send(ctx context.Context, hook Hook, d *Delivery) (code int, status string) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.URL, bytes.NewReader(d.Body))
	if err != nil {
		return 0, "invalid URL"
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "GitHub-Hookshot/0000000")
	r.Header.Set("X-GitHub-Event", d.Event)
	r.Header.Set("X-GitHub-Delivery", d.GUID)
	r.Header.Set("X-GitHub-Hook-ID", strconv.FormatInt(hook.ID, 10))
	if hook.Secret != "" {
		r.Header.Set("X-Hub-Signature", "sha1="+sum(sha1.New, hook.Secret, d.Body))
		r.Header.Set("X-Hub-Signature-256", Sign(hook.Secret, d.Body))
	}
	answer, err := s.client.Do(r)
	if errors.Is(err, context.DeadlineExceeded) {
		return 0, "timed out"
	}
	if err != nil {
		return 0, "failed to connect to host"
	}
	defer answer.Body.Close()
	const most = 1 << 20
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, most)) // so that the connection can be used again
	if answer.StatusCode >= 200 && answer.StatusCode < 300 {
		return answer.StatusCode, "OK"
	}
	return answer.StatusCode, "Invalid HTTP Response: " + strconv.Itoa(answer.StatusCode)
}
