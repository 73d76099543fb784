// Package house holds the rules of this repository that a compiler does not know, as tests: which package may import
// which, how large a piece of code may get, and what no test may do.
package house
