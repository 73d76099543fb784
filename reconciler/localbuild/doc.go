// Package localbuild builds images on this machine, with the steps that a build server runs too: detect what the source
// is, compile it or follow its Dockerfile, label the image with where it comes from.
//
// A Go program needs no container tool: it is compiled and put into an image of its own in process, and the same commit
// gives the same digest. A Dockerfile is built with the first of buildctl, docker buildx, buildah, docker and podman that works here; a source of
// another framework without one is built with a Dockerfile that is written for it.
//
// Building runs code of the source (a Dockerfile does what it likes): it is for sources that are trusted. What a build
// sees of this process is a search path, a proxy and caches: never its environment, its home or its credentials.
package localbuild
