package jenkins_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/plateform/plateform/reconciler/jenkins"
	"github.com/plateform/plateform/test/jenkinsserver"
)

// Lines of 10 MB, half a character and bytes that are no text do no harm: what is kept of a log is bounded, and is text.
func TestALogThatIsHostile(t *testing.T) {
	for name, log := range map[string]string{
		"a line of 10 MB":                strings.Repeat("é", 5<<20),
		"a line of 10 MB, off by a byte": "x" + strings.Repeat("é", 5<<20),
		"no text at all":                 strings.Repeat("\xff\xfe\x00\x1b]0;", 1<<20),
		"half a character":               "it does not compile \xe2\x80",
		"markers without end":            strings.Repeat("plateform-stage 00000000000000000000000000000000 pushing\n", 100_000),
	} {
		for _, noView := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				w := newWorld(t, jenkinsserver.Options{NoStageView: noView})
				w.does(func(_ context.Context, b *jenkinsserver.Build) error {
					b.Print(log)
					return errCompile
				})
				b, r := w.open(), w.request("a1")
				w.start(b, r)
				status := w.end(b, r.ID)
				if status.Failure == nil || status.Failure.Temporary {
					t.Fatalf("it ended as %s", describe(status))
				}
				kept := status.Failure.Log
				if len(kept) > 40<<10 || !utf8.ValidString(kept) || strings.ContainsAny(kept, "\x00\x1b") || !strings.Contains(kept, "Finished: FAILURE") {
					t.Errorf("%d bytes are kept: %q", len(kept), kept[max(0, len(kept)-300):])
				}
				for _, stage := range status.Stages {
					if stage == "pushing" {
						t.Errorf("a line that anybody can write is believed: %v", status.Stages)
					}
				}
				var copied logged
				ask := jenkins.LogQuestion{Key: r.Key, Every: time.Millisecond}
				if err := jenkins.CopyLog(t.Context(), w.options(), ask, &copied); err != nil || !strings.HasSuffix(copied.String(), "Finished: FAILURE\n") {
					t.Errorf("the log is copied with %v", err)
				}
			})
		}
	}
}

// Whatever a registry says that does not mean that it has the image or not, nothing is decided; then it is.
func TestARegistryInTrouble(t *testing.T) {
	for name, trouble := range map[string]func(rw http.ResponseWriter){
		"401": func(rw http.ResponseWriter) { http.Error(rw, "who are you", http.StatusUnauthorized) },
		"500": func(rw http.ResponseWriter) { http.Error(rw, "no", http.StatusInternalServerError) },
		"503 with a page": func(rw http.ResponseWriter) {
			rw.Header().Set("Content-Type", "text/html")
			http.Error(rw, "<html>", http.StatusServiceUnavailable)
		},
		"a page": func(rw http.ResponseWriter) {
			rw.Header().Set("Content-Type", "text/html")
			_, _ = rw.Write([]byte("<html>log in"))
		},
		"drops": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, jenkinsserver.Options{})
			b, r := w.open(), w.request("a1")
			w.start(b, r)
			w.until("it does not end", func() bool { return len(w.running()) == 0 && w.count(r.ID) == 1 })
			w.registry.Answer(func(rw http.ResponseWriter, _ *http.Request) bool {
				trouble(rw)
				return true
			})
			if status := w.status(b, r.ID); status.Done {
				t.Fatalf("nobody knows whether the image is there, and it is %s", describe(status))
			}
			w.registry.Answer(nil)
			w.image(w.end(b, r.ID))
			if got := w.count(r.ID); got != 1 {
				t.Errorf("built %d times, want 1", got)
			}
		})
	}
	t.Run("404", func(t *testing.T) {
		w := newWorld(t, jenkinsserver.Options{})
		b, r := w.open(), w.request("a1")
		w.start(b, r)
		w.until("it does not end", func() bool { return len(w.running()) == 0 && w.count(r.ID) == 1 })
		w.registry.Fail("", "", http.StatusNotFound) // not even the registry itself is there
		if status := w.status(b, r.ID); status.Done {
			t.Fatalf("nobody knows whether the image is there, and it is %s", describe(status))
		}
		w.registry.Fail("", "/manifests/", http.StatusNotFound)
		if status := w.end(b, r.ID); status.Failure == nil || !strings.Contains(status.Failure.Summary, "is not in "+r.Destination) {
			t.Errorf("it ended as %s", describe(status))
		}
	})
	t.Run("slow for one image", func(t *testing.T) {
		w := newWorld(t, jenkinsserver.Options{})
		b, slow, other := w.open(), w.request("a1"), w.request("b2")
		other.Destination += "-other"
		w.start(b, slow)
		w.until("it does not end", func() bool { return len(w.running()) == 0 && w.count(slow.ID) == 1 })
		answers := make(chan struct{})
		w.registry.Answer(func(_ http.ResponseWriter, request *http.Request) bool {
			if strings.Contains(request.URL.Path, strings.SplitN(slow.Destination, "/", 2)[1]+"/manifests/sha256:") {
				select {
				case <-answers:
				case <-request.Context().Done():
				}
			}
			return false
		})
		w.start(b, other)
		w.until("the other one does not end", func() bool {
			statuses, err := b.Statuses(t.Context(), []string{slow.ID, other.ID})
			if err != nil {
				t.Fatal(err)
			}
			return statuses[other.ID].Image != nil
		})
		w.until("nobody is told why it takes so long", func() bool {
			status := w.status(b, slow.ID)
			return !status.Done && strings.Contains(status.Trouble, "has not said yet whether it has "+slow.Destination)
		})
		close(answers)
		w.image(w.end(b, slow.ID))
	})
	t.Run("slow", func(t *testing.T) {
		w := newWorld(t, jenkinsserver.Options{})
		b, r := w.open(), w.request("a1")
		w.start(b, r)
		w.until("it does not end", func() bool { return len(w.running()) == 0 && w.count(r.ID) == 1 })
		answers := make(chan struct{})
		w.registry.Answer(func(_ http.ResponseWriter, request *http.Request) bool {
			select {
			case <-answers:
			case <-request.Context().Done():
			}
			return false
		})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // the turn of whoever asks
		defer cancel()
		if _, err := b.Statuses(ctx, []string{r.ID}); err == nil {
			t.Error("a turn that came to nothing is told as one that did")
		}
		close(answers)
		w.image(w.end(b, r.ID))
	})
}
