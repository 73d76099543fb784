// Package pack reads and writes Git's objects the way Git keeps and sends them: packs, deltas, indexes, and single files.
//
//   - DB holds objects that were received or made: packs on disk with their index in memory, new ones in memory until
//     there are many.
//   - Repository finds the objects of a repository on this machine by the indexes that Git made.
//   - Writer writes a pack.
//
// Indexing and reading 130,000 objects has to take well under a second and little memory, which is why go-git is used for
// names and kinds only. What is inside an object is not looked at.
package pack
