// Package router is the reverse proxy in front of the processes of engine local: one listener, by Host header. It knows
// nothing of processes: the engine says which addresses answer for a host (Router.Set), and asks when an address that is to
// be stopped has no request any more (Router.Drained). That is how a rollout loses no request: Set the new addresses, wait
// for the old ones to be drained, stop them.
//
// It speaks HTTP/1.1 and HTTP/2 without TLS (h2c, by prior knowledge) to clients, and HTTP/1.1 to instances; gRPC goes to
// instances as h2c. WebSockets and other upgrades, streams in both directions and bodies of any size pass through; nothing
// is buffered as a whole.
//
// What a client says of where it comes from is not believed: X-Forwarded-For, -Host and -Proto and X-Real-Ip are made here.
package router
