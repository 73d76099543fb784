package doctor

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/plateform/plateform/gitstore"
)

// answerFix is how to mend what a Git server answers, where that does not depend on whose repository it is; empty when it
// does.
func answerFix(err error) string {
	var format *gitstore.FormatError
	if errors.As(err, &format) {
		return "move its history to a repository that names objects by sha1"
	}
	var answer *gitstore.ServerError
	if !errors.As(err, &answer) {
		return ""
	}
	switch status := answer.Status; {
	case answer.MovedTo != "":
		return "write the new address"
	case status == http.StatusTooManyRequests && answer.Wait > 0:
		return fmt.Sprintf("wait for %s; serve goes on by itself", answer.Wait)
	case status == http.StatusTooManyRequests:
		return "wait; serve goes on by itself. If it comes again, raise forge.poll or the limit of the server"
	case status == http.StatusProxyAuthRequired:
		return "give HTTPS_PROXY the credentials that the proxy asks for"
	case status >= http.StatusInternalServerError:
		return "the server is at fault: see its status page or its log; serve tries again by itself"
	case status/100 == 3:
		return "write the address that it redirects to"
	case status == 0:
		return "see what the server says; open the address with git ls-remote to compare"
	}
	return ""
}

// statusOf is the HTTP status that a Git server answered with; 0 when it was none.
func statusOf(err error) int {
	var answer *gitstore.ServerError
	if errors.As(err, &answer) {
		return answer.Status
	}
	return 0
}

// remoteFix is how to make one of the two repositories readable; setting names it in serve.yaml.
func remoteFix(err error, setting string) string {
	if fix := answerFix(err); fix != "" {
		return fix
	}
	switch statusOf(err) {
	case http.StatusUnauthorized:
		return fmt.Sprintf("check %s in serve.yaml: username and passwordFile, or github", setting)
	case http.StatusForbidden:
		return fmt.Sprintf("give the account of %s.username the right to read, or its token the scope for it", setting)
	case http.StatusNotFound, http.StatusGone:
		return fmt.Sprintf("check %s.url in serve.yaml; many servers hide in this way what the account may not read", setting)
	case 0:
		return fmt.Sprintf("check %s in serve.yaml: url, username, passwordFile or sshKeyFile", setting)
	}
	return fmt.Sprintf("see what the server says, and check %s.url in serve.yaml", setting)
}

// pushFix is how to make a repository take pushes.
func pushFix(err error) string {
	if fix := answerFix(err); fix != "" {
		return fix
	}
	return "give the account the right to push; Plateform writes to both repositories"
}

// sourceFix is how to make a source readable.
func sourceFix(err error) string {
	if fix := answerFix(err); fix != "" {
		return fix
	}
	switch statusOf(err) {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return "check source in its project.yaml; a private one needs credentials for its host under sources in serve.yaml"
	}
	return "check source in its project.yaml, and that this machine may read it"
}
