package reconciler

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/plateform/plateform/manifest"
)

// LostWhat says in a sentence what is wrong with a source. It depends on nothing but the reason and the source as written, so
// that looking again changes nothing that is remembered.
func LostWhat(r manifest.LostReason, s manifest.Source) string {
	switch r {
	case manifest.LostBranch:
		return fmt.Sprintf("there is no branch %s in %s", cmp.Or(s.Branch, "main"), s.Repository)
	case manifest.LostTag:
		return fmt.Sprintf("%s is a tag in %s, and no branch", cmp.Or(s.Branch, "main"), s.Repository)
	case manifest.LostEmpty:
		return fmt.Sprintf("%s is empty: it has no branch %s, nor any other", s.Repository, cmp.Or(s.Branch, "main"))
	case manifest.LostFolder:
		return fmt.Sprintf("there is no folder %s in %s", s.Path, s.Repository)
	case manifest.LostNotFolder:
		return fmt.Sprintf("%s in %s is a file, a symlink or a submodule, and no folder", s.Path, s.Repository)
	case manifest.LostCommit:
		return fmt.Sprintf("there is no commit %.10s in %s", s.Revision, s.Repository)
	case manifest.LostRepository:
		return s.Repository + " is not there, or Plateform may not read it"
	case manifest.LostFormat:
		return s.Repository + " names its objects by another hash than sha1, which cannot be read"
	}
	return s.Repository + " cannot be reached"
}

// LostWords say of sources that are not followed what is wrong and what to do, in one line.
func LostWords(lost []manifest.LostSource) string {
	var words []string
	for _, l := range lost {
		what := "the source"
		if _, service, several := strings.Cut(l.Part, "/"); several {
			what += " of " + service
		}
		fix := LostFix(l.Reason)
		if l.Reason != manifest.LostHost {
			fix += "; it goes on by itself"
		}
		words = append(words, fmt.Sprintf("%s is not followed: %s (%s)", what, l.What, fix))
	}
	return strings.Join(words, ", ")
}

// LostFix is what to do about it.
func LostFix(r manifest.LostReason) string {
	switch r {
	case manifest.LostBranch:
		return "create it, or change source.branch"
	case manifest.LostTag:
		return "name its commit in source.revision, or a branch in source.branch"
	case manifest.LostEmpty:
		return "push to it"
	case manifest.LostFolder:
		return "bring it back, or change source.path"
	case manifest.LostNotFolder:
		return "name a folder in source.path; without it, all of the repository is built"
	case manifest.LostCommit:
		return "push it, or change source.revision"
	case manifest.LostRepository:
		return "bring it back, let Plateform read it, or change source.repository"
	case manifest.LostFormat:
		return "move it to a repository that names its objects by sha1, and change source.repository"
	}
	return "nothing: it is asked again by itself"
}
