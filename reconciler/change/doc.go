// Package change makes the edits that people ask for. Each is worked out at one commit of the config repository, with all
// its checks, and comes to one commit on top of it: which files, which message, which trailers. Who pushes it, and asks
// again when somebody else was faster, is not known here.
package change
