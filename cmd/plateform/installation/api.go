package installation

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/plateform/plateform/cmd/plateform/endpoint"
	"github.com/plateform/plateform/cmd/plateform/operator"
	"github.com/plateform/plateform/cmd/plateform/standby"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/api"
)

// api checks who may ask for runs, and where.
func (c *settingsCheck) api(s APISettings) {
	if s.Listen == "" && (s.URL != "" || len(s.Origins) > 0) {
		c.add("api", "api.url or api.origins is set, and no api.listen", "name the address to answer at, as listen: 127.0.0.1:8081")
	}
	u, err := url.Parse(s.URL)
	if s.URL != "" && (err != nil || !isWeb(u) || u.User != nil || u.RawQuery != "" || u.Fragment != "") {
		c.add("api.url", "api.url is no address that people could open", "write http:// or https:// with its host and path, and nothing else")
	}
	for n, origin := range s.Origins {
		if u, err := url.Parse(origin); err != nil || !isWeb(u) || origin != u.Scheme+"://"+u.Host {
			c.add(fmt.Sprintf("api.origins[%d]", n), "api.origins has what is no origin of a web page", "write only https:// and the host, as https://console.example.com")
		}
	}
}

func isWeb(u *url.URL) bool { return (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" }

// logURL is where people find the log of a run; nil where api.url does not say.
func (s APISettings) logURL() func(k manifest.Key, run string) string {
	if s.URL == "" {
		return nil
	}
	base := strings.TrimRight(s.URL, "/")
	return func(k manifest.Key, run string) string { return base + api.PagePath(k, run) }
}

// answering is the API, the token of whoever runs the installation, and what is answered beside it.
type answering struct {
	*api.API
	settings *Settings
	operator string
	metrics  http.Handler
	standby  *standby.Standby
}

// openAPI makes what answers for runs.
func openAPI(i *Installation, history api.History, builder reconciler.Builder, engine reconciler.Engine) error {
	if i.settings.API.Listen == "" {
		return nil
	}
	token, err := operator.NewToken(i.settings.DataDir)
	if err != nil {
		return err
	}
	logs, _ := builder.(reconciler.BuildLogs) // a builder without logs is fine
	recorder := api.NewRecorder()
	every := time.Second // a Jenkins is asked over the network
	if !i.settings.Builder.IsJenkins() {
		every /= 5
	}
	answers, err := api.New(api.Options{
		Runs: recorder, Logs: logs, Apps: api.AppsOf(engine),
		Access: api.Access{
			Identities: i.identities, Operator: token, Config: history.Config.Reader, Head: history.Config.Head, Origins: i.settings.API.Origins,
		},
		History: history,
		Secrets: i.settings.secrets, Ready: func() bool { return i.reconciler.Ready() }, Dir: operator.Folder(i.settings.DataDir),
		Times: api.Times{Now: i.now, Every: every}, Log: i.log,
	})
	if err != nil {
		return err
	}
	i.runs = &answering{API: answers, settings: i.settings, operator: token, metrics: i.Metrics(), standby: i.standby}
	i.later(answers.Close)
	i.observers = append(i.observers, recorder)
	i.metrics.LogReaders(answers.Readers)
	return nil
}

// last is the head of the branch at the last fetch; "" before the first.
func (b *branch) last() string {
	if head := b.head.Load(); head != nil {
		return *head
	}
	return ""
}

// ListenAPI opens the address of the API and of the metrics, and notes where it is for those who may read the data folder. It returns
// none where none is named.
func (e *edge) ListenAPI(ctx context.Context) ([]endpoint.Endpoint, error) {
	if e.runs == nil {
		return nil, nil
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", e.runs.metrics)
	mux.Handle("/", e.runs.standby.API(e.runs))
	at, err := endpoint.Listen(ctx, e.runs.settings.API.Listen, "api.listen", mux)
	if err != nil {
		return nil, err
	}
	if err := e.runs.standby.Answers(at.Address()); err != nil {
		return nil, errors.Join(err, at.Close())
	}
	if err := operator.Write(e.runs.settings.DataDir, e.runs.operator, at.Address()); err != nil {
		return nil, errors.Join(err, at.Close())
	}
	return []endpoint.Endpoint{at}, nil
}

// Metrics answers Prometheus.
func (i *Installation) Metrics() http.Handler { return i.metrics.Handler() }
