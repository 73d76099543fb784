// Package manifest holds Plateform's nouns: the Platform, Workspaces and Projects that people write, the Releases and
// Runs that Plateform writes, and everything that can be said about them without looking at the world: parsing with
// positions, validation, inference, part keys, the final Helm values, and the signatures of release files.
//
// Everything here is pure. It reads bytes and returns values; no clock, no network, no Git. Of this module it imports
// only what is below it: package strict reads YAML.
package manifest
