package loop

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/plateform/plateform/reconciler/worker"
)

// The comment of the package names every owner of the session, and every worker.
func TestTheDocNamesOwnersAndWorkers(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for owner := range reflect.TypeFor[session]().Fields() {
		if owner.Type.Kind() == reflect.Pointer && owner.Type != reflect.TypeFor[*worker.Garbage]() {
			rows = append(rows, owner.Name)
		}
	}
	for part := range reflect.TypeFor[worker.All]().Fields() {
		rows = append(rows, strings.TrimPrefix(part.Type.String(), "*"))
	}
	for _, row := range rows {
		if !regexp.MustCompile(`(?m)^//\t` + regexp.QuoteMeta(row) + ` +\S`).Match(text) {
			t.Errorf("doc.go has no row for %s", row)
		}
	}
}
