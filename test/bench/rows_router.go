package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/plateform/plateform/reconciler/localrun/router"
)

const (
	routed       = "shop-ws-1.localhost"
	routerClient = 64              // connections that ask all the time
	routerTurn   = 2 * time.Second // of load on one of them
	routerTurns  = 5
	routeCommand = "route" // the first argument of a bench that is a router and nothing else
)

// router is requests a second, and how long 99 of 100 take at most, through the local router in a process of its own. Beside it
// is nginx, which does the same: it keeps connections to the instance, passes the host, says where a request comes from and
// buffers nothing. The instance and the clients are the same, and as small as they can be; the third row is what they
// do with nothing between them.
func (s *stage) router() []Row {
	instance := s.instance()
	self, err := os.Executable()
	s.must(err)
	ours := s.proxy(self, func(address string) []string { return []string{routeCommand, address, instance} })
	nginx := s.nginx(instance)
	var direct, our, other []load
	for turn := range routerTurns + 1 {
		for _, side := range []struct {
			address string
			loads   *[]load
		}{{instance, &direct}, {ours, &our}, {nginx, &other}} {
			if side.address == "" {
				continue
			}
			if l := s.load(side.address); turn > 0 {
				*side.loads = append(*side.loads, l)
			}
		}
	}
	rows := []Row{
		{Name: "router", Ours: middle(our, load.rate), Unit: "requests/s"},
		{Name: "router-p99", Ours: middle(our, load.slow), Unit: "ms"},
		{Name: "router-direct", Ours: middle(direct, load.rate), Unit: "requests/s"},
	}
	if nginx != "" {
		rows[0] = paired("router", rows[0].Ours, middle(other, load.rate), "requests/s")
		rows[1] = paired("router-p99", rows[1].Ours, middle(other, load.slow), "ms")
	}
	return rows
}

// route is a router in a process of its own, until that is told to end.
func route(ctx context.Context, address, instance string) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	r := router.New(router.Options{})
	r.Set(routed, router.Site{Addresses: []string{instance}})
	return r.Serve(ctx, l)
}

// nginxSettings are for an address, a folder and an instance.
const nginxSettings = `daemon off;
worker_processes auto;
pid %[2]s/pid;
error_log %[2]s/error.log;
events { worker_connections 1024; }
http {
	access_log off;
	client_body_temp_path %[2]s; proxy_temp_path %[2]s; fastcgi_temp_path %[2]s; uwsgi_temp_path %[2]s; scgi_temp_path %[2]s;
	keepalive_requests 1000000000;
	upstream shop { server %[3]s; keepalive 128; keepalive_requests 1000000000; }
	server {
		listen %[1]s;
		server_name shop-ws-1.localhost;
		location / {
			proxy_pass http://shop;
			proxy_http_version 1.1;
			proxy_buffering off;
			proxy_request_buffering off;
			proxy_set_header Connection "";
			proxy_set_header Host $http_host;
			proxy_set_header X-Forwarded-For $remote_addr;
			proxy_set_header X-Forwarded-Proto $scheme;
			proxy_set_header X-Forwarded-Host $http_host;
			proxy_set_header X-Real-IP $remote_addr;
		}
	}
}
`

// nginx runs it and returns its address; empty where it is not installed.
func (s *stage) nginx(instance string) string {
	path, err := exec.LookPath("nginx")
	if errors.Is(err, exec.ErrNotFound) {
		path, err = exec.LookPath("/usr/sbin/nginx")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "router: there is no nginx here to compare with; on Debian: apt-get install nginx-light")
		return ""
	}
	dir := s.TempDir()
	settings := filepath.Join(dir, "nginx.conf")
	return s.proxy(path, func(address string) []string {
		s.must(os.WriteFile(settings, fmt.Appendf(nil, nginxSettings, address, dir, instance), 0o600))
		return []string{"-c", settings, "-e", filepath.Join(dir, "error.log")}
	})
}

// proxy runs a program that listens on a free address, until the measures end, and waits until it does.
func (s *stage) proxy(program string, arguments func(address string) []string) (address string) {
	var config net.ListenConfig
	free, err := config.Listen(s.ctx, "tcp", "127.0.0.1:0")
	s.must(err)
	address = free.Addr().String()
	s.must(free.Close())
	c := exec.CommandContext(s.ctx, program, arguments(address)...)
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	s.must(c.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Wait()
	}()
	s.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		<-ended
	})
	s.eventually(program+" listens", func() bool {
		select {
		case <-ended:
			s.Fatalf("%s ended: %s", program, said.String())
		default:
		}
		connection, err := new(net.Dialer).DialContext(s.ctx, "tcp", address)
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	})
	return address
}

// instance answers every request with a kilobyte.
func (s *stage) instance() string {
	var config net.ListenConfig
	listener, err := config.Listen(s.ctx, "tcp", "127.0.0.1:0")
	s.must(err)
	var group sync.WaitGroup
	group.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			group.Go(func() { answerAll(c) })
		}
	})
	s.Cleanup(func() {
		_ = listener.Close()
		group.Wait() // the proxies were ended before, and with them their connections
	})
	return listener.Addr().String()
}

// answerAll answers the requests of a connection, which have no body.
func answerAll(c net.Conn) {
	defer func() { _ = c.Close() }()
	const size = 1024
	answer := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("x", size))
	for requests := bufio.NewReader(c); ; {
		line, err := requests.ReadSlice('\n')
		if err != nil {
			return
		}
		if len(line) > len("\r\n") {
			continue
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

// load is what clients saw that asked all the time.
type load struct {
	took   time.Duration
	delays []time.Duration
}

// rate is in requests a second.
func (l load) rate() float64 { return float64(len(l.delays)) / l.took.Seconds() }

// slow is how many milliseconds 99 of 100 requests take at most.
func (l load) slow() float64 {
	return float64(l.delays[len(l.delays)*99/100]) / float64(time.Millisecond)
}

// middle of a figure of some loads.
func middle(loads []load, figure func(load) float64) float64 {
	var figures []float64
	for _, l := range loads {
		figures = append(figures, figure(l))
	}
	slices.Sort(figures)
	return figures[len(figures)/2]
}

// load has clients ask for a while, each for the next answer once it has one.
func (s *stage) load(address string) load {
	begin := time.Now()
	end := begin.Add(routerTurn)
	delays, failures := make([][]time.Duration, routerClient), make([]error, routerClient)
	var group sync.WaitGroup
	for n := range routerClient {
		group.Go(func() { delays[n], failures[n] = askUntil(s.ctx, end, address) })
	}
	group.Wait()
	s.must(errors.Join(failures...))
	l := load{took: time.Since(begin), delays: slices.Concat(delays...)}
	slices.Sort(l.delays)
	return l
}

// askUntil asks on one connection until a time, and returns how long each answer took.
func askUntil(ctx context.Context, end time.Time, address string) (delays []time.Duration, err error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	request := []byte("GET /cart?page=2 HTTP/1.1\r\nHost: " + routed + "\r\nUser-Agent: bench\r\nAccept: */*\r\nAccept-Encoding: gzip\r\nCookie: session=4f5e2a\r\n\r\n")
	answers := bufio.NewReader(c)
	for begin := time.Now(); begin.Before(end) && ctx.Err() == nil; {
		if _, err := c.Write(request); err != nil {
			return nil, err
		}
		if err := skipAnswer(answers); err != nil {
			return nil, err
		}
		now := time.Now()
		delays, begin = append(delays, now.Sub(begin)), now
	}
	return delays, ctx.Err()
}

// skipAnswer reads an answer that says its length.
func skipAnswer(answers *bufio.Reader) error {
	length, first := -1, true
	for {
		line, err := answers.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")):
			return fmt.Errorf("answered %q", line)
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return err
			}
		case len(line) == 0 && length < 0:
			return errors.New("an answer does not say its length")
		case len(line) == 0:
			_, err := io.CopyN(io.Discard, answers, int64(length))
			return err
		}
		first = false
	}
}
