package transport

import (
	"context"
	"time"
)

// Credential is a username and password for one operation over HTTP. The zero value means none.
type Credential struct {
	Username string
	Password string
}

// String hides the credential.
func (Credential) String() string { return "***" }

// GoString hides the credential.
func (Credential) GoString() string { return "***" }

// Credentials returns what to log in with at a URL. It is asked anew for each operation, so a token may be short-lived.
type Credentials func(ctx context.Context, url string) (Credential, error)

// SSH says how to log in and whom to trust over SSH.
type SSH struct {
	// KeyFile is a private key without a passphrase; the agent of $SSH_AUTH_SOCK when empty.
	KeyFile string
	// KnownHostsFile lists the host keys to trust; the files that ssh uses when empty. Unknown hosts are refused.
	KnownHostsFile string
}

// Access says how remotes are reached. The zero value reaches public ones with the default timeouts.
type Access struct {
	// Credentials for HTTP; none when nil.
	Credentials Credentials
	// Rejected is told when a server does not take the credential that Credentials gave for a URL, so that the next operation
	// may get another one; nobody is told when nil.
	Rejected func(url string, c Credential)
	SSH      SSH
	// CallTimeout bounds a listing of refs and a push. Default 30 seconds.
	CallTimeout time.Duration
	// TransferTimeout bounds bringing in objects. Default 10 minutes.
	TransferTimeout time.Duration
	// StallTimeout bounds how long a remote may send nothing while it brings in objects. Servers send something every few
	// seconds, also while they think. Default one minute.
	StallTimeout time.Duration
	// Clock tells the time; time.Now when nil.
	Clock func() time.Time
}

// WithDefaults returns it with the defaults for what is not set.
func (a Access) WithDefaults() Access {
	if a.CallTimeout <= 0 {
		a.CallTimeout = 30 * time.Second
	}
	if a.TransferTimeout <= 0 {
		a.TransferTimeout = 10 * time.Minute
	}
	if a.StallTimeout <= 0 {
		a.StallTimeout = time.Minute
	}
	if a.Clock == nil {
		a.Clock = time.Now
	}
	return a
}
