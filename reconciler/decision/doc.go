// Package decision says what to do for one project, and what to remember of it. All of it is pure: no clock, no network,
// no Git. Memory, which is kept in run.yaml, is changed by the functions of memory.go and nowhere else.
package decision
