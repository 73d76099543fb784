// Package debian makes images of databases from Debian's packages, for tests in a cluster whose nodes reach no public registry.
package debian

import (
	"cmp"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/plateform/plateform/test/ociimage"
)

// Database is a database of Debian's packages: what it consists of, with all that it is linked against and what the chart calls.
type Database struct {
	Kind, Version string
	// Write and Read are commands that write a word and read it again, in a container of the database.
	Write func(word string) []string
	Read  []string

	packages []string
	// files besides, the entrypoint among them.
	files map[string]string
}

const shellPackages = `dash coreutils grep findutils libacl1 libattr1 libgmp10 libc6 libgcc-s1 libpcre2-8-0 libselinux1 libcap2 libssl3 libstdc++6
	libsystemd0 libgcrypt20 libgpg-error0 liblzma5 libzstd1 liblz4-1 zlib1g `

// Postgres is PostgreSQL 15.
func Postgres() Database {
	sql := func(text string) []string {
		return []string{"sh", "-c", `PGPASSWORD="$POSTGRES_PASSWORD" exec psql --no-psqlrc --quiet --tuples-only --no-align --host 127.0.0.1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --command "$0"`, text}
	}
	return Database{
		Kind: "postgres", Version: "15",
		packages: strings.Fields(shellPackages + `postgresql-15 postgresql-client-15 tzdata libaudit1 libcap-ng0 libcom-err2 libffi8 libgnutls30
			libgssapi-krb5-2 libhogweed6 libicu72 libidn2-0 libk5crypto3 libkeyutils1 libkrb5-3 libkrb5support0 libldap-2.5-0 libnettle8
			libp11-kit0 libpam0g libpq5 libreadline8 libsasl2-2 libtasn1-6 libtinfo6 libunistring2 libxml2`),
		files: map[string]string{"etc/passwd": "root:x:0:0::/:/bin/sh\npostgres:x:999:999::/:/bin/sh\n", "entrypoint": `#!/bin/sh
# What that of the official image does for a user who is not root.
set -e
[ $# -gt 0 ] || set -- postgres -c listen_addresses='*' -c unix_socket_directories=/tmp
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
	mkdir -p "$PGDATA"
	chmod 700 "$PGDATA"
	echo "$POSTGRES_PASSWORD" >/tmp/password
	initdb --username="$POSTGRES_USER" --pwfile=/tmp/password --auth=scram-sha-256 --no-locale --encoding=UTF8
	echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
	echo "CREATE DATABASE $POSTGRES_DB" | postgres --single postgres
fi
exec "$@"
`},
		Write: func(word string) []string {
			return sql("CREATE TABLE IF NOT EXISTS words (word text); DELETE FROM words; INSERT INTO words VALUES ('" + word + "')")
		},
		Read: sql("SELECT word FROM words"),
	}
}

// Redis is Redis 7.
func Redis() Database {
	cli := func(ask string) []string { return []string{"sh", "-c", "exec redis-cli " + ask} }
	return Database{
		Kind: "redis", Version: "7",
		packages: strings.Fields(shellPackages + `redis-server redis-tools libatomic1 libhiredis0.14 libjemalloc2 liblua5.1-0 lua-bitop lua-cjson liblzf1`),
		files:    map[string]string{"etc/passwd": "root:x:0:0::/:/bin/sh\nredis:x:999:999::/:/bin/sh\n", "entrypoint": "#!/bin/sh\nexec \"$@\"\n"},
		Write:    func(word string) []string { return cli("set word " + word) },
		Read:     cli("get word"),
	}
}

// Push pushes an image of the database to the registry of the cluster that the environment names, and says where pods find it: what
// registry.databases of platform.yaml is.
func (d Database) Push(t testing.TB) (databases string) {
	t.Helper()
	debs, root := t.TempDir(), t.TempDir()
	run := func(command string, args ...string) {
		t.Helper()
		c := exec.Command(command, args...)
		c.Dir = debs
		if said, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s %s: %v: %s", command, args[0], err, said)
		}
	}
	run("apt-get", append([]string{"download"}, d.packages...)...)
	files, err := filepath.Glob(filepath.Join(debs, "*.deb"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		run("dpkg-deb", "-x", file, root)
	}
	for path, content := range d.files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	run("mkdir", "-p", root+"/tmp")
	run("chmod", "1777", root+"/tmp")
	run("chmod", "0755", root)
	run("tar", "--numeric-owner", "--owner=0", "--group=0", "-C", root, "-cf", "root.tar", ".")
	layer := func() (io.ReadCloser, error) { return os.Open(filepath.Join(debs, "root.tar")) }
	config := v1.Config{Entrypoint: []string{"/entrypoint"}, WorkingDir: "/", Env: []string{"PATH=/usr/lib/postgresql/15/bin:/usr/bin:/bin"}}
	if _, err := ociimage.Push(t.Context(), os.Getenv("PLATEFORM_TEST_REGISTRY")+"/debian/"+d.Kind+":"+d.Version, layer, config); err != nil {
		t.Fatal(err)
	}
	return cmp.Or(os.Getenv("PLATEFORM_TEST_PULL"), "registry.test:5000") + "/debian"
}
