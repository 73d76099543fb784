package localrun_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// load asks the app all the time.
type load struct {
	asked, failed atomic.Int64
	first         atomic.Pointer[string]
	stop          func()
}

// underLoad has clients ask, some for slow answers, some with bodies, each on connections of its own.
func (w *world) underLoad(clients int) *load {
	l := &load{}
	ctx, cancel := context.WithCancel(context.Background())
	var asking sync.WaitGroup
	for n := range clients {
		path := "/"
		if n%3 == 1 {
			path = "/slow"
		}
		asking.Go(func() {
			client := http.Client{Transport: &http.Transport{DisableKeepAlives: n%2 == 0}}
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				if err := w.ask(ctx, &client, path, n); err != nil && ctx.Err() == nil {
					l.failed.Add(1)
					l.first.CompareAndSwap(nil, new(err.Error()))
				}
				l.asked.Add(1)
			}
		})
	}
	l.stop = sync.OnceFunc(func() { cancel(); asking.Wait() })
	w.t.Cleanup(l.stop)
	return l
}

// ask is one request, a third of them with a body.
func (w *world) ask(ctx context.Context, client *http.Client, path string, n int) error {
	method, content := http.MethodGet, io.Reader(http.NoBody)
	if n%3 == 2 {
		method, content = http.MethodPost, strings.NewReader(strings.Repeat("x", 100_000))
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+w.router+path, content)
	if err != nil {
		return err
	}
	request.Host = host
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || !strings.HasPrefix(string(body), "release ")) {
		err = fmt.Errorf("%s %q", response.Status, body)
	}
	return err
}

// Ten rollouts and ten rollbacks under load, and not one request fails.
func TestRolloutsUnderLoad(t *testing.T) {
	w := newWorld(t)
	image := w.app()
	releaseOf := func(n int) release {
		return release{version: fmt.Sprintf("v1.0.%d", n), image: image, replicas: 2, env: map[string]string{"ANSWER": fmt.Sprint("release ", n)}}
	}
	w.deploy(releaseOf(0))
	l := w.underLoad(6)
	for n := 1; n <= 10; n++ {
		w.deploy(releaseOf(n))
		w.answers(fmt.Sprint("release ", n))
	}
	for n := 9; n >= 0; n-- {
		w.deploy(releaseOf(n))
		w.answers(fmt.Sprint("release ", n))
	}
	l.stop()
	t.Logf("%d requests", l.asked.Load())
	if first := l.first.Load(); first != nil {
		t.Errorf("%d of %d requests failed, the first with %s", l.failed.Load(), l.asked.Load(), *first)
	}
	if l.asked.Load() < 20 {
		t.Errorf("only %d requests", l.asked.Load())
	}
}
