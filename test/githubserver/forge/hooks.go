package forge

import (
	"github.com/plateform/plateform/test/githubserver/delivery"
)

// appHook is the webhook of an App. The world decides which events are the App's, so that it takes all; its id does not
// get in the way of those of repositories.
func appHook(appID int64, url, secret string) delivery.Hook {
	return delivery.Hook{ID: -appID, URL: url, Secret: secret, Events: []string{"*"}}
}
