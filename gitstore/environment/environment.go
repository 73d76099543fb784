// Package environment is what git is told by variables.
package environment

import (
	"os"
	"slices"
	"strings"
)

// aboutRepository are the variables that tell git which repository it works on, and how.
var aboutRepository = []string{
	"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
	"GIT_SHALLOW_FILE", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_QUARANTINE_PATH", "GIT_GRAFT_FILE",
}

// Clean is that of this process without what it says of one repository, for git that is to work on another: hooks, for
// example, run with GIT_DIR.
func Clean() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(aboutRepository, name)
	})
}
