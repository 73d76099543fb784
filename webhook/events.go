package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Names of events in figures and in the log, besides those that are decoded.
const (
	// eventOther is any event that nothing is done about.
	eventOther = "other"
	// eventPing is sent when a webhook is set up.
	eventPing = "ping"
)

// decodedEvents are the events of GitHub that something may be done about.
func decodedEvents() []string {
	return []string{"push", "pull_request", "issue_comment", "check_run", "check_suite", "installation", "installation_repositories"}
}

// read makes hints of what was decoded, by the event that it is.
func (p *payload) read(event string) ([]Hint, error) {
	switch event {
	case "push":
		return p.push()
	case "pull_request":
		return p.pullRequest()
	case "issue_comment":
		return p.comment()
	case "check_run":
		return p.checkRun()
	case "check_suite":
		return p.checkSuite()
	default: // installation, installation_repositories
		return p.installation()
	}
}

// payload is what is read of a delivery, whatever its event: where it happened, and no more. All may be missing or null.
type payload struct {
	Action     string      `json:"action"`
	Repository *repository `json:"repository"`

	Ref string `json:"ref"`

	Number int `json:"number"`

	Issue *struct {
		Number      int       `json:"number"`
		PullRequest *struct{} `json:"pull_request"`
	} `json:"issue"`
	Comment *struct {
		ID   int64  `json:"id"`
		Body string `json:"body"`
	} `json:"comment"`

	CheckRun *struct {
		ID   int64  `json:"id"`
		Head string `json:"head_sha"`
	} `json:"check_run"`
	CheckSuite *struct {
		Head string `json:"head_sha"`
	} `json:"check_suite"`

	Installation *struct {
		HTML    string `json:"html_url"`
		Account *struct {
			HTML string `json:"html_url"`
		} `json:"account"`
	} `json:"installation"`
	Repositories []installed `json:"repositories"`
	Added        []installed `json:"repositories_added"`
	Removed      []installed `json:"repositories_removed"`
}

// repository is where something happened.
type repository struct {
	Clone string `json:"clone_url"`
	SSH   string `json:"ssh_url"`
	HTML  string `json:"html_url"`
}

// installed is a repository as the events of an installation list it, without its address.
type installed struct {
	FullName string `json:"full_name"`
}

// decode reads the body of a delivery. It has no hints when nothing has to be done about it.
func decode(event string, body []byte) ([]Hint, error) {
	if !slices.Contains(decodedEvents(), event) { // it is still to be JSON
		if !json.Valid(body) {
			return nil, errors.New("the body is not JSON")
		}
		return nil, nil
	}
	var p payload
	err := json.Unmarshal(body, &p)
	var hints []Hint
	if err == nil {
		hints, err = p.read(event)
	}
	if err != nil {
		return nil, fmt.Errorf("the body is not a %s of GitHub: %w", event, err)
	}
	return hints, nil
}

// about begins a hint about the repository of a delivery.
func (p *payload) about(s Subject) (Hint, error) {
	if p.Repository == nil {
		return Hint{}, errors.New("it has no repository")
	}
	address := p.Repository.Clone
	if address == "" {
		address = p.Repository.HTML
	}
	if address == "" {
		return Hint{}, errors.New("its repository has no clone_url")
	}
	return Hint{Subject: s, Repository: address, SSH: p.Repository.SSH}, nil
}

// push is about any ref: a tag too can bring a commit that somebody waits for, and a branch that is deleted is news.
func (p *payload) push() ([]Hint, error) {
	h, err := p.about(Push)
	if err != nil {
		return nil, err
	}
	if p.Ref == "" {
		return nil, errors.New("it has no ref")
	}
	h.Ref = p.Ref
	return []Hint{h}, nil
}

// pullRequestActions are those after which something else may be said of a pull request. Labels and reviewers are not
// among them.
func pullRequestActions() []string {
	return []string{"opened", "reopened", "synchronize", "edited", "closed", "ready_for_review"}
}

func (p *payload) pullRequest() ([]Hint, error) {
	h, err := p.about(PullRequest)
	if err != nil {
		return nil, err
	}
	if p.Number <= 0 {
		return nil, errors.New("it has no number")
	}
	if !slices.Contains(pullRequestActions(), p.Action) {
		return nil, nil
	}
	h.Number = p.Number
	return []Hint{h}, nil
}

// commandPrefix begins a line of a comment that asks for something.
const commandPrefix = "/plateform"

// comment is about new comments with a command in them. Edits do not count: who wrote a comment need not be who edits it.
func (p *payload) comment() ([]Hint, error) {
	h, err := p.about(Comment)
	if err != nil {
		return nil, err
	}
	if p.Issue == nil || p.Issue.Number <= 0 || p.Comment == nil || p.Comment.ID <= 0 {
		return nil, errors.New("it has no issue and comment")
	}
	if p.Action != "created" || p.Issue.PullRequest == nil || !asks(p.Comment.Body) {
		return nil, nil
	}
	h.Number, h.Comment = p.Issue.Number, p.Comment.ID
	return []Hint{h}, nil
}

// asks says that a comment may hold a command.
func asks(comment string) bool {
	for line := range strings.Lines(comment) {
		if strings.HasPrefix(strings.TrimSpace(line), commandPrefix) {
			return true
		}
	}
	return false
}

// rerequested is what people do with checks. What else becomes of them, Plateform mostly did itself.
const rerequested = "rerequested"

func (p *payload) checkRun() ([]Hint, error) {
	h, err := p.about(Checks)
	if err != nil {
		return nil, err
	}
	if p.CheckRun == nil || p.CheckRun.ID <= 0 || p.CheckRun.Head == "" {
		return nil, errors.New("it has no check_run")
	}
	if p.Action != rerequested {
		return nil, nil
	}
	h.Commit, h.Run = p.CheckRun.Head, p.CheckRun.ID
	return []Hint{h}, nil
}

func (p *payload) checkSuite() ([]Hint, error) {
	h, err := p.about(Checks)
	if err != nil {
		return nil, err
	}
	if p.CheckSuite == nil || p.CheckSuite.Head == "" {
		return nil, errors.New("it has no check_suite")
	}
	if p.Action != rerequested {
		return nil, nil
	}
	h.Commit = p.CheckSuite.Head
	return []Hint{h}, nil
}

// installation is about repositories that an App may read from now on, or not any more. Their addresses are made of their
// names and of the host that the account is at.
func (p *payload) installation() ([]Hint, error) {
	if p.Installation == nil {
		return nil, errors.New("it has no installation")
	}
	host := p.host()
	var hints []Hint
	for _, r := range slices.Concat(p.Repositories, p.Added, p.Removed) {
		if host == "" || r.FullName == "" {
			return nil, errors.New("it does not say where its repositories are")
		}
		hints = append(hints, Hint{Subject: Access, Repository: host + "/" + r.FullName})
	}
	return hints, nil
}

// host is where an installation is, as https://github.com; empty when that is not said.
func (p *payload) host() string {
	at := p.Installation.HTML
	if a := p.Installation.Account; a != nil && a.HTML != "" {
		at = a.HTML
	}
	u, err := url.Parse(at)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
