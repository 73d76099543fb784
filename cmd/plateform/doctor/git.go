package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/cmd/plateform/git"
	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
)

// gitVersion finds the version in what git says of itself.
var gitVersion = regexp.MustCompile(`git version (\d+)\.(\d+)\S*`)

// oldestGit is the first version that commands work with: 2.30.
const oldestGitMajor, oldestGitMinor = 2, 30

func (d *examination) checkGit(ctx context.Context) []Diagnosis {
	said, err := git.Command{Dir: "."}.Run(ctx, "--version")
	if err != nil {
		return []Diagnosis{broken("git", err, "install git 2.30 or newer")}
	}
	version := gitVersion.FindStringSubmatch(said)
	if version == nil {
		return []Diagnosis{warn("git", fmt.Sprintf("it calls itself %q", said), "use git 2.30 or newer")}
	}
	major, _ := strconv.Atoi(version[1])
	minor, _ := strconv.Atoi(version[2])
	if major < oldestGitMajor || major == oldestGitMajor && minor < oldestGitMinor {
		return []Diagnosis{fail("git", said, "install git 2.30 or newer")}
	}
	return []Diagnosis{ok("git", "%s", strings.TrimPrefix(said, "git "))}
}

// checkConfig looks at the config repository and reads it for the checks that come after.
func (d *examination) checkConfig(ctx context.Context) []Diagnosis {
	const what = "config repository"
	r := d.settings.Config
	head, err := d.config.Fetch(ctx)
	if err != nil {
		return []Diagnosis{broken(what, err, remoteFix(err, "config"))}
	}
	if head == "" {
		return []Diagnosis{fail(what, fmt.Sprintf("%s has no branch %s", gitstore.Redact(r.URL), r.Branch), "push to it, or set config.branch; plateform init makes a first one")}
	}
	found := []Diagnosis{ok(what, "%s, %s at %s", gitstore.Redact(r.URL), r.Branch, terminal.Short(head)), d.checkPush(ctx, what, d.config, r)}
	return append(append(found, checkHistory(what, d.config)...), d.readConfig(head)...)
}

// readConfig says what is wrong with the files of the config repository.
func (d *examination) readConfig(head string) []Diagnosis {
	const what = "config files"
	files := gitstore.FS(d.config, head)
	config, problems := manifest.Load(files)
	problems = append(problems, manifest.LocateIn(files, config.Validate())...)
	d.head = head
	d.platform, d.projects, d.workspaces = config.Platform, config.Projects, config.Workspaces
	switch {
	case config.Platform == nil && len(problems) == 0:
		return []Diagnosis{fail(what, fmt.Sprintf("there is no %s", manifest.PlatformFile), "is config.url a config repository? plateform init makes one")}
	case len(problems) > 0:
		return []Diagnosis{warn(what, fmt.Sprintf("%s; the first: %s", terminal.Count(len(problems), "problem"), terminal.Plain(problems[0].String())), "plateform validate tells all")}
	}
	return []Diagnosis{ok(what, "%s, %s, no problems", terminal.Count(len(config.Workspaces), "workspace"), terminal.Count(len(config.Projects), "project"))}
}

func (d *examination) checkGitOps(ctx context.Context) []Diagnosis {
	const what = "GitOps repository"
	r := d.settings.GitOps
	head, err := d.gitops.Fetch(ctx)
	if err != nil {
		return []Diagnosis{broken(what, err, remoteFix(err, "gitops"))}
	}
	at := "is not there yet: serve makes it"
	if head != "" {
		at = "at " + terminal.Short(head)
	}
	found := []Diagnosis{ok(what, "%s, %s %s", gitstore.Redact(r.URL), r.Branch, at), d.checkPush(ctx, what, d.gitops, r)}
	return append(found, checkHistory(what, d.gitops)...)
}

// checkHistory says that the history of a repository was cut; nothing when it is whole.
func checkHistory(what string, store *gitstore.Store) []Diagnosis {
	end := store.HistoryEnd()
	if end == "" {
		return nil
	}
	return []Diagnosis{warn(what+", history", fmt.Sprintf("%s; the oldest commit is %s", installation.ShallowHistory, terminal.Short(end)), installation.UnshallowFix)}
}

// checkPush asks whether a repository would take a push.
func (d *examination) checkPush(ctx context.Context, what string, store *gitstore.Store, r installation.RemoteSettings) Diagnosis {
	what += ", writing"
	err := store.CheckPush(ctx)
	if err == nil {
		err = writableFolder(r.URL)
	}
	if err != nil {
		return broken(what, err, pushFix(err))
	}
	if dir, checkedOut := checkedOutAt(ctx, r); checkedOut {
		return fail(what, fmt.Sprintf("%s is checked out in %s: git refuses pushes to it", r.Branch, dir),
			"use a bare repository, or run there: git config receive.denyCurrentBranch updateInstead")
	}
	if hook := writeHook(r.URL); hook != "" {
		return ok(what, "a push may begin; %s decides what gets in, and serve tells at /readyz when it refuses", hook)
	}
	return ok(what, "a push may begin; what rules, hooks or a quota of the server say to it only a push can tell")
}

// folders are where a repository that is a folder of this machine may have its own files.
func folders(url string) []string {
	dir := strings.TrimPrefix(url, "file://")
	return []string{dir, filepath.Join(dir, ".git")}
}

// checkedOutAt says that a repository is a folder of this machine with a work tree of the branch, which git does not let
// others move.
func checkedOutAt(ctx context.Context, r installation.RemoteSettings) (dir string, checkedOut bool) {
	dir = strings.TrimPrefix(r.URL, "file://")
	head, err := os.ReadFile(filepath.Join(dir, ".git", "HEAD"))
	if err != nil || strings.TrimSpace(string(head)) != "ref: refs/heads/"+r.Branch {
		return dir, false
	}
	allowed, err := git.Command{Dir: dir}.Run(ctx, "config", "--get", "receive.denyCurrentBranch")
	if err != nil {
		return dir, true // it is not set: git refuses
	}
	return dir, !slices.Contains([]string{"false", "no", "off", "ignore", "warn", "updateInstead", "updateinstead"}, strings.TrimSpace(allowed))
}

// writeHook is the hook that may refuse a push to a repository that is a folder of this machine; empty when there is none.
func writeHook(url string) string {
	for _, dir := range folders(url) {
		for _, name := range []string{"pre-receive", "update"} {
			file := filepath.Join(dir, "hooks", name)
			if info, err := os.Stat(file); err == nil && info.Mode()&0o111 != 0 {
				return file
			}
		}
	}
	return ""
}

// writableFolder says whether a repository that is a folder of this machine can be written to. A server checks that
// before a push begins, git itself only on the way. Opening a file for writing changes nothing of it.
func writableFolder(url string) error {
	for _, dir := range folders(url) {
		f, err := os.OpenFile(filepath.Join(dir, "HEAD"), os.O_WRONLY, 0)
		switch {
		case err == nil:
			return f.Close()
		case errors.Is(err, os.ErrPermission):
			return err
		}
	}
	return nil // it is no folder
}

// Bounds of the questions to source repositories.
const (
	sourcesAtOnce  = 4
	sourcesInWords = 10 // how many are named that do not answer
)

// checkSources asks every source repository where its branch is, a few at a time. What is not asked when time is up is
// said.
func (d *examination) checkSources(ctx context.Context) []Diagnosis {
	const what = "sources"
	if d.platform == nil {
		return []Diagnosis{warn(what, "not asked: the config repository cannot be read", "mend that first")}
	}
	sources := d.distinctSources()
	access := d.github.Sources(d.settings.SourceAccess())
	access.CallTimeout = d.timeout
	remote := gitstore.NewRemote(gitstore.RemoteOptions{Access: access, Dir: d.dir})
	defer remote.Close()
	failures := make([]error, len(sources))
	var group errgroup.Group
	group.SetLimit(sourcesAtOnce)
	for i, source := range sources {
		group.Go(func() error {
			if failures[i] = ctx.Err(); failures[i] == nil {
				failures[i] = askSourceOf(ctx, remote, source)
			}
			return nil
		})
	}
	_ = group.Wait() // failures has what went wrong
	return sourceDiagnoses(what, failures)
}

// askSourceOf asks for the branch and the folder of a source. A pinned one needs no branch.
func askSourceOf(ctx context.Context, remote *gitstore.Remote, source manifest.Source) error {
	pinned := source.Revision != ""
	places := []gitstore.Place{{Branch: source.Branch}}
	if source.Path != "" {
		places = append(places, gitstore.Place{Branch: source.Branch, Revision: source.Revision, Path: source.Path})
	}
	found, err := remote.Tips(ctx, source.Repository, places)
	if err != nil {
		return err
	}
	for _, f := range found {
		if f.Err != nil && !(pinned && errors.Is(f.Err, gitstore.ErrNoBranch)) {
			return f.Err
		}
	}
	return nil
}

// distinctSources are the places that projects are built from and that the platform allows, sorted.
func (d *examination) distinctSources() []manifest.Source {
	var all []manifest.Source
	for _, project := range d.projects {
		if project == nil {
			continue
		}
		for _, input := range manifest.SourceInputs(project.Spec) {
			source := manifest.Source{Repository: input.Source.Repository, Branch: input.Source.Branch, Revision: input.Source.Revision, Path: input.Source.Path}
			if source.Repository != "" && manifest.AllowedSource(d.platform, source.Repository) == nil {
				all = append(all, source)
			}
		}
	}
	key := func(s manifest.Source) string { return s.Repository + " " + s.Branch + " " + s.Revision + " " + s.Path }
	slices.SortFunc(all, func(a, b manifest.Source) int { return strings.Compare(key(a), key(b)) })
	return slices.CompactFunc(all, func(a, b manifest.Source) bool { return key(a) == key(b) })
}

func sourceDiagnoses(what string, failures []error) []Diagnosis {
	var found []Diagnosis
	late, silent := 0, 0
	for _, err := range failures {
		switch {
		case err == nil:
		case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
			late++
		default:
			if silent++; silent <= sourcesInWords {
				found = append(found, broken(what, err, sourceFix(err)))
			}
		}
	}
	if silent > sourcesInWords {
		found = append(found, fail(what, fmt.Sprintf("%d more do not answer", silent-sourcesInWords), "mend those above first"))
	}
	if late > 0 {
		found = append(found, warn(what, fmt.Sprintf("%d of %d gave no answer in time", late, len(failures)), "give more with --timeout"))
	}
	if answered := len(failures) - late - silent; answered > 0 || len(failures) == 0 {
		found = append([]Diagnosis{ok(what, "%d of %d answer", answered, len(failures))}, found...)
	}
	return found
}
