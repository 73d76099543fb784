// Package embedded is an image registry inside this process, for one machine: on loopback, with everything on disk.
//
// Blobs, manifests and tags are files that are written beside their place, synced and renamed into it, so a process that is
// killed leaves nothing half-written that counts. What is read is hashed first: what does not match its digest is put aside
// and counts as not there, until it is pushed again. What nobody names goes away by Registry.Sweep.
//
// The library's registry answers for blobs that are read. It would keep manifests, and uploads in pieces, in memory: those
// are answered here.
package embedded
