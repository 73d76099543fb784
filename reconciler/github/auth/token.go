package auth

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/plateform/plateform/reconciler/github/client"
)

// Permissions are what a token has to allow, as GitHub names them: "contents" to "write".
type Permissions map[string]string

// ReadContents is what git needs to fetch.
func ReadContents() Permissions { return Permissions{"contents": "read"} }

// WriteContents is what git needs to push.
func WriteContents() Permissions { return Permissions{"contents": "write"} }

// WriteStatuses is what telling people on commits needs.
func WriteStatuses() Permissions { return Permissions{"statuses": "write"} }

// WriteChecks is what a check run on a proposal's head needs.
func WriteChecks() Permissions { return Permissions{"checks": "write"} }

// ReadPulls is what looking at pull requests needs.
func ReadPulls() Permissions { return Permissions{"pull_requests": "read"} }

// WritePulls is what a comment on a pull request needs.
func WritePulls() Permissions { return Permissions{"pull_requests": "write"} }

// ReadMetadata is what asking who may read a repository needs; every App has it.
func ReadMetadata() Permissions { return Permissions{"metadata": "read"} }

// ReadAdministration is what reading the protection of a branch needs. It is not among what Plateform asks for: doctor uses it where it is
// given.
func ReadAdministration() Permissions { return Permissions{"administration": "read"} }

// WriteDeployments is what showing deployments needs.
func WriteDeployments() Permissions { return Permissions{"deployments": "write"} }

// ConfigRepository is all that Plateform needs in the config repository. Issues it never reads: GitHub tells of comments, also those
// on pull requests, whoever may read them.
func ConfigRepository() Permissions {
	return Permissions{"contents": "write", "statuses": "write", "checks": "write", "pull_requests": "write", "deployments": "write", "issues": "read"}
}

// GitOpsRepository is what Plateform needs in the GitOps repository.
func GitOpsRepository() Permissions { return WriteContents() }

// Events are those that an App has to be told of.
func Events() []string {
	return []string{"check_run", "check_suite", "issue_comment", "pull_request", "push"}
}

// String is them in order.
func (p Permissions) String() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(p)) {
		parts = append(parts, name+": "+p[name])
	}
	return strings.Join(parts, ", ")
}

// Tokens hands out what to log in with.
//
// Implementations are safe for use by several goroutines.
type Tokens interface {
	// Token returns one that allows something in a repository, for one operation. A *NotReachableError says that there is none
	// because of how Plateform is set up on GitHub.
	Token(ctx context.Context, r Repository, p Permissions) (client.Secret, error)
	// Rejected says that GitHub did not take a token. It returns true when Token may have another one.
	Rejected(r Repository, p Permissions, token client.Secret) bool
}

// NotReachableError says that a repository is none that Plateform may do something in. Somebody has to mend that on GitHub.
type NotReachableError struct {
	Repository Repository
	// What is the reason, Fix how to mend it.
	What, Fix string
}

func (e *NotReachableError) Error() string {
	return fmt.Sprintf("%s on GitHub: %s (%s)", e.Repository, e.What, e.Fix)
}

// Refusal says why, in one line.
func (e *NotReachableError) Refusal() string { return e.Error() }

// File is a token in a file: of a user, fine-grained or classic. It is read for each operation, so that it can be renewed under a
// running process.
type File string

// Token implements Tokens.
func (f File) Token(context.Context, Repository, Permissions) (client.Secret, error) {
	data, err := os.ReadFile(string(f))
	if err != nil {
		return "", fmt.Errorf("reading the token of GitHub: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if token == "" || strings.ContainsAny(token, " \t\r\n") {
		return "", fmt.Errorf("reading the token of GitHub: %w", errors.New(string(f)+" does not hold one token in one line"))
	}
	return client.Secret(token), nil
}

// Rejected implements Tokens: another one is there when somebody has renewed it meanwhile.
func (f File) Rejected(r Repository, p Permissions, token client.Secret) bool {
	now, err := f.Token(context.Background(), r, p)
	return err == nil && now != token
}

// LoginTo is how calls about one repository log in.
func LoginTo(tokens Tokens, r Repository, p Permissions) client.Login { return login{tokens, r, p} }

type login struct {
	tokens     Tokens
	repository Repository
	needs      Permissions
}

const bearer = "Bearer "

// Authorization implements client.Login.
func (l login) Authorization(ctx context.Context) (client.Secret, error) {
	token, err := l.tokens.Token(ctx, l.repository, l.needs)
	return bearer + token, err
}

// Rejected implements client.Login.
func (l login) Rejected(s client.Secret) bool {
	return l.tokens.Rejected(l.repository, l.needs, client.Secret(strings.TrimPrefix(string(s), bearer)))
}
