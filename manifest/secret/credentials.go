package secret

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// CredentialsName is the name that the credentials of a database are bound to. No variable can have it.
const CredentialsName = "#credentials"

// Sealed is one entry of a Secret that a release needs, still encrypted.
type Sealed struct {
	// Secret is the name of the Kubernetes Secret, and Key what the values call the entry there; empty for the credentials of a
	// database, which come to several entries (Credentials.Entries).
	Secret string
	Key    string
	// Name that it is bound to: of the variable, or CredentialsName.
	Name string
	// Ciphertext as it is in Git.
	Ciphertext string
}

// Opener opens what was encrypted for the platform.
type Opener interface {
	// Open decrypts what belongs to a place. Its errors never show what was encrypted.
	Open(ciphertext string, at Binding) (Value, error)
}

// Credentials of a database. They print as ***.
type Credentials struct {
	Username string
	Password Value
	Database string
}

// credentialsText is how they are written before they are encrypted.
type credentialsText struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Database string `json:"database"`
}

// NewCredentials are those of a new database of an engine.
func NewCredentials(engine, password string) Credentials {
	c := Credentials{Username: "app", Password: New(password), Database: "app"}
	if engine == "redis" { // it knows one user by that name, and numbers for databases
		c.Username, c.Database = "default", "0"
	}
	return c
}

// Seal encrypts the credentials of a database for recipients. Whatever name the place has, it is CredentialsName.
func (c Credentials) Seal(at Binding, recipients []string) (string, error) {
	at.Name = CredentialsName
	text, err := json.Marshal(credentialsText{c.Username, c.Password.Reveal(), c.Database})
	if err != nil {
		return "", fmt.Errorf("writing the credentials of a database: %w", err)
	}
	sealed, err := Seal(New(string(text)), at, recipients)
	if err != nil {
		return "", fmt.Errorf("the credentials of the database: %w", err)
	}
	return sealed, nil
}

// OpenCredentials opens the credentials of a database.
func OpenCredentials(ciphertext string, at Binding, opener Opener) (Credentials, error) {
	at.Name = CredentialsName
	text, err := opener.Open(ciphertext, at)
	if err != nil {
		return Credentials{}, fmt.Errorf("the credentials of the database: %w", err)
	}
	var c credentialsText
	if json.Unmarshal([]byte(text.Reveal()), &c) != nil || c.Username == "" || c.Password == "" {
		return Credentials{}, fmt.Errorf("the credentials of the database: %w", ErrDamaged)
	}
	return Credentials{c.Username, New(c.Password), c.Database}, nil
}

// Entries are what a Secret with the credentials has, for a database of an engine that answers at a host and port: what others may
// ask for with from.
func (c Credentials) Entries(engine, host string, port int) map[string]Value {
	address := host + ":" + strconv.Itoa(port)
	login := c.Username + ":" + c.Password.Reveal() + "@" + address + "/" + c.Database
	url := engine + "://" + login
	switch engine { // nothing of it is encrypted on its way: it does not leave the namespace
	case "postgres":
		url += "?sslmode=disable"
	case "mongodb":
		url += "?authSource=admin"
	}
	return map[string]Value{
		"url": New(url), "host": New(host), "port": New(strconv.Itoa(port)),
		"username": New(c.Username), "password": c.Password, "database": New(c.Database),
	}
}
