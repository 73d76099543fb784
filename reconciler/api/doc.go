// Package api answers over HTTP and WebSocket how runs go: which there were lately, and each one live, its stages and the log of its
// builds as one stream that a reader can go on with where it stopped, also after a restart of serve. It says so to people who show that
// they are members of the workspace, as it is at the moment. docs/api.md is about it.
//
// What is known of runs is kept in bounded memory (Recorder). Logs stay where they are, with the builder: each build that somebody reads
// is read there once for all its readers, cleaned, into a file that they share.
package api
