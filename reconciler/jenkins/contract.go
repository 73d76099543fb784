package jenkins

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// The parameters of the job. docs/jenkins.md says what they are for.
const (
	ParamID          = "PLATEFORM_ID"
	ParamAttempt     = "PLATEFORM_ATTEMPT"
	ParamNonce       = "PLATEFORM_NONCE"
	ParamProject     = "PLATEFORM_PROJECT"
	ParamImage       = "PLATEFORM_IMAGE"
	ParamRepository  = "PLATEFORM_REPOSITORY"
	ParamCommit      = "PLATEFORM_COMMIT"
	ParamPath        = "PLATEFORM_PATH"
	ParamTree        = "PLATEFORM_TREE"
	ParamBuild       = "PLATEFORM_BUILD"
	ParamRuns        = "PLATEFORM_RUNS"
	ParamDestination = "PLATEFORM_DESTINATION"
	ParamTag         = "PLATEFORM_TAG"
	ParamScan        = "PLATEFORM_SCAN"
	ParamSiblings    = "PLATEFORM_SIBLINGS"
)

// Parameters are the names of all parameters that the job has to have.
func Parameters() []string {
	return []string{
		ParamID, ParamAttempt, ParamNonce, ParamProject, ParamImage, ParamRepository, ParamCommit, ParamPath, ParamTree, ParamBuild,
		ParamRuns, ParamDestination, ParamTag, ParamScan, ParamSiblings,
	}
}

// ResultFile is the artifact that says what a build made.
const ResultFile = "release.json"

// FailureFile is the artifact that says why a build failed, of a job that does so.
const FailureFile = "failure.json"

// Marker begins a line of the log that says which stage a build has entered: the marker, the nonce, the stage.
const Marker = "plateform-stage"

// tagOf is the tag that the image is pushed with.
func tagOf(r reconciler.BuildRequest) string { return "build-" + r.ID }

// nonceOf is a word that a build's source cannot know. It is the same for the same build, so that asking Jenkins twice is asking for
// the same.
func nonceOf(r reconciler.BuildRequest, token Secret) string {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte("build\n" + r.ID + "\n" + r.Attempt))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// parametersOf are what a job is told of a build.
func parametersOf(r reconciler.BuildRequest, token Secret) (url.Values, error) {
	settings := "{}"
	if r.Build != nil {
		data, err := json.Marshal(r.Build)
		if err != nil {
			return nil, fmt.Errorf("writing the build settings: %w", err)
		}
		settings = string(data)
	}
	form := url.Values{}
	for name, value := range map[string]string{
		ParamID: r.ID, ParamAttempt: r.Attempt, ParamNonce: nonceOf(r, token), ParamProject: r.Key.String(), ParamImage: r.Image,
		ParamRepository: r.Repository, ParamCommit: r.Commit, ParamPath: r.Path, ParamTree: r.Tree, ParamBuild: settings,
		ParamRuns: r.Runs, ParamDestination: r.Destination, ParamTag: tagOf(r), ParamScan: r.Scan.FailOn,
		ParamSiblings: strings.Join(r.Siblings, " "),
	} {
		form.Set(name, value)
	}
	return form, nil
}

// RequestOf is the build that a job was told of by its parameters, which are read one by one: what parametersOf wrote.
func RequestOf(parameter func(name string) string) (reconciler.BuildRequest, error) {
	r := reconciler.BuildRequest{
		ID: parameter(ParamID), Attempt: parameter(ParamAttempt), Image: parameter(ParamImage), Repository: parameter(ParamRepository),
		Commit: parameter(ParamCommit), Path: parameter(ParamPath), Tree: parameter(ParamTree), Runs: parameter(ParamRuns),
		Destination: parameter(ParamDestination), Scan: manifest.ScanPolicy{FailOn: parameter(ParamScan)},
		Siblings: strings.Fields(parameter(ParamSiblings)),
	}
	var found bool
	if r.Key.Workspace, r.Key.Project, found = strings.Cut(parameter(ParamProject), "/"); !found {
		return r, fmt.Errorf("%s is %q, and has to be WORKSPACE/PROJECT", ParamProject, parameter(ParamProject))
	}
	if problems := manifest.CheckFolders(ParamProject, r.Key); len(problems) > 0 {
		return r, problems
	}
	if settings := parameter(ParamBuild); settings != "" && settings != "{}" {
		r.Build = &manifest.Build{}
		if err := json.Unmarshal([]byte(settings), r.Build); err != nil {
			return r, fmt.Errorf("%s is not the JSON that Plateform writes: %w", ParamBuild, err)
		}
	}
	if !slices.Contains(append(manifest.Severities(), ""), r.Scan.FailOn) {
		return r, fmt.Errorf("%s is %q, and has to be empty or one of %s", ParamScan, r.Scan.FailOn, strings.Join(manifest.Severities(), ", "))
	}
	return r, checkRequest(r)
}

// fit is an ID that is fit for an image tag.
var fit = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,119}$`)

func checkRequest(r reconciler.BuildRequest) error {
	source, err := url.Parse(r.Repository)
	switch {
	case !fit.MatchString(r.ID):
		return fmt.Errorf("jenkins: %q is not fit for the ID of a build", r.ID)
	case r.Reference != "":
		return fmt.Errorf("jenkins: %s: an image is resolved, not built", r.Reference)
	case r.Repository == "" || r.Commit == "" || r.Destination == "":
		return fmt.Errorf("jenkins: build %s lacks a repository, a commit or a destination", r.ID)
	}
	if err == nil && source.User != nil {
		if _, secret := source.User.Password(); secret { // everybody who may see the job sees its parameters
			return errors.New("the URL of the source has a password in it (take it out, and give Jenkins a credential for that host)")
		}
	}
	return nil
}

// jobPath is the path of a job in its folders: team/rel is /job/team/job/rel.
func jobPath(job string) (string, error) {
	var path strings.Builder
	for name := range strings.SplitSeq(strings.Trim(job, "/"), "/") {
		if name == "" || name == "." || name == ".." {
			return "", fmt.Errorf("%q is not the full name of a job, as folder/name", job)
		}
		path.WriteString("/job/" + url.PathEscape(name))
	}
	return path.String(), nil
}

// missing are the parameters that a job lacks.
func missing(there []string) []string {
	return slices.DeleteFunc(Parameters(), func(name string) bool { return slices.Contains(there, name) })
}
