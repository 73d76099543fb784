package main

import (
	"bytes"
	"encoding/json"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/plateform/plateform/cmd/plateform/exit"
)

func TestVersionIsWhatTheGoCommandWrote(t *testing.T) {
	settings := []debug.BuildSetting{{Key: "vcs.revision", Value: strings.Repeat("1a", 20)}, {Key: "vcs.modified", Value: "true"}}
	for _, test := range []struct {
		info *debug.BuildInfo
		want string
	}{
		{nil, "plateform (devel), "},
		{&debug.BuildInfo{}, "plateform (devel), "},
		{&debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: settings[:1]}, "plateform v1.2.3, commit 1a1a1a1a1a, "},
		{&debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: settings}, "plateform v1.2.3, commit 1a1a1a1a1a with changes, "},
	} {
		if got := versionOf(test.info).String(); !strings.HasPrefix(got, test.want) {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestVersionPrintsJSON(t *testing.T) {
	var out bytes.Buffer
	a := &app{output: output{stdout: &out, stderr: &out}}
	if code := a.run(t.Context(), []string{"version", "--output", "json"}); code != exit.OK {
		t.Fatalf("exit code %d: %s", code, &out)
	}
	var v Version
	if err := json.Unmarshal(out.Bytes(), &v); err != nil || v.Version == "" || !strings.HasPrefix(v.Go, "go1.") || !strings.Contains(v.Platform, "/") {
		t.Errorf("%s: %+v, %v", &out, v, err)
	}
}
