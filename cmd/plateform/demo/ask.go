package demo

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/cmd/plateform/exit"
)

// visitor asks the app as a browser would.
type visitor struct {
	url    string
	client *http.Client
	// address is connected to, whatever name is asked for.
	address string
}

// How long an answer may take, and how much of it is looked at.
const (
	answerTime  = 30 * time.Second
	answerBytes = 4096
)

// newVisitor asks at a URL, and connects to an address.
func newVisitor(url, address string) *visitor {
	var dialer net.Dialer
	v := &visitor{url: url, address: address}
	v.client = &http.Client{Timeout: answerTime, Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, v.address)
		},
	}}
	return v
}

// curl is the command that asks the same: what is at an address of this machine, browsers and curl find by its name.
func (v *visitor) curl() string {
	at := strings.TrimPrefix(v.url, "http://")
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		host, port = at, "80"
	}
	if strings.HasPrefix(v.address, "127.") {
		return "curl " + v.url
	}
	return fmt.Sprintf("curl --connect-to %s:%s:%s %s", host, port, v.address, v.url)
}

// ask returns the status and the text of an answer.
func (v *visitor) ask(ctx context.Context) (status int, text string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, v.url, nil)
	if err != nil {
		return 0, "", fmt.Errorf("asking %s: %w", v.url, err)
	}
	response, err := v.client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, answerBytes))
	return response.StatusCode, strings.TrimSpace(string(body)), err
}

// crowd is a visitor that keeps asking.
type crowd struct {
	group  *errgroup.Group
	stop   context.CancelFunc
	asked  int
	failed int
	first  string // of the failures
}

// keepAsking asks until the crowd is sent home.
func (v *visitor) keepAsking(ctx context.Context) *crowd {
	c := &crowd{group: &errgroup.Group{}}
	ctx, c.stop = context.WithCancel(ctx)
	c.group.Go(func() error {
		for ctx.Err() == nil {
			status, text, err := v.ask(ctx)
			if ctx.Err() != nil {
				break
			}
			c.asked++
			if err != nil || status != http.StatusOK {
				c.failed++
				if c.first == "" {
					c.first = strings.TrimSpace(fmt.Sprintf("status %d %s %v", status, text, err))
				}
			}
		}
		return nil
	})
	return c
}

// sendHome stops asking and says how it went.
func (c *crowd) sendHome() (asked, failed int, first string) {
	c.stop()
	_ = c.group.Wait() // it has no error
	return c.asked, c.failed, c.first
}

// answers asks the app, shows what comes back, and holds that it is what it should be.
func (d *story) answers(ctx context.Context, want string) error {
	if d.visitor == nil {
		return nil
	}
	if d.visitor.address == "" {
		if err := d.await(ctx, wantedAddress, func() (bool, error) { return d.cluster.finds(ctx, d.visitor) }); err != nil {
			return err
		}
	}
	status, text, err := d.visitor.ask(ctx)
	if d.cluster != nil {
		// The ingress controller of a cluster learns a moment later than the cluster that a pod ends.
		err = d.await(ctx, "the app to answer", func() (bool, error) {
			status, text, err = d.visitor.ask(ctx)
			return err != nil || text == want, err
		})
	}
	if err != nil {
		return err
	}
	d.say("     $ %s", d.visitor.curl())
	d.say("     %s", d.Style.Good(text))
	if status != http.StatusOK || text != want {
		return exit.Finding("the app should have answered %q, and said %q with status %d", want, text, status)
	}
	return nil
}

// meanwhile keeps asking while something is done, and says how many requests failed. None may.
func (d *story) meanwhile(ctx context.Context, do func() error) error {
	if d.visitor == nil {
		return do()
	}
	crowd := d.visitor.keepAsking(ctx)
	err := do()
	asked, failed, first := crowd.sendHome()
	if err != nil {
		return err
	}
	d.say("     meanwhile    %d requests, %d failed", asked, failed)
	if failed > 0 {
		return exit.Finding("%d of %d requests failed while a version took over from another, the first with: %s", failed, asked, first)
	}
	return nil
}
