package forge

import (
	"strings"
	"sync"
	"time"

	"github.com/plateform/plateform/test/githubserver/delivery"
	"github.com/plateform/plateform/test/githubserver/model"
	"github.com/plateform/plateform/test/githubserver/wire"
)

// World is all that the forge knows, and tells.
type World struct {
	*model.Directory
	*wire.Writer
	dir    string
	lastID int64
	Hooks  *delivery.Sender
}

// Forge holds the state of a GitHub, and has everything follow that follows from a change. All methods may be called by
// many at once.
type Forge struct {
	// mu guards the world: whoever reads or changes it holds the lock, from the first look to the last write.
	mu    sync.Mutex
	world *World
}

// NewForge makes a forge without anybody in it.
func NewForge(url, dir string, now func() time.Time, hooks *delivery.Sender) *Forge {
	known := &model.Directory{Now: now, Users: map[int64]*model.User{}, Apps: map[int64]*model.App{}, Installations: map[int64]*model.Installation{},
		Tokens: map[string]*model.Token{}, Repos: map[int64]*model.Repository{}}
	return &Forge{world: &World{Directory: known, Writer: &wire.Writer{URL: strings.TrimSuffix(url, "/"), Known: known}, dir: dir, lastID: 1000, Hooks: hooks}}
}

// Hooks is what sends webhooks: it can be scripted, asked what was sent, and waited for.
func (f *Forge) Hooks() *delivery.Sender { return f.world.Hooks }

// URL is where the server is reached.
func (f *Forge) URL() string { return f.world.URL }

// Locked runs what reads or changes the world.
func (f *Forge) Locked(do func(w *World) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return do(f.world)
}

// ID is a new number, for whatever needs one.
func (w *World) ID() int64 {
	w.lastID++
	return w.lastID
}
