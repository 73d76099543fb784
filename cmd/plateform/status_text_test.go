package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/plateform/plateform/cmd/plateform/running"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/ledger"
)

// What is to be done stands behind its reason, and once behind the last of several that it is for.
func TestReasonsAndWhatToDo(t *testing.T) {
	var out bytes.Buffer
	o := &output{stdout: &out, now: time.Now}
	o.printProject(ledger.Project{
		Key: manifest.Key{Workspace: "ws-1", Project: "shop"}, State: ledger.StateFailed,
		Reasons: []ledger.Reason{
			{Next: []string{"wait"}},
			{Why: "it is held", Next: []string{"nothing"}},
			{Why: "one is wrong", Next: []string{"mend it"}},
			{Why: "two is wrong", Next: []string{"mend it", "look at the log"}},
			{Why: "and more"},
		},
	}, true, running.States{})
	want := `ws-1/shop failed
  runs      nothing yet
  next      wait
  why       it is held
  next      nothing
  why       one is wrong
  why       two is wrong
  next      mend it
  next      look at the log
  why       and more
`
	if got := out.String(); got != want {
		t.Errorf("it prints\n%s\nwant\n%s", got, want)
	}
}
