package change

import (
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// Retry is the edit that asks for another try of a project that failed, is held or frozen: a commit without any change,
// whose trailer names the project. The author is left to who commits. A project that is not there is refused.
func Retry(reader reconciler.Reader, head string, key manifest.Key) (manifest.Edit, error) {
	if err := config.MustHave(reader, head, key); err != nil {
		return manifest.Edit{}, err
	}
	return manifest.Edit{Message: manifest.FormatMessage("Retry "+key.String(), []manifest.Trailer{
		{Key: manifest.TrailerRetry, Value: key.String()},
	})}, nil
}
