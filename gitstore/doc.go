// Package gitstore uses Git as a store: it reads files at a commit, finds what differs between two commits, makes
// commits out of objects and moves a branch with compare-and-swap, without a work tree and at a cost that follows the
// change.
//
//   - Store is one branch of one remote. Objects it fetched lie packed on disk with their index in memory, new ones in
//     memory until there are many. A push sends exactly the objects that are new.
//   - Local is a read-only view of the repository that a directory belongs to.
//   - FS shows one commit of either as an fs.FS.
//   - Notes appends lines to the notes of commits.
//   - Remote answers questions about source repositories and checks them out.
//
// go-git speaks the protocol and knows the object formats. Package pack reads and writes packs, package transport reaches
// remotes.
package gitstore
