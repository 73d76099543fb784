package jenkins

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/logline"
)

// LogQuestion says which log somebody wants to see.
type LogQuestion struct {
	// Key of the project whose newest build it is.
	Key manifest.Key
	// Follow goes on until the build has ended.
	Follow bool
	// Every is how often it is looked for more.
	Every time.Duration
}

// CopyLog writes the log of the newest build of a project as harmless lines with their colours, whoever had it started. It needs no registry. An error is
// fs.ErrNotExist when Jenkins knows of no such build.
func CopyLog(ctx context.Context, o Options, ask LogQuestion, to io.Writer) error {
	b, err := newBuilder(o)
	if err != nil {
		return err
	}
	there := b.remote
	defer there.requester.client.CloseIdleConnections()
	l, _, err := there.look(ctx, 0)
	if err != nil {
		return err
	}
	number := l.newestOf(ask.Key)
	if number == 0 {
		return fmt.Errorf("no build of %s is among the newest %d of the job %s: %w", ask.Key, newest, o.Job, fs.ErrNotExist)
	}
	out := &logline.Writer{To: to}
	ticker := time.NewTicker(max(ask.Every, time.Millisecond))
	defer ticker.Stop()
	for offset := int64(0); ; {
		next, more, err := there.copyLog(ctx, number, offset, out)
		if err != nil {
			return err
		}
		if !more || !ask.Follow {
			return out.Close()
		}
		offset = next
		select {
		case <-ctx.Done():
			return errors.Join(out.Close(), ctx.Err())
		case <-ticker.C:
		}
	}
}

var _ reconciler.BuildLogs = (*Builder)(nil)

// BuildLog implements reconciler.BuildLogs. Each build in Jenkins is a try of its own; of one that nothing is known of, the newest is
// looked for, as when it is started.
func (b *Builder) BuildLog(ctx context.Context, q reconciler.BuildLogQuestion, to io.Writer) (reconciler.BuildLogEnd, error) {
	number, err := numberFor(ctx, b, q.ID)
	if err != nil {
		return reconciler.BuildLogEnd{}, err
	}
	if number == 0 {
		return reconciler.BuildLogEnd{}, fmt.Errorf("no build in Jenkins has the ID %s, or it waits for an agent: %w", q.ID, fs.ErrNotExist)
	}
	end := reconciler.BuildLogEnd{Try: strconv.FormatInt(number, 10)}
	if q.Try != "" && q.Try != end.Try {
		return end, nil
	}
	next, more, err := b.remote.copyLog(ctx, number, q.From, to)
	if codeOf(err) == http.StatusNotFound {
		return reconciler.BuildLogEnd{}, fmt.Errorf("build %d is not in Jenkins any more: %w", number, fs.ErrNotExist)
	}
	if err != nil {
		return end, err
	}
	end.Next, end.Ended = next, !more
	return end, nil
}

// numberFor is the number of the newest build with an ID; 0 when there is none, or none yet.
func numberFor(ctx context.Context, b *Builder, id string) (int64, error) {
	b.mu.Lock()
	known := b.active[id]
	if known == nil {
		known, _ = b.ended.Get(id)
	}
	number := int64(0)
	if known != nil {
		number = known.number
	}
	b.mu.Unlock()
	if known != nil && number != 0 {
		return number, nil
	}
	l, _, err := b.remote.recent(ctx, b.options.Clock)
	if err != nil || len(l.runs[id]) == 0 {
		return 0, err
	}
	newest := l.runs[id][0].Number
	if known != nil && newest <= known.floor {
		return 0, nil // it is of an earlier try, and the next one waits in the queue
	}
	return newest, nil
}

// newestOf is the number of the newest build of a project; 0 when there is none.
func (l *look) newestOf(key manifest.Key) int64 {
	var number int64
	for _, runs := range l.runs {
		for _, r := range runs {
			if r.Actions.parameter(ParamProject) == key.String() {
				number = max(number, r.Number)
			}
		}
	}
	return number
}

// copyLog copies a log from an offset on, however long that is. next is where it ends, which counts more than what was copied; 0 when
// the log is shorter than the offset, and nothing was copied.
func (r *remote) copyLog(ctx context.Context, number, offset int64, to io.Writer) (next int64, more bool, err error) {
	response, err := r.requester.send(ctx, call{
		method: http.MethodGet, endpoint: r.runPath(number) + "/logText/progressiveText", query: map[string]string{"start": strconv.FormatInt(offset, 10)},
	})
	if err != nil {
		return 0, false, r.explain(ctx, err)
	}
	defer response.Body.Close()
	next, err = strconv.ParseInt(response.Header.Get("X-Text-Size"), 10, 64)
	if err != nil {
		return 0, false, fmt.Errorf("the log of build %d does not say how long it is: %w", number, err)
	}
	if next < offset {
		return 0, true, nil // it is another log than the offset was of, and is answered in full
	}
	if _, err := io.Copy(to, response.Body); err != nil {
		return 0, false, fmt.Errorf("copying the log of build %d: %w", number, plain(err))
	}
	return next, response.Header.Get("X-More-Data") == "true", nil
}
