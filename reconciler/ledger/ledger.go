package ledger

import (
	"errors"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// ErrNoCommit is what a Reader answers, wrapped or not, when a commit is not at hand: it is gone after a rewritten history,
// or the clone is a shallow one.
var ErrNoCommit = errors.New("the commit is not at hand")

// Branch is one branch of a repository at one commit.
type Branch struct {
	// Reader of the repository. For a commit that is not at hand it returns ErrNoCommit.
	Reader reconciler.Reader
	// Head is the commit to look at.
	Head string
	// Name of the branch, for messages.
	Name string
}

// Repositories are what a Ledger reads.
type Repositories struct {
	Config Branch
	// GitOps is nil when that repository is not known: then nobody can say what runs.
	GitOps *Branch
	// Notes is the commit of the config repository that holds the notes; empty when there are none.
	Notes string
	// Charts say which chart a project at HEAD uses.
	Charts reconciler.Charts
}

// Ledger answers what ran when, and why. It reads each thing once, and is for one goroutine.
type Ledger struct {
	at    Repositories
	now   time.Time
	trust *config.Trust
	// catalog is all of the config repository at the head; nil before somebody asked.
	catalog *config.Catalog

	config *line
	gitops *line // nil when GitOps is not known
	notes  *notes

	// touches are what was done to the files of each project, the oldest first; nil before somebody asked.
	touches map[manifest.Key][]touch
}

// Open begins to read. A config repository that is none is a config.ErrNoConfig.
func Open(at Repositories, now time.Time) (*Ledger, error) {
	trust, err := config.ReadTrust(at.Config.Reader, at.Config.Head)
	if err != nil {
		return nil, err
	}
	l := &Ledger{at: at, now: now, trust: trust, config: newLine(at.Config)}
	if at.GitOps != nil {
		l.gitops = newLine(*at.GitOps)
	}
	l.notes = &notes{reader: at.Config.Reader, at: at.Notes, config: l.config}
	return l, nil
}

// gitopsHead is the commit of the GitOps repository that is looked at; empty when it is not known.
func (l *Ledger) gitopsHead() string {
	if l.gitops == nil {
		return ""
	}
	return l.gitops.Head
}
