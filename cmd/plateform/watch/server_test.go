package watch

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/api"
)

// A server that takes the question and never begins to answer is given up on, whether its run is followed or not.
func TestAServerThatNeverBeginsToAnswer(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = connection.Close() })
		}
	}()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("a token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	from, err := at("http://"+listener.Addr().String(), token)
	if err != nil {
		t.Fatal(err)
	}
	from.client = newClient(50 * time.Millisecond)
	for _, follow := range []bool{false, true} {
		err := from.stream(t.Context(), manifest.Key{Workspace: "ws-1", Project: "shop"}, "r1", streamQuestion{follow: follow}, func(api.Frame) error { return nil })
		if err == nil || !strings.Contains(err.Error(), "the server does not answer") {
			t.Errorf("with follow %v it is %v", follow, err)
		}
	}
}
