package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"syscall"
)

// refusal is an answer that is none of what was asked for, in the form of the distribution specification.
type refusal struct {
	status     int
	code, what string
}

// Error implements error.
func (r *refusal) Error() string { return r.what }

func refuse(status int, code, format string, args ...any) *refusal {
	return &refusal{status, code, fmt.Sprintf(format, args...)}
}

// answer writes a refusal.
func (r *refusal) answer(w http.ResponseWriter) {
	type said struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	body, err := json.Marshal(map[string][]said{"errors": {{r.code, r.what}}})
	if err != nil {
		body = []byte("{}")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.status)
	_, _ = w.Write(body) // whoever asked may have gone
}

// refusalOf is how an error is told. unknown is the code for what is not there.
func refusalOf(err error, unknown string) *refusal {
	var r *refusal
	switch {
	case errors.As(err, &r):
		return r
	case errors.Is(err, fs.ErrNotExist):
		return refuse(http.StatusNotFound, unknown, "%s", wordsOf(err))
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return refuse(http.StatusInsufficientStorage, "UNKNOWN", "the disk of the registry is full: no space left on device (%s)", wordsOf(err))
	}
	return refuse(http.StatusInternalServerError, "UNKNOWN", "the registry cannot use its disk: %s", wordsOf(err))
}

// wordsOf says what is wrong without the folders of this machine.
func wordsOf(err error) string {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path) && errors.Is(path, fs.ErrNotExist):
		return strings.ReplaceAll(err.Error(), path.Error(), "it is not here")
	case errors.As(err, &path):
		return strings.ReplaceAll(err.Error(), path.Error(), path.Op+": "+path.Err.Error())
	case errors.As(err, &link):
		return strings.ReplaceAll(err.Error(), link.Error(), link.Op+": "+link.Err.Error())
	}
	return err.Error()
}
