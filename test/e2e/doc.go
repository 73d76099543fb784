// Package e2e holds the end-to-end tests: the built binary as a child process, real bare Git repositories on disk, a
// real OCI registry on loopback, and people who act through the git command line. What is asserted is what is in Git and
// in the registry, never what the process logs.
//
// Each test tells one story with a world of its own. A story that says "nothing happens" sends a canary, an unrelated
// project, through the loop and looks again once it has arrived.
package e2e
