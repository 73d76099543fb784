package manifest

import "time"

// LostReason says why a source cannot be read.
type LostReason string

// The reasons. All but the last are for somebody to mend; a host that does not answer is only asked again.
const (
	LostBranch     LostReason = "no branch"
	LostTag        LostReason = "a tag" // where a branch is to be
	LostEmpty      LostReason = "empty" // no branch at all
	LostFolder     LostReason = "no folder"
	LostNotFolder  LostReason = "not a folder" // a file, a symlink or a submodule is in its place
	LostCommit     LostReason = "no commit"
	LostRepository LostReason = "no access"      // it is not there, or Plateform may not read it
	LostFormat     LostReason = "unknown format" // its objects have names that cannot be read here
	LostHost       LostReason = "no answer"
)

// LostSource is a source that a project does not follow, and why. What runs keeps running.
type LostSource struct {
	// Part of the project: source, or source/<service>.
	Part   string     `yaml:"part" json:"part"`
	Reason LostReason `yaml:"reason" json:"reason"`
	// What is wrong, in a sentence.
	What string `yaml:"what" json:"what"`
	// Since is when the first of the looks failed, in UTC, to the second.
	Since time.Time `yaml:"since" json:"since"`
}
