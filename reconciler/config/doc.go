// Package config knows what platform-config says at one commit: what is authored, which releases are honoured, who claims
// which host, and what is wrong with the files. It moves from commit to commit by what differs between them.
package config
