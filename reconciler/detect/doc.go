// Package detect finds out what a source is from its files alone: the framework, the port, and how it is installed, built and
// started, each with where it says so. Nothing is run, nothing outside the source is read, and what is read of a source is
// bounded: whoever writes one decides only over what is said of it.
package detect
