package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// A trap is a hook in a bare repository that acts at one moment of a push by Plateform: before the branch has moved
// (pre-receive) or after it has (post-receive). It goes off once each time it is set.

// killOn makes the next push by Plateform that moves the ref end serve with SIGKILL at that moment.
func (w *world) killOn(r *repo, hook, ref string) {
	w.t.Helper()
	r.trap(hook, ref, "kill -9 "+strconv.Itoa(w.server.cmd.Process.Pid))
}

// beat makes the next push by Plateform arrive just after one of somebody else, who adds a file.
func (r *repo) beat(file string) {
	r.t.Helper()
	r.trap("pre-receive", "refs/heads/main", fmt.Sprintf(`
		unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES
		export GIT_INDEX_FILE=beat-index GIT_AUTHOR_NAME=mallory GIT_AUTHOR_EMAIL=m@example.com GIT_COMMITTER_NAME=mallory GIT_COMMITTER_EMAIL=m@example.com
		git read-tree main
		git update-index --add --cacheinfo 100644,$(echo %[1]s | git hash-object -w --stdin),%[1]s
		git update-ref refs/heads/main $(git commit-tree -p main -m 'Add %[1]s' $(git write-tree)) $old`, file))
}

// trap writes the hook. It looks at who made the commit, so that people's pushes do not set it off.
func (r *repo) trap(hook, ref, act string) {
	r.t.Helper()
	set := filepath.Join(r.bare, "trap-"+hook)
	script := fmt.Sprintf(`#!/bin/sh
while read old new ref; do
	[ "$ref" = %q ] || continue
	[ "$(git log -1 --format=%%an $new)" = Plateform ] || continue
	rm %q 2>/dev/null || continue
	%s
done
`, ref, set, act)
	if err := os.WriteFile(filepath.Join(r.bare, "hooks", hook), []byte(script), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(set, nil, 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// sprung says that the trap has gone off.
func (r *repo) sprung(hook string) bool {
	_, err := os.Stat(filepath.Join(r.bare, "trap-"+hook))
	return os.IsNotExist(err)
}
