package jenkins

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/frameworks"
)

var (
	resultDigest    = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	resultFramework = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)
	resultReused    = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*(/[a-z0-9][a-z0-9-]*){1,2}$`)
)

// Failure is what a job says of why a build failed: the file failure.json.
type Failure struct {
	// Summary in one line, with what to do next.
	Summary string `json:"summary"`
	// Temporary says that the source is not to blame, and that another try may well end otherwise.
	Temporary bool `json:"temporary,omitempty"`
}

// maxSummary bounds what is taken of a summary, which tools and sources have a part in.
const maxSummary = 500

// ParseFailure reads a failure.json; nothing of what is none.
func ParseFailure(data []byte) (f Failure) {
	if json.Unmarshal(data, &f) != nil {
		return Failure{}
	}
	f.Summary = oneLine(f.Summary)
	if runes := []rune(f.Summary); len(runes) > maxSummary {
		f.Summary = string(runes[:maxSummary]) + "…"
	}
	if f.Summary == "" {
		return Failure{}
	}
	return f
}

// ParseResult reads a release.json. An error says in one line what is wrong with it.
func ParseResult(data []byte) (*manifest.BuildResult, error) {
	r := &manifest.BuildResult{}
	var wrong *json.UnmarshalTypeError
	err := json.Unmarshal(data, r)
	switch {
	case errors.As(err, &wrong):
		return nil, fmt.Errorf("%s is %s and has to be %s", strings.ToLower(wrong.Field), oneLine(wrong.Value), wrong.Type)
	case err != nil:
		return nil, errors.New("it is no JSON object")
	case !fit.MatchString(r.Build):
		return nil, errors.New("build is not the ID of a build (write the value of " + ParamID + ")")
	case !resultDigest.MatchString(r.Digest):
		return nil, errors.New("digest is not sha256: and 64 hexadecimal digits")
	case r.Framework != "" && !resultFramework.MatchString(r.Framework):
		return nil, errors.New("framework is no word of small letters, digits and -")
	case r.Reused != "" && (len(r.Reused) > 200 || !resultReused.MatchString(r.Reused)):
		return nil, errors.New("reused is no project, as workspace/project")
	case r.Port < 0 || r.Port > 65535:
		return nil, fmt.Errorf("port %d is no port", r.Port)
	case r.Scan != nil && min(r.Scan.Critical, r.Scan.High, r.Scan.Medium, r.Scan.Low) < 0:
		return nil, errors.New("scan counts less than nothing")
	}
	r.Framework = frameworks.Current(r.Framework)
	return r, nil
}
