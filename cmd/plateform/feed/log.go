package feed

import (
	"context"
	"log/slog"
	"strings"
)

// handler prints what is logged beside the events: trouble, mostly.
type handler struct {
	feed  *Feed
	level slog.Level
	// attrs are those that the logger has of its own, in groups that are written in front of their names.
	attrs []string
	group string
}

// Handler prints logged lines of a level and above.
func (f *Feed) Handler(level slog.Level) slog.Handler { return handler{feed: f, level: level} }

// Enabled implements slog.Handler.
func (h handler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

// Handle implements slog.Handler.
func (h handler) Handle(_ context.Context, r slog.Record) error {
	name, told := "", false
	words := append([]string{}, h.attrs...)
	r.Attrs(func(a slog.Attr) bool {
		switch {
		case h.group != "":
			words = append(words, h.word(a))
		case a.Key == "project":
			name = a.Value.String()
		case a.Key == "build", a.Key == "rollout":
			told = true // there is an event, which says it better
		default:
			words = append(words, h.word(a))
		}
		return true
	})
	if told {
		return nil
	}
	m := goesOn
	switch {
	case r.Level >= slog.LevelError:
		m = isFailure
	case r.Level >= slog.LevelWarn:
		m = isTrouble
	}
	text := r.Message
	if len(words) > 0 {
		text += " (" + strings.Join(words, ", ") + ")"
	}
	if name == "" {
		name = "plateform"
	}
	h.feed.mu.Lock()
	defer h.feed.mu.Unlock()
	h.feed.print(r.Time, m, name, text)
	return nil
}

func (h handler) word(a slog.Attr) string { return h.group + a.Key + " " + a.Value.String() }

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.attrs = append([]string{}, h.attrs...)
	for _, a := range attrs {
		h.attrs = append(h.attrs, h.word(a))
	}
	return h
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler {
	h.group += name + "."
	return h
}
