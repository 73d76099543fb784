package router_test

import (
	"net/http"
	"testing"

	"github.com/plateform/plateform/reconciler/localrun/router"
)

func TestRequestsGoByHost(t *testing.T) {
	r := start(t, router.Options{})
	r.Set("shop-ws-1.localhost", site(newApp(t, says("shop"))))
	r.Set("Blog-WS-1.localhost", site(newApp(t, says("blog"))))
	for host, want := range map[string]string{
		"shop-ws-1.localhost":         "shop",
		"shop-ws-1.localhost:8480":    "shop",
		"SHOP-ws-1.LOCALHOST.:8480":   "shop",
		"blog-ws-1.localhost.":        "blog",
		"blog-ws-1.localhost.:123456": "blog",
	} {
		if status, body := r.get("http://router/", "Host: "+host); status != http.StatusOK || body != want {
			t.Errorf("%s: %d %s, want %s", host, status, body, want)
		}
	}
	r.Remove("shop-ws-1.localhost")
	if status, body := r.get("http://shop-ws-1.localhost/"); status != http.StatusNotFound {
		t.Errorf("a host that was removed: %d %s", status, body)
	}
}
