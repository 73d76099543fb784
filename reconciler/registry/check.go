package registry

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Answer is what a registry lets know of itself.
type Answer struct {
	// Encrypted says that it speaks HTTPS, with a certificate this machine accepts.
	Encrypted bool
	// Expires is when that certificate does; zero without one.
	Expires time.Time
}

// Check asks the platform's registry whether it is there, and whether it accepts the credentials for pushing to a
// repository. It changes nothing there, so rights are known only as far as the registry checks them when it lets
// somebody in.
func (c *Client) Check(ctx context.Context, repository string) (Answer, error) {
	in, err := name.NewRepository(repository, c.nameOptions(true)...)
	if err != nil {
		return Answer{}, fmt.Errorf("%s is no repository of a registry: %w", repository, err)
	}
	var answer Answer
	err = c.try(ctx, "checking the credentials", in, func(ctx context.Context) error {
		answer, err = c.logIn(ctx, in)
		return err
	})
	return answer, err
}

func (c *Client) logIn(ctx context.Context, in name.Repository) (Answer, error) {
	plain := c.wire(true)
	challenge, err := transport.Ping(ctx, in.Registry, plain)
	if err != nil {
		return Answer{}, err
	}
	inside, err := transport.NewWithContext(ctx, in.Registry, c.own.login(in).authenticator(), plain, []string{in.Scope(transport.PushScope)})
	if err != nil {
		return Answer{}, err
	}
	scheme := "https"
	if challenge.Insecure {
		scheme = "http"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+in.RegistryStr()+"/v2/", nil)
	if err != nil {
		return Answer{}, err
	}
	response, err := (&http.Client{Transport: inside}).Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	if err := transport.CheckError(response, http.StatusOK); err != nil {
		return Answer{}, err
	}
	answer := Answer{Encrypted: response.TLS != nil}
	if answer.Encrypted && len(response.TLS.PeerCertificates) > 0 {
		answer.Expires = response.TLS.PeerCertificates[0].NotAfter
	}
	return answer, nil
}
