package router

import (
	"bufio"
	"net"
	"sync"
	"time"
)

// listener limits how many connections there are at a time, and drops clients that take nothing of what is sent to them.
type listener struct {
	net.Listener
	stall time.Duration
	slots chan struct{}
	once  sync.Once
	// closed is closed by Close, which has to end an Accept that waits for a slot.
	closed chan struct{}
}

func newListener(l net.Listener, limits Limits) *listener {
	return &listener{Listener: l, stall: limits.StallTimeout, slots: make(chan struct{}, limits.Connections), closed: make(chan struct{})}
}

// Accept waits for a free slot and for a connection.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &connection{Conn: c, r: bufio.NewReaderSize(c, readAhead), stall: l.stall, leave: sync.OnceFunc(func() { <-l.slots })}, nil
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// connection is one whose writes do not wait for ever. Of what a TCP connection can do beyond net.Conn it only closes one
// side: copying within the kernel would go around Write.
type connection struct {
	net.Conn
	r     *bufio.Reader
	stall time.Duration
	leave func()
}

// readAhead is how much is read at least. A server that waits for the next request, or for its client to go, asks for a
// single byte; the rest of the request would then be a read of its own.
const readAhead = 2 << 10

func (c *connection) Read(b []byte) (int, error) { return c.r.Read(b) }

func (c *connection) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.stall)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// CloseWrite says that nothing more comes, and goes on reading.
func (c *connection) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (c *connection) Close() error {
	c.leave()
	return c.Conn.Close()
}
