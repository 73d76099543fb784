package reconciler_test

import (
	"testing"

	"github.com/plateform/plateform/reconciler"
)

func TestExposedPort(t *testing.T) {
	for _, test := range []struct {
		exposed []string
		want    int
	}{
		{nil, 0},
		{[]string{"8080/tcp"}, 8080},
		{[]string{"8080"}, 8080},
		{[]string{"8080", "8080/tcp"}, 8080},
		{[]string{"80/tcp", "53/udp"}, 80},
		{[]string{"53/udp"}, 0},
		{[]string{"80/tcp", "443/tcp"}, 0},
		{[]string{"http"}, 0},
	} {
		exposed := map[string]struct{}{}
		for _, port := range test.exposed {
			exposed[port] = struct{}{}
		}
		if got := reconciler.ExposedPort(exposed); got != test.want {
			t.Errorf("of %q: %d, want %d", test.exposed, got, test.want)
		}
	}
}
