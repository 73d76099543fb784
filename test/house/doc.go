// Package house holds the rules of this repository that a compiler does not know, as tests: which package may import
// which, how large a piece of code may get, what has to have a comment, what no test may do, and that the pages in docs name what
// is there.
package house
