// Package transport reaches remotes over HTTP, SSH, and as programs on this machine. go-git speaks the protocol; what hangs
// there when the other side does is done here, so that every call ends when its context does.
package transport
