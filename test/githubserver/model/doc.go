// Package model are the nouns of a GitHub: accounts, Apps, repositories, pull requests, what is said of commits, and the
// rules of what may be pushed, with all that can be said of them by looking at them alone. The forge's lock guards them.
package model
