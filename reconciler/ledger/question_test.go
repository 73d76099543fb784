package ledger

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
)

func TestParseQuestion(t *testing.T) {
	tests := []struct {
		asked string
		want  Question
	}{
		{"https://shop.example.com/cart?x=1", Question{Kind: AskHost, Host: "shop.example.com"}},
		{"shop.example.com:8443/cart", Question{Kind: AskHost, Host: "shop.example.com"}},
		{"Shop.Example.com", Question{Kind: AskHost, Host: "shop.example.com"}},
		{"localhost:3000", Question{Kind: AskHost, Host: "localhost"}},
		{"9FCEB02", Question{Kind: AskCommit, Hash: "9fceb02"}},
		{"beef", Question{Kind: AskCommit, Hash: "beef"}},
		{"https://github.com/acme/config/commit/9fceb02d0a", Question{Kind: AskCommit, Hash: "9fceb02d0a"}},
		{"https://gitlab.example.com/acme/config/-/commit/9fceb02d0a", Question{Kind: AskCommit, Hash: "9fceb02d0a"}},
		{"sha256:4f5e6d", Question{Kind: AskImage, Hash: "4f5e6d"}},
		{"registry.example.com/ws-1/shop:v1@sha256:4f5e6d", Question{Kind: AskImage, Hash: "4f5e6d"}},
		{"ws-1/shop", Question{Kind: AskProject, Key: manifest.Key{Workspace: "ws-1", Project: "shop"}}},
		{"ws-1/shop@v1.0.3", Question{Kind: AskProject, Key: manifest.Key{Workspace: "ws-1", Project: "shop"},
			Version: manifest.Version{Major: 1, Patch: 3}}},
	}
	for _, tt := range tests {
		tt.want.Asked = tt.asked
		got, err := ParseQuestion(tt.asked)
		if err != nil {
			t.Errorf("%s: %v", tt.asked, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.asked, diff)
		}
	}
	for _, asked := range []string{"", "abc", "what runs?", "http://", "ws-1/shop@1", "a b.com", "sha256:", "https://[::1", "127.0.0.1:5480/ws-1/shop:v1.0.3", "ws-1/shop:v1.0.3"} {
		if q, err := ParseQuestion(asked); err == nil {
			t.Errorf("%q: got %+v, %v, want an error", asked, q, err)
		}
	}
}
