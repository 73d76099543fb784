// Package ledger says what ran when, and why: the status of projects, the history of their releases, and the way from what
// runs to who caused it and back. It reads the two repositories and the notes as they are at given commits, asks nobody
// else, and has no clock. Its results are for whatever tells people.
//
// What has to look at one commit after another looks at the newest ten thousand only, and says so when that was not enough.
package ledger
