package review

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
)

func TestCommands(t *testing.T) {
	t.Parallel()
	shop, v3 := manifest.Key{Workspace: "ws-1", Project: "shop"}, manifest.Version{Major: 1, Patch: 3}
	for text, want := range map[string]*command{
		"/plateform plan":                                  {verb: verbPlan},
		"  /plateform   retry  \r\n":                       {verb: verbRetry},
		"It is broken.\n\n/plateform retry ws-1/shop\n":    {verb: verbRetry, project: shop},
		"/plateform rollback":                              {verb: verbRollback},
		"/plateform rollback v1.0.3":                       {verb: verbRollback, version: v3},
		"/plateform rollback ws-1/shop v1.0.3":             {verb: verbRollback, project: shop, version: v3},
		"> /plateform rollback\n\nDo not do that":          nil,
		"```\n/plateform rollback\n```\nis how it is done": nil,
		"````\n```\n/plateform rollback\n```\n````\n":      nil,
		"```sh\n~~~\n/plateform rollback\n":                nil,
		"~~~\nx\n~~~\n/plateform plan\n":                   {verb: verbPlan},
		"so:\n\n    /plateform rollback\n":                 nil,
		"<!--\n/plateform rollback\n-->\n":                 nil,
		"<!-- as it ends nowhere\n/plateform rollback":     nil,
		"say `/plateform plan`":                            nil,
		"/plateformplan":                                   nil,
		"/PLATEFORM plan":                                  nil,
		"":                                                 nil,
	} {
		got, found, err := commandIn(text)
		if err != nil || found != (want != nil) {
			t.Errorf("%q: found %v, %v", text, found, err)
			continue
		}
		if want != nil && !cmp.Equal(*want, got, cmp.AllowUnexported(command{})) {
			t.Errorf("%q: %+v, want %+v", text, got, *want)
		}
	}
	for _, text := range []string{
		"/plateform", "/plateform destroy", "/plateform plan ws-1/shop", "/plateform retry v1.0.3", "/plateform rollback ws-1/shop 1 2",
		"/plateform rollback v1.0.3 ws-1/shop", "/plateform rollback ws-1/shop ws-2/shop", "/plateform rollback latest", "/plateform plan\n/plateform rollback",
	} {
		if got, found, err := commandIn(text); !found || err == nil {
			t.Errorf("%q: found %v, %+v", text, found, got)
		}
	}
}
