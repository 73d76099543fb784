package gitstore

import (
	"context"
	"strings"
	"testing"

	"github.com/plateform/plateform/test/gitserver"
)

func TestCheckPushChangesNothing(t *testing.T) {
	for _, tr := range transports() {
		t.Run(tr.name, func(t *testing.T) {
			r, o := tr.make(t)
			if err := openStore(t, o).CheckPush(t.Context()); err != nil {
				t.Errorf("an empty repository: %v", err)
			}
			head := r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"x": "1"}})
			if err := openStore(t, o).CheckPush(t.Context()); err != nil {
				t.Error(err)
			}
			if r.Head("main") != head {
				t.Errorf("main moved to %s", r.Head("main"))
			}
		})
	}
}

func TestCheckPushIsRefusedWithoutRights(t *testing.T) {
	server := gitserver.New(t)
	r := server.Create(t, "private")
	server.RequireLogin("private", "x-access-token", "right")
	access := Access{Credentials: func(context.Context, string) (Credential, error) {
		return Credential{Username: "x-access-token", Password: "wrong"}, nil
	}}
	err := openStore(t, Options{URL: r.URL, Access: access}).CheckPush(t.Context())
	if err == nil || strings.Contains(err.Error(), "wrong") {
		t.Errorf("got %v, want an error without the password", err)
	}
}
