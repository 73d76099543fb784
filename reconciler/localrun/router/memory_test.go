package router

import (
	"fmt"
	"testing"
)

// A machine that has seen a thousand releases knows of the instances of the last ones only.
func TestInstancesAreForgotten(t *testing.T) {
	r := New(Options{})
	shared := "127.0.0.1:1"
	for n := range 100 {
		own := fmt.Sprintf("127.0.0.1:%d", n+2)
		r.Set("shop.localhost", Site{Addresses: []string{own, shared, own}})
		r.Set("blog.localhost", Site{Addresses: []string{shared}})
	}
	if len(r.instances) != 2 {
		t.Errorf("%d instances are known, want 2", len(r.instances))
	}
	_, i := r.begin("blog.localhost")
	r.Remove("shop.localhost")
	r.Remove("blog.localhost")
	if len(r.instances) != 1 || r.instances[shared] != i {
		t.Errorf("%d instances are known while a request is at one", len(r.instances))
	}
	r.end(i)
	if len(r.instances) != 0 || len(r.sites) != 0 {
		t.Errorf("%d instances and %d sites are known, want none", len(r.instances), len(r.sites))
	}
}
