// Package scope finds out which folders and files of a repository the build of a source reads. A program in one folder is
// often built with more than that folder: with the rest of its module or workspace, with parent poms, or with a Dockerfile
// that is elsewhere. Whether something new has to be built is decided by all of that, and the builder goes by the same.
package scope
