// Package review is the worker that answers proposals to change the config repository: pull requests. It says on each what merging
// it would do, as a check and as one card that is edited in place, again whenever the proposal or what it is about changes.
//
// It works on one proposal at a time for each number, and waits for nobody else; the loop knows nothing of it. A proposal is
// read from Git and merged in memory. Nothing of it is built or run. What was said is found again on the forge, so that another
// process says nothing twice.
package review
