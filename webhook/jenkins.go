package webhook

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// JenkinsPath is where a Jenkins tells that something has happened to a build.
const JenkinsPath = "/webhooks/jenkins"

const (
	// eventJenkins is a call of a Jenkins.
	eventJenkins = "jenkins"
	// maxJenkinsBody is how large one may be: nothing in it is believed.
	maxJenkinsBody = 16 << 10
	// maxAge is how far the time of a call may be from the time here, either way.
	maxAge = 5 * time.Minute

	// A call says in one header when it was made, as Unix time in seconds, and in the other signs that, a line feed, and its body.
	timeHeader             = "X-Plateform-Time"
	jenkinsSignatureHeader = "X-Plateform-Signature"
)

// JenkinsOptions are what a Jenkins is made of. All are needed.
type JenkinsOptions struct {
	// Secrets are one or two, asked for at each call: that of Jenkins, and the one before while it is replaced.
	Secrets func() ([]Secret, error)
	// Wake is called for each call. It must not wait for anything.
	Wake  func()
	Clock func() time.Time
	Log   *slog.Logger
	// Count is told of each call, as event "jenkins".
	Count func(event string, r Result)
}

// Jenkins takes the calls of a Jenkins, each of which says that builds want a look and nothing else.
type Jenkins struct {
	options JenkinsOptions
	guard   guard
}

// NewJenkins checks the options: without a secret nobody may call.
func NewJenkins(o JenkinsOptions) (*Jenkins, error) {
	secrets, err := o.Secrets()
	if err == nil {
		err = checkSecrets(secrets)
	}
	if err != nil {
		return nil, fmt.Errorf("the secret that Jenkins signs with: %w", err)
	}
	return &Jenkins{options: o, guard: guard{clock: o.Clock, log: o.Log, count: o.Count}}, nil
}

// ServeHTTP implements http.Handler.
func (j *Jenkins) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, genuine := j.Verified(w, r); !genuine {
		return
	}
	j.options.Count(eventJenkins, Accepted)
	j.options.Log.Debug("a webhook came", "event", eventJenkins, "delivery", "", "result", Accepted)
	j.options.Wake()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintln(w, Accepted)
}

// verify returns the body of a call, or says why it is not taken.
func (j *Jenkins) verify(w http.ResponseWriter, r *http.Request) ([]byte, *refusal) {
	if r.Method != http.MethodPost {
		return nil, &refusal{http.StatusMethodNotAllowed, Refused, "only POST is taken here"}
	}
	secrets, no := j.guard.secrets(j.options.Secrets)
	if no != nil {
		return nil, no
	}
	signature, there := signatureOf(r, jenkinsSignatureHeader)
	at := r.Header.Values(timeHeader)
	if !there || len(at) != 1 {
		return nil, &refusal{http.StatusUnauthorized, Refused, "there is no signature in " + jenkinsSignatureHeader + ", or no time in " + timeHeader}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxJenkinsBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, &refusal{http.StatusRequestEntityTooLarge, TooLarge, fmt.Sprintf("the body is too large (at most %d bytes)", maxJenkinsBody)}
	}
	if err != nil {
		return nil, bodyRefusal(err)
	}
	if !signed(slices.Concat([]byte(at[0]), []byte("\n"), body), signature, secrets) {
		return nil, &refusal{http.StatusForbidden, Refused, "the signature does not fit: the secret of Jenkins is another one than that of serve.yaml"}
	}
	seconds, err := strconv.ParseInt(at[0], 10, 64)
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, Malformed, timeHeader + " is no Unix time in seconds"}
	}
	if age := j.options.Clock().Sub(time.Unix(seconds, 0)); age > maxAge || age < -maxAge {
		return nil, &refusal{http.StatusForbidden, Refused, "it was made at another time than now: set the clock of Jenkins"}
	}
	return body, nil
}
