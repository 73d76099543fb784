// Package lease has one of several processes lead, by a Lease of a Kubernetes cluster, and says to whoever is about to write
// something whether this process still is the one that may.
package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationv1 "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
)

// Options of a Lease.
type Options struct {
	// Cluster is how the cluster is reached.
	Cluster *rest.Config
	// Namespace and Name of the Lease. It is made when it is not there.
	Namespace, Name string
	// Duration is how long others wait after the last sign of life before they lead instead; whole seconds, MinDuration at least.
	Duration time.Duration
	Clock    func() time.Time
	Log      *slog.Logger
}

// MinDuration is the shortest time that a Lease lasts: below, a slow answer of the API server would pass for a dead process.
const MinDuration = 3 * time.Second

// The part of its duration after which a process that could not renew the Lease gives it up. What is left of it is for writes that are
// under way, and for clocks that do not run alike.
const (
	renewParts = 5
	allParts   = 8
)

const (
	// maxRetry is how long it takes at most until the Lease is looked at again: that long nobody leads who could.
	maxRetry = time.Second
	// callTimeout bounds one call to the cluster.
	callTimeout = 10 * time.Second
)

// ErrLost says that this process led, and does not any more.
var ErrLost = errors.New("the Lease is lost: another process leads, or it could not be renewed in time")

// Lease is one process's side of it.
type Lease struct {
	options Options
	locks   coordinationv1.LeasesGetter
	renew   time.Duration

	mu sync.Mutex
	// identity is how this process is named in it, from Run on.
	identity string
	// renewed is when the last request was sent that gave it to this process, or kept it; zero while it has not got it.
	renewed time.Time
	// holder is who has it, as the cluster said last; empty for nobody.
	holder string
	// trouble is why the cluster does not tell, or take, what it should.
	trouble string
}

// New returns a Lease. The cluster is not asked anything before Run.
func New(o Options) (*Lease, error) {
	if o.Duration < MinDuration || o.Duration%time.Second != 0 {
		return nil, fmt.Errorf("a Lease lasts whole seconds, %s at least, and not %s", MinDuration, o.Duration)
	}
	config := rest.CopyConfig(o.Cluster)
	config.Timeout = callTimeout
	config.UserAgent = "plateform-lease"
	locks, err := coordinationv1.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("the cluster of the Lease: %w", err)
	}
	return &Lease{options: o, locks: locks, renew: o.Duration * renewParts / allParts}, nil
}

// Run waits until this process, which others reach at an address, has the Lease, and calls lead then. It gives the Lease back when lead has returned, so that another
// one leads at once. When the Lease is lost, the context of lead ends, and the error is ErrLost.
func (l *Lease) Run(ctx context.Context, self Address, lead func(ctx context.Context) error) error {
	l.mu.Lock()
	l.identity = self.identity()
	l.mu.Unlock()
	got := make(chan struct{})
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &watchedLock{Interface: l.lock(), lease: l}, Name: l.options.Name,
		LeaseDuration: l.options.Duration, RenewDeadline: l.renew, RetryPeriod: min(l.options.Duration/allParts, maxRetry),
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { close(got) },
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return fmt.Errorf("the election of a leader: %w", err)
	}
	// It is held until the last write is done, whatever ends before. What the library has to say is said by watchedLock, once.
	electing, stop := context.WithCancel(klog.NewContext(context.WithoutCancel(ctx), logr.Discard()))
	defer stop()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		elector.Run(electing)
	}()
	defer func() { <-ended }()
	defer stop()
	select {
	case <-ctx.Done():
		stop()
		<-ended
		l.giveBack(ctx) // it may have come this moment
		return ctx.Err()
	case <-got:
	}
	l.options.Log.Info("this process leads from now on", "lease", l.String(), "identity", l.identity)
	return l.lead(ctx, lead, ended, stop)
}

// lead leads until lead returns; its context ends when the Lease is lost, which ended says.
func (l *Lease) lead(ctx context.Context, lead func(ctx context.Context) error, ended <-chan struct{}, stop func()) error {
	leading, cease := context.WithCancelCause(ctx)
	defer cease(nil)
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-ended:
			cease(ErrLost)
		case <-leading.Done():
		}
	})
	err := lead(leading)
	lost := errors.Is(context.Cause(leading), ErrLost)
	cease(nil)
	watching.Wait()
	stop()
	<-ended
	if lost {
		l.options.Log.Error("the Lease is lost; nothing is written any more", "lease", l.String(), "holder", l.Leader().Listen)
		return ErrLost
	}
	l.giveBack(ctx)
	return err
}

func (l *Lease) lock() *resourcelock.LeaseLock {
	return &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: l.options.Namespace, Name: l.options.Name},
		Client:     l.locks,
		LockConfig: resourcelock.ResourceLockConfig{Identity: l.identity},
	}
}

// giveBack ends the Lease for whoever waits for it, if it is this process's. A renewal that was cut off may land in between.
func (l *Lease) giveBack(ctx context.Context) {
	if !l.forget() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.renew)
	defer cancel()
	var err error
	for range 3 {
		lock := l.lock()
		var record *resourcelock.LeaderElectionRecord
		if record, _, err = lock.Get(ctx); err != nil {
			break
		}
		if record.HolderIdentity != l.identity {
			return
		}
		record.HolderIdentity, record.LeaseDurationSeconds = "", 1
		if err = lock.Update(ctx, *record); err == nil {
			l.options.Log.Info("the Lease is given back", "lease", l.String())
			return
		}
	}
	l.options.Log.Warn("the Lease could not be given back; the next process waits until it has run out", "lease", l.String(), "error", err)
}

// String names the Lease.
func (l *Lease) String() string { return l.options.Namespace + "/" + l.options.Name }

// Leader is where the process is reached that leads, as the cluster said last; empty while nobody does.
func (l *Lease) Leader() Address {
	l.mu.Lock()
	defer l.mu.Unlock()
	return addressOf(l.holder)
}

// Led says that a process leads that is another one than this.
func (l *Lease) Led() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.holder != "" && l.holder != l.identity
}

// Check says why this process may not write anything now; nil when it may. It knows without asking: the time since the last
// renewal is taken by both clocks, so that a process that was stopped meanwhile, on a machine that slept, does not think that it leads.
func (l *Lease) Check() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.renewed.IsZero() {
		return errors.New("nothing is written: this process does not lead")
	}
	if age := age(l.renewed, l.options.Clock()); age >= l.renew {
		return fmt.Errorf("nothing is written: the Lease was renewed %s ago, and another process may lead", age.Round(time.Millisecond))
	}
	return nil
}

// age is how long ago a moment was, by the clock that says more: the one that only goes forward stands still while a machine
// sleeps, and the one on the wall can be set back.
func age(then, now time.Time) time.Duration {
	return max(now.Sub(then), now.Round(0).Sub(then.Round(0)))
}

// forget notes that this process does not lead any more; it says whether it did.
func (l *Lease) forget() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	led := !l.renewed.IsZero()
	l.renewed = time.Time{}
	return led
}

// seen notes who has the Lease.
func (l *Lease) seen(holder string) {
	l.mu.Lock()
	news := holder != l.holder
	l.holder = holder
	if holder != l.identity {
		l.renewed = time.Time{}
	}
	l.mu.Unlock()
	if news && holder != "" && holder != l.identity {
		l.options.Log.Info("another process leads", "lease", l.String(), "holder", addressOf(holder).Listen)
	}
}

// held notes that the Lease is this process's, by a request that was sent at a time.
func (l *Lease) held(sent time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.renewed, l.holder = sent, l.identity
}

// note tells that the cluster does not answer as it should, once for a reason.
func (l *Lease) note(err error) {
	why := ""
	if err != nil {
		why = err.Error()
	}
	l.mu.Lock()
	news := why != l.trouble
	l.trouble = why
	l.mu.Unlock()
	if news && err != nil {
		l.options.Log.Warn("the Lease cannot be read or renewed", "lease", l.String(), "error", err)
	}
}
