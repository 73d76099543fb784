package main

import (
	"os"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
)

// scriptOpens opens a ciphertext as an engine does: opens IDENTITYFILE FILE WS/PROJECT/NAME OWNER TEXT. TEXT is the value, with \n
// for newlines, or part of the error.
func scriptOpens(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 5 {
		ts.Fatalf("usage: opens IDENTITYFILE FILE WS/PROJECT/NAME OWNER TEXT")
	}
	keys, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	identities, err := secret.ParseIdentities(keys)
	ts.Check(err)
	place := strings.Split(args[2], "/")
	owner, err := strconv.ParseInt(args[3], 10, 64)
	ts.Check(err)
	value, err := identities.Open(strings.TrimSpace(ts.ReadFile(args[1])), manifest.SecretAt(manifest.Key{Workspace: place[0], Project: place[1]}, owner, place[2]))
	want := strings.ReplaceAll(args[4], `\n`, "\n")
	if err != nil && strings.Contains(err.Error(), want) || err == nil && value.Reveal() == want {
		return
	}
	ts.Fatalf("it is %q, %v, want %q", value.Reveal(), err, want)
}
