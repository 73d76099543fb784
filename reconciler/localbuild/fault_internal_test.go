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
