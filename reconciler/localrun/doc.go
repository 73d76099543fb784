// Package localrun is engine local: it brings this machine to what plateform-gitops shows. It is for one machine and for
// sources that are trusted.
//
// An image that is one static program is unpacked (program) and run as a process (shim) that does not outlive this one;
// any other runs through podman or docker, if one is there. Everything that answers HTTP is reached through a router, by
// its host.
//
//	Want ─► project ─► rollout ─► replica ─► shim ─► the program
//	           │                     │
//	           └──► router ◄─────────┘ ready, gone
//
// Each project has a goroutine of its own (project) that takes it to the newest target it was given. A rollout starts what
// is new, waits until it is ready, has the router switch, waits until what is old has no request under way, and stops it;
// if anything fails before the switch, what is old goes on answering. Each replica has a goroutine that keeps one process up: it
// starts it, probes it, and starts it again when it has ended, with a backoff.
//
// What ran last and was healthy is noted on disk, so that it is running again a moment after a restart, whether or not
// the newest release gets healthy.
package localrun
