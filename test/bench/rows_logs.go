package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plateform/plateform/reconciler/api"
	"github.com/plateform/plateform/reconciler/jenkins"
	"github.com/plateform/plateform/test/jenkinsserver"
)

const (
	logReaders = 1000
	// logStep is how much a build prints at a time, in lines of logLine bytes, and logSteps how often.
	logStep, logLine, logSteps = 1 << 20, 100, 4
	// logMark ends what is printed at a time; nothing else has one.
	logMark = "\x60"
)

// logReaders is the built binary with 1,000 people that follow one run whose build goes on in a Jenkins: what serve has resident without
// them, when all of them have the first MiB of the log, and when all of them have all of it; how long that takes; and how long it takes
// until all of them have one more line. Jenkins is asked once a second.
func (s *stage) logReaders() []Row {
	printed := make(chan string)
	l, url, token := s.startLogs(printed)
	defer l.stop()
	l.add("hello")
	run := s.runOf(url, token)
	pid := l.serve.Process.Pid
	before := s.memory(pid, "VmRSS:")

	readers := &crowdOfReaders{marks: make([]atomic.Int64, logReaders)}
	ctx, leave := context.WithCancel(s.ctx)
	defer leave()
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	for n := range logReaders {
		readers.all.Go(func() { readers.follow(ctx, n, client, url+run+"/log?follow=1", token) })
	}
	step := strings.Repeat(strings.Repeat("x", logLine-1)+"\n", logStep/logLine) + logMark
	begin := time.Now()
	printed <- step
	s.eventually("all have the first MiB", func() bool { return readers.least() >= 1 })
	first := s.memory(pid, "VmRSS:")
	for range logSteps - 1 {
		printed <- step
	}
	s.eventually("all have all", func() bool { return readers.least() >= logSteps })
	took := time.Since(begin)
	all := s.memory(pid, "VmRSS:")
	asked := time.Now()
	printed <- "one more line" + logMark
	s.eventually("all have the last line", func() bool { return readers.least() > logSteps })
	late := time.Since(asked)
	leave()
	readers.all.Wait()
	if err := readers.err.Load(); err != nil {
		s.Fatalf("somebody who followed was let go: %w", *err)
	}
	return []Row{
		{Name: "log-readers-1k", Ours: float64(took.Milliseconds()), Unit: "ms"},
		{Name: "log-readers-1k-line", Ours: float64(late.Milliseconds()), Unit: "ms"},
		{Name: "log-readers-1k-rss", Ours: all, Unit: "MiB"},
		{Name: "log-readers-1k-rss-first", Ours: first, Unit: "MiB"},
		{Name: "log-readers-1k-rss-before", Ours: before, Unit: "MiB"},
	}
}

// startLogs is a serve whose builds print what comes on a channel and do not end, where it answers for runs, and the operator's token.
func (s *stage) startLogs(printed <-chan string) (l *liveSession, url, token string) {
	const job, secret = "platform/build", "token-of-plateform"
	ci := jenkinsserver.New(s, jenkinsserver.Options{})
	ci.Add(jenkinsserver.User{Name: "plateform", Token: secret})
	var parameters []jenkinsserver.Parameter
	for _, name := range jenkins.Parameters() {
		parameters = append(parameters, jenkinsserver.Parameter{Name: name})
	}
	ci.Put(jenkinsserver.Job{Name: job, Pipeline: true, Parameters: parameters, Run: func(ctx context.Context, b *jenkinsserver.Build) error {
		for {
			select {
			case text := <-printed:
				b.Println(text)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}})
	l = s.prepareLive()
	s.must(os.WriteFile(filepath.Join(l.dir, "jenkins-token"), []byte(secret), 0o600))
	l.replace("serve.yaml", "builder: {kind: local}", "api: {listen: '127.0.0.1:0'}\nbuilder: {kind: jenkins, jenkins: {url: '"+ci.URL+"', user: plateform, tokenFile: jenkins-token, job: "+job+"}}")
	l.start()
	folder := filepath.Join(l.dir, "plateform-data", "api")
	read := func(name string) string {
		text, _ := os.ReadFile(filepath.Join(folder, name)) // not there yet
		return strings.TrimSpace(string(text))
	}
	s.eventually("serve answers for runs", func() bool { return read("address") != "" })
	return l, "http://" + read("address"), read("token")
}

// runOf waits for the run of the project, and is the path of it.
func (s *stage) runOf(url, token string) string {
	path := api.RunsPath(liveKey("hello"))
	var answer struct{ Runs []api.Run }
	s.eventually("there is a build", func() bool {
		request, err := http.NewRequestWithContext(s.ctx, http.MethodGet, url+path, nil)
		s.must(err)
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return json.NewDecoder(response.Body).Decode(&answer) == nil && len(answer.Runs) > 0 && len(answer.Runs[0].Builds) > 0
	})
	return path + "/" + answer.Runs[0].ID
}

// crowdOfReaders follow one run.
type crowdOfReaders struct {
	all sync.WaitGroup
	// marks is how many each has got.
	marks []atomic.Int64
	err   atomic.Pointer[error]
}

// least is how many marks all of them have.
func (c *crowdOfReaders) least() int64 {
	least := c.marks[0].Load()
	for i := range c.marks {
		least = min(least, c.marks[i].Load())
	}
	return least
}

// follow reads a stream until the context ends.
func (c *crowdOfReaders) follow(ctx context.Context, n int, client *http.Client, url, token string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err == nil {
		request.Header.Set("Authorization", "Bearer "+token)
		err = c.read(client, request, n)
	}
	if ctx.Err() == nil {
		c.err.Store(&err)
	}
}

func (c *crowdOfReaders) read(client *http.Client, request *http.Request, n int) error {
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	for buffer := make([]byte, 8<<10); ; {
		got, err := response.Body.Read(buffer)
		c.marks[n].Add(int64(bytes.Count(buffer[:got], []byte(logMark))))
		if errors.Is(err, io.EOF) {
			return errors.New("the stream ended")
		}
		if err != nil {
			return err
		}
	}
}
