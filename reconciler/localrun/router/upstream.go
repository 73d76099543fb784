package router

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// idleUpstream is how long a connection to an instance is kept without a request. Servers close idle connections after two
// seconds (gunicorn), five (Node.js, uvicorn) or more. A request on a connection that is being closed is lost if it cannot be
// repeated, so ours are gone before. On one machine a new connection costs next to nothing.
const idleUpstream = time.Second

// maxResponseHeader is how many bytes of headers an instance may answer with.
const maxResponseHeader = 1 << 20

// upstreams are the connections to instances.
type upstreams struct {
	dial       dial
	http1, h2c *http.Transport
	buffers    *buffers
}

func newUpstreams(limits Limits) upstreams {
	dialer := net.Dialer{Timeout: limits.DialTimeout}
	connect := func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, notSent{err}
		}
		return c, nil
	}
	return upstreams{
		dial:    connect,
		http1:   newTransport(connect, (*http.Protocols).SetHTTP1),
		h2c:     newTransport(connect, (*http.Protocols).SetUnencryptedHTTP2),
		buffers: &buffers{},
	}
}

type dial func(ctx context.Context, network, address string) (net.Conn, error)

func newTransport(connect dial, speak func(*http.Protocols, bool)) *http.Transport {
	var protocols http.Protocols
	speak(&protocols, true)
	return &http.Transport{
		Protocols:              &protocols,
		DialContext:            connect,
		MaxIdleConnsPerHost:    1024,
		IdleConnTimeout:        idleUpstream,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxResponseHeader,
		DisableCompression:     true, // what the client and the instance agree on is theirs
	}
}

func (u upstreams) close() {
	u.http1.CloseIdleConnections()
	u.h2c.CloseIdleConnections()
}

// notSent is why there is no connection to an instance: nothing of the request was sent, so another one may get it.
type notSent struct{ error }

func (e notSent) Unwrap() error { return e.error }

// buffers are what bodies are copied with.
type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

// Get returns a buffer, and Put takes it back.
func (b *buffers) Get() []byte {
	if buffer, _ := b.pool.Get().(*[bufferSize]byte); buffer != nil {
		return buffer[:]
	}
	return make([]byte, bufferSize)
}

func (b *buffers) Put(buffer []byte) { b.pool.Put((*[bufferSize]byte)(buffer)) }
