package localbuild

import (
	"errors"
	"testing"
)

func TestWhatPeopleAreToldOfTheMachine(t *testing.T) {
	trouble := &Trouble{What: "the machine cannot", Err: errors.New("open /srv/data/work/1/x:\n\x1b[31mno"), Fix: "wait"}
	if got, want := troubleText(trouble, "/srv/data"), "the machine cannot: open dataDir/work/1/x: no (wait)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What a tool says of files names them as the source does.
func TestAFailureNamesFilesAsTheSourceDoes(t *testing.T) {
	fault := &Fault{What: "it does not compile", Err: errors.New("reading lib/go.mod: open /srv/data/work/17ab/source/lib/go.mod: no such file; /srv/data/work/17ab/source; /srv/data/logs"), Fix: "push it"}
	want := "it does not compile: reading lib/go.mod: open ./lib/go.mod: no such file; ./; dataDir/logs (push it)"
	if got := failureText(fault, "/srv/data", "plateform retry ws-1/shop"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
