// Package operator lets whoever may read the data folder of an installation ask its serve how runs go: where that answers, and a token
// that is good on this machine alone, are in files that nobody else may read.
package operator

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// Below the data folder of an installation.
const (
	folder      = "api"
	addressFile = "address"
	tokenFile   = "token"
)

// Folder is where the API of an installation keeps files.
func Folder(dataDir string) string { return filepath.Join(dataDir, folder) }

// TokenFile is the file with the token, which serve writes anew at each start.
func TokenFile(dataDir string) string { return filepath.Join(Folder(dataDir), tokenFile) }

// NewToken makes a folder for the files, and a token.
func NewToken(dataDir string) (string, error) {
	if err := os.MkdirAll(Folder(dataDir), 0o700); err != nil {
		return "", fmt.Errorf("making the data folder: %w", err)
	}
	return rand.Text(), nil
}

// Address is where the serve that was started last answers, as host:port.
func Address(dataDir string) (string, error) {
	data, err := os.ReadFile(filepath.Join(Folder(dataDir), addressFile))
	return strings.TrimSpace(string(data)), err
}

// Write notes the token, and where serve answers.
func Write(dataDir, token, address string) error {
	if host, port, err := net.SplitHostPort(address); err == nil && net.ParseIP(host).IsUnspecified() {
		address = net.JoinHostPort("localhost", port)
	}
	return errors.Join(replace(TokenFile(dataDir), token+"\n"), replace(filepath.Join(Folder(dataDir), addressFile), address+"\n"))
}

// replace writes a file that nobody else may read, in one step.
func replace(name, text string) error {
	file, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	_, err = file.WriteString(text)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", name, err), os.Remove(file.Name()))
	}
	return nil
}
