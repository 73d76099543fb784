//go:build e2e

package localrun_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/localrun"
	"github.com/plateform/plateform/reconciler/localrun/container"
)

// postgresPackages are those of Debian that a PostgreSQL consists of, with all it is linked against, and what its entrypoint runs.
var postgresPackages = strings.Fields(`postgresql-15 postgresql-client-15 tzdata dash coreutils util-linux libacl1 libattr1 libgmp10 libaudit1 libc6 libcap-ng0
	libcap2 libcom-err2 libffi8 libgcc-s1 libgcrypt20 libgnutls30 libgpg-error0 libgssapi-krb5-2 libhogweed6 libicu72 libidn2-0 libk5crypto3 libkeyutils1
	libkrb5-3 libkrb5support0 libldap-2.5-0 liblz4-1 liblzma5 libnettle8 libp11-kit0 libpam0g libpcre2-8-0 libpq5 libreadline8 libsasl2-2 libselinux1 libssl3
	libstdc++6 libsystemd0 libtasn1-6 libtinfo6 libunistring2 libxml2 libzstd1 zlib1g`)

// postgresEntrypoint does what that of the official image does: as root it sets up the folder, and goes on as a user of its own.
const postgresEntrypoint = `#!/bin/sh
set -e
as="setpriv --reuid=999 --regid=999 --clear-groups"
mkdir -p "$PGDATA" /var/run/postgresql
chmod 700 "$PGDATA"
chown 999:999 "$PGDATA" /var/run/postgresql
if [ ! -s "$PGDATA/PG_VERSION" ]; then
	umask 077
	echo "$POSTGRES_PASSWORD" >/password
	chown 999:999 /password
	$as initdb --username="$POSTGRES_USER" --pwfile=/password --auth=scram-sha-256 --no-locale --encoding=UTF8
	rm /password
	echo "CREATE DATABASE $POSTGRES_DB" | $as postgres --single postgres
fi
exec $as "$@"
`

// packPostgres pushes an image of Debian's PostgreSQL to a registry.
func packPostgres(t *testing.T, tool container.Tool, to string) {
	t.Helper()
	archive := unpackDebian(t, postgresPackages, map[string]string{
		"entrypoint": postgresEntrypoint, "etc/passwd": "root:x:0:0::/:/bin/sh\npostgres:x:999:999::/:/bin/sh\n",
	})
	const local = "localhost/plateform-test-postgres:1"
	toolSays(t, tool, "import", "--change", `ENTRYPOINT ["/entrypoint"]`, "--change", "ENV PATH=/usr/lib/postgresql/15/bin:/usr/bin:/bin", archive, local)
	toolSays(t, tool, "push", "--quiet", "--tls-verify=false", local, to)
	toolSays(t, tool, "image", "rm", local)
}

// A database comes from its registry once, is asked to end and does, and never has two that write; what was written stays.
func TestPostgreSQL(t *testing.T) {
	tool := findTool(t)
	w := newWorld(t)
	packPostgres(t, tool, w.registry.Host+"/library/postgres:15")
	orders := manifest.Key{Workspace: "ws-1", Project: "orders"}
	database := func(release, memory string) reconciler.Target {
		target := databaseTarget(t, orders, release, "postgres:15", memory)
		target.Values = []byte(strings.Replace(string(target.Values), "docker.io/library", w.registry.Host+"/library", 1))
		return target
	}
	w.want(database("v1.0.0", "256Mi"))
	w.awaitDatabase(orders, "v1.0.0")
	credentials := readCredentials(t, w, orders)
	if out := toolSays(t, tool, "ps", "--no-trunc", "--format", "{{.Command}}"); strings.Contains(out, credentials.Password) || len(commandLines(credentials.Password)) > 0 {
		t.Errorf("everybody on this machine reads the password: %s, %q", out, commandLines(credentials.Password))
	}
	sql := func(ask string) string {
		t.Helper()
		id := strings.TrimSpace(toolSays(t, tool, "ps", "--quiet", "--filter", "label=plateform.project=orders"))
		return strings.TrimSpace(toolSays(t, tool, "exec", id, "psql", "--no-psqlrc", "--tuples-only", "--command", ask, credentials.url()))
	}
	sql("CREATE TABLE orders (what text)")
	sql("INSERT INTO orders VALUES ('three apples')")
	kept := func(after string) {
		t.Helper()
		if got := sql("SELECT what FROM orders"); got != "three apples" {
			t.Errorf("after %s there is %q", after, got)
		}
	}
	sleeper := exec.Command(tool.Path, "exec", strings.TrimSpace(toolSays(t, tool, "ps", "--quiet", "--filter", "label=plateform.project=orders")),
		"psql", "--command", "SELECT pg_sleep(3600)", credentials.url())
	if err := sleeper.Start(); err != nil { // a client that stays
		t.Fatal(err)
	}
	eventually(t, "the client to be there", func() bool {
		return sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)'") == "1"
	})
	w.registry.Fail("", "/v2/", http.StatusServiceUnavailable) // the image is here
	w.want(database("v1.0.1", "300Mi"))
	w.awaitDatabase(orders, "v1.0.1")
	_ = sleeper.Wait() // it was cut off
	kept("another release")
	w.stop()
	if log := w.logOf(orders); strings.Count(log, "database system is shut down") < 2 || strings.Contains(log, "is killed") || strings.Contains(log, "was interrupted") {
		t.Errorf("it was not ended in order: %s", log)
	}
	w.start()
	w.awaitHealthyAgain(orders, database("v1.0.1", "300Mi"))
	kept("a restart")
	if again := readCredentials(t, w, orders); again != credentials {
		t.Error("its credentials have changed")
	}
	w.want(reconciler.Target{Key: orders, Remove: true})
	eventually(t, "the database to be removed", func() bool { _, there := w.rollout(orders); return !there })
	if _, err := os.Stat(filepath.Join(w.dir, "ws-1", "orders")); err == nil {
		t.Error("its data are left")
	}
}

// login is what is kept beside the data of a database.
type login struct {
	Host, Username, Password, Database string
	Port                               json.Number
}

func (l login) url() string {
	return "postgres://" + l.Username + ":" + l.Password + "@" + l.Host + ":" + l.Port.String() + "/" + l.Database
}

func readCredentials(t *testing.T, w *world, key manifest.Key) login {
	t.Helper()
	file := filepath.Join(w.dir, key.Workspace, key.Project, "credentials.json")
	content, err := os.ReadFile(file)
	var l login
	if err == nil {
		err = json.Unmarshal(content, &l)
	}
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file of credentials: %v, %v", info, err)
	}
	return l
}

// logOf is what a project has printed.
func (w *world) logOf(key manifest.Key) string {
	w.t.Helper()
	var lines []string
	err := localrun.Logs{Dir: w.dir}.AppLog(w.t.Context(), key, reconciler.AppLogQuestion{Last: 1000}, func(line string) error {
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// awaitHealthyAgain wants what runs already, after a restart.
func (w *world) awaitHealthyAgain(key manifest.Key, target reconciler.Target) {
	w.t.Helper()
	w.want(target)
	w.awaitDatabase(key, target.Release)
}
