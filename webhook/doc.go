// Package webhook is where servers tell of what happened, over HTTP. Whoever can reach the address can send anything: a
// delivery is measured, verified and decoded, and what is left of it is a Hint. Facts are read again by those who take
// hints, so a delivery that is lost, doubled, late or sent again by somebody else changes nothing but when they look.
package webhook
