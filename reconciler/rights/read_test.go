package rights_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/rights"
)

// Whoever is anything in a workspace may see what goes on there, and nobody else; what cannot be read is for platform admins alone.
func TestMayRead(t *testing.T) {
	w := newWorld(t, platformHead+admins)
	w.commit(files{manifest.WorkspaceFile("ws-2"): "kind: Broken\n"})
	reader, head := w.open(), w.repo.Head("main")
	for workspace, want := range map[string]string{
		"ws-1": devs + " 5", "ws-2": everyAdmin, "ws-3": everyAdmin, "../ws-1": everyAdmin, "": everyAdmin,
	} {
		if got := readers(t, reader, head, workspace); got != want {
			t.Errorf("%q may be read by %q, want %q", workspace, got, want)
		}
	}
	if got := readers(t, reader, "", "ws-1"); got != no {
		t.Errorf("before the first commit it may be read by %q", got)
	}
	gone := w.commit(files{manifest.PlatformFile: "kind: Broken\n"})
	if got := readers(t, reader, gone, "ws-1"); got != "2 3 4 5" {
		t.Errorf("with a platform.yaml that cannot be read it may be read by %q", got)
	}
}

// readers are the ids of the people who may read a workspace.
func readers(t *testing.T, reader reconciler.Reader, head, workspace string) string {
	t.Helper()
	var ids []string
	for _, who := range people {
		may, err := rights.MayRead(reader, head, workspace, who)
		if err != nil {
			t.Fatal(err)
		}
		if may {
			ids = append(ids, fmt.Sprint(who.ID))
		}
	}
	return strings.Join(ids, " ")
}
