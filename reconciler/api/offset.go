package api

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/plateform/plateform/reconciler"
)

// offset says what a reader has of a run: how many stages, and of each build which lines of which try. Stages only go forward and lines
// stay in their order, so that it means the same after a restart.
type offset struct {
	// stage is the rank of the last stage.
	stage  int
	builds map[string]*place
}

// maxOffset bounds the text of an offset.
const maxOffset = 8 << 10

var errOffset = errors.New("the offset is not one that was given out here (leave from out to begin at the beginning)")

// rank of a stage among the others.
func rank(s reconciler.Stage) int {
	order := []reconciler.Stage{
		reconciler.StageQueued, reconciler.StageBuilding, reconciler.StageScanning, reconciler.StagePushing,
		reconciler.StageUpdatingGitOps, reconciler.StageSynced, reconciler.StageDeployed,
	}
	if at := slices.Index(order, s); at >= 0 {
		return at + 1
	}
	return len(order) + 1
}

// parseOffset reads what String has written; empty and 0 are the beginning.
func parseOffset(text string) (offset, error) {
	o := offset{builds: map[string]*place{}}
	if text == "" {
		return o, nil
	}
	if len(text) > maxOffset {
		return o, errOffset
	}
	first, rest, _ := strings.Cut(text, ".")
	stage, err := strconv.ParseUint(first, 10, 8)
	if err != nil {
		return o, errOffset
	}
	o.stage = int(stage)
	if rest == "" {
		return o, nil
	}
	for part := range strings.SplitSeq(rest, ".") {
		fields := strings.Split(part, "~")
		if len(fields) != 3 || fields[0] == "" || fields[1] == "" || len(o.builds) >= maxBuilds {
			return o, errOffset
		}
		lines, err := strconv.ParseUint(fields[2], 10, 32)
		if err != nil {
			return o, errOffset
		}
		o.builds[fields[0]] = &place{mark: fields[1], lines: int64(lines)}
	}
	return o, nil
}

// String is the offset as readers are given it.
func (o offset) String() string {
	var b strings.Builder
	b.WriteString(strconv.Itoa(o.stage))
	for _, id := range slices.SortedFunc(maps.Keys(o.builds), cmp.Compare[string]) {
		if p := o.builds[id]; p.mark != "" {
			fmt.Fprintf(&b, ".%s~%s~%d", id, p.mark, p.lines)
		}
	}
	return b.String()
}

// of is how far the reader is in the log of a build.
func (o offset) of(id string) *place {
	p := o.builds[id]
	if p == nil {
		p = &place{}
		o.builds[id] = p
	}
	return p
}
