package localrun

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	randv2 "math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
)

// credentials of a database. They are made once, beside its data, and never change: who has connected goes on to.
type credentials struct {
	Engine   string `json:"engine"`
	Host     string `json:"host"`
	Port     int    `json:"port"`
	Username string `json:"username"`
	Password string `json:"password"`
	Database string `json:"database"`
}

// credentialsFile is where they are, in the folder of the database's project, for its owner alone.
const credentialsFile = "credentials.json"

// String hides the password.
func (credentials) String() string { return "***" }

// GoString hides the password.
func (credentials) GoString() string { return "***" }

// address is where the database listens.
func (c credentials) address() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.Port)) }

// value of one of the keys that a Secret of a database has.
func (c credentials) value(key string) (string, bool) {
	made := secret.Credentials{Username: c.Username, Password: secret.New(c.Password), Database: c.Database}
	value, known := made.Entries(c.Engine, c.Host, c.Port)[key]
	return value.Reveal(), known
}

// readCredentials returns those of a project; the error is fs.ErrNotExist when it has none yet.
func readCredentials(d dirs) (credentials, error) {
	var c credentials
	content, err := os.ReadFile(filepath.Join(d.root, credentialsFile))
	if err == nil {
		err = json.Unmarshal(content, &c)
	}
	if err != nil {
		return c, fmt.Errorf("reading the credentials of a database: %w", err)
	}
	return c, nil
}

// own returns the credentials of a database, which are made when there are none: those that its release has, where it has any. A database
// that was begun with others keeps them.
func (s secrets) own(d dirs, database service) (credentials, error) {
	c, err := readCredentials(d)
	if !errors.Is(err, fs.ErrNotExist) {
		return c, err
	}
	made := secret.NewCredentials(database.engine, rand.Text())
	if one := database.credentials; one.ciphertext != "" && s.options.Secrets != nil {
		if made, err = secret.OpenCredentials(one.ciphertext, manifest.SecretAt(s.key, one.owner, one.name), s.options.Secrets); err != nil {
			return c, err
		}
	}
	c = credentials{Engine: database.engine, Host: loopback, Username: made.Username, Password: made.Password.Reveal(), Database: made.Database}
	if c.Port, err = lastingPort(); err != nil {
		return c, err
	}
	content, err := json.Marshal(c)
	if err != nil {
		return c, err
	}
	file := filepath.Join(d.root, credentialsFile)
	if err := os.WriteFile(file+".partial", content, 0o600); err != nil {
		return c, fmt.Errorf("keeping the credentials of a database: %w", err)
	}
	return c, os.Rename(file+".partial", file)
}

// lastingPort is a free port below those that the kernel gives to connections: it has to be free at every later start, too.
func lastingPort() (int, error) {
	const lowest, number, tries = 20000, 12000, 100
	var err error
	for range tries {
		port := lowest + randv2.IntN(number)
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port))); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("finding a free port: %w", err)
}

// secretOf is the database whose credentials a secret stands for.
func secretOf(workspace, secret string) (database manifest.Key, found bool) {
	project, found := strings.CutSuffix(secret, "-credentials")
	return manifest.Key{Workspace: workspace, Project: project}, found
}

// databaseStop is how long a database may take to end: one that is killed has to recover from its log.
const databaseStop = 2 * time.Minute

// databaseServer is how a database is run: as its chart does it, but at an address of this machine that nobody else reaches.
type databaseServer struct {
	args, env []string
	mount     string
	// stop is the signal that ends it without waiting for its clients; that of the image when empty.
	stop string
}

func serverOf(c credentials) (databaseServer, error) {
	port := strconv.Itoa(c.Port)
	switch c.Engine {
	case "postgres":
		return databaseServer{mount: "/data", stop: "SIGINT", args: []string{"postgres", "-c", "listen_addresses=" + c.Host}, env: []string{
			"PGDATA=/data/pgdata", "PGPORT=" + port, "POSTGRES_USER=" + c.Username, "POSTGRES_PASSWORD=" + c.Password, "POSTGRES_DB=" + c.Database,
		}}, nil
	case "mysql":
		return databaseServer{mount: "/data", args: []string{"--datadir=/data/mysql", "--port=" + port, "--bind-address=" + c.Host, "--mysqlx=OFF"}, env: []string{
			"MYSQL_USER=" + c.Username, "MYSQL_PASSWORD=" + c.Password, "MYSQL_ROOT_PASSWORD=" + c.Password, "MYSQL_DATABASE=" + c.Database,
		}}, nil
	case "redis":
		start := `exec redis-server --dir /data --appendonly yes --requirepass "$REDISCLI_AUTH" --port ` + port + " --bind " + c.Host
		return databaseServer{mount: "/data", args: []string{"sh", "-c", start}, env: []string{"REDISCLI_AUTH=" + c.Password}}, nil
	case "mongodb":
		return databaseServer{mount: "/data/db", args: []string{"--port", port, "--bind_ip", c.Host}, env: []string{
			"MONGO_INITDB_ROOT_USERNAME=" + c.Username, "MONGO_INITDB_ROOT_PASSWORD=" + c.Password, "MONGO_INITDB_DATABASE=" + c.Database,
		}}, nil
	}
	return databaseServer{}, fmt.Errorf("engine local does not know the database %s", c.Engine)
}
