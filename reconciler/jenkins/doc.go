// Package jenkins is a reconciler.Builder that has images made by one job of a Jenkins.
//
// A build is known in Jenkins by one of its parameters, PLATEFORM_ID: its number there, and that of its item in the queue, are
// given out again after a crash of Jenkins, and are only hints. So a build is triggered once: whoever wants it looks it up
// first, in the queue, then among the builds, as that is the way an item goes. How far all builds are is one question of two
// requests; the stages of running builds are asked for beside it, for a few of them each time.
//
// What a build says is believed as little as possible: of its release.json the digest, the framework, the port and the
// summary of the scan, and the digest has to be in the registry, in the repository that the build was told to push to.
package jenkins
