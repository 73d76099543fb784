// Package wire writes the nouns of a GitHub as JSON, as its API and its webhooks show them.
package wire
