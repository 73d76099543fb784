package api_test

import (
	"bufio"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/plateform/plateform/reconciler/api"
)

// BenchmarkReaders has 1,000 people read one log of 1 MB from its beginning to its end at once, all of it over HTTP on this machine. Besides
// the time of all of them it tells how much the heap grew, both ends of the connections counted, and how often the builder was asked.
func BenchmarkReaders(b *testing.B) {
	const readers = 1000
	w := newWorldFor(b, func(o *api.Options) { o.Times.Every, o.Times.Write = patience, patience })
	run := w.begin()
	w.building(run)
	w.print(buildID, strings.Repeat(strings.Repeat("x", 99)+"\n", 10_000))
	w.deployed(run)
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: readers, DisableCompression: true}}
	defer client.CloseIdleConnections()
	heap := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapInuse+m.StackInuse) / (1 << 20)
	}
	before := heap()
	for b.Loop() {
		var all sync.WaitGroup
		begun, half := make(chan struct{}, readers), make(chan struct{})
		for range readers {
			all.Go(func() {
				request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, w.server.URL+logPath(run)+"?follow=1", nil)
				if err != nil {
					b.Error(err)
					return
				}
				request.Header.Set("Authorization", "Bearer "+operator)
				response, err := client.Do(request)
				if err != nil {
					b.Error(err)
					return
				}
				defer response.Body.Close()
				in := bufio.NewReaderSize(response.Body, 4<<10)
				n, err := io.CopyN(io.Discard, in, 200<<10)
				begun <- struct{}{}
				<-half
				rest, err2 := io.Copy(io.Discard, in)
				if err != nil || err2 != nil || n+rest < 1_000_000 {
					b.Errorf("%d bytes came: %v, %v", n+rest, err, err2)
				}
			})
		}
		for range readers {
			<-begun
		}
		b.ReportMetric(heap()-before, "MB-grown")
		close(half)
		all.Wait()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	b.ReportMetric(float64(w.asked), "asked")
}
