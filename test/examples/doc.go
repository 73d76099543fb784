// Package examples holds the examples to what they say: they parse and are valid, their release files are what Plateform
// writes for them, plateform-gitops is what platform-config renders to, and the sample app works.
//
// `go test ./test/examples -update` writes the release files and plateform-gitops again.
package examples
