package jenkins

import (
	"regexp"
	"slices"
	"strings"
)

const (
	// maxReasons is how many reasons are told of one build: people want to know why it waits, and not each agent that is busy.
	maxReasons = 3
	// maxReason bounds one, in characters.
	maxReason = 200
)

var (
	// counting is what changes in a reason while it stays the same: numbers, and times such as 4 min 3 sec.
	counting = regexp.MustCompile(`[0-9][0-9.,:]*( ?(ms|sec|seconds?|min|minutes?|hr|hours?|days?)\b)?`)
	// quiet is the reason of all items for some seconds.
	quiet = regexp.MustCompile(`(?i)^in the quiet period`)
)

// waits takes in why the build waits in the queue. A reason that was told is told no more. The builder's lock is held.
func (known *build) waits(why string) {
	why = oneLine(why)
	if runes := []rune(why); len(runes) > maxReason {
		why = string(runes[:maxReason]) + "…"
	}
	same := strings.Join(strings.Fields(counting.ReplaceAllString(why, " ")), " ")
	if why == "" || quiet.MatchString(why) || len(known.reasons) >= maxReasons || slices.Contains(known.reasons, same) {
		return
	}
	known.reasons = append(known.reasons, same)
	known.status.Queued = "Jenkins: " + why
}
