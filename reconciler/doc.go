// Package reconciler brings what platform-config says into plateform-gitops, and says how far it is.
//
// Hints say that something may have changed; observe reads what is so; decide, which is pure, says what to do; act does
// it; report tells people. Every step can be repeated. What the reconciler needs of the world are the ports in this
// package; each technology behind a port is a package of its own below this folder, and none of them knows another.
package reconciler
