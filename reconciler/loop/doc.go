// Package loop is the reconciler: it brings what platform-config says into plateform-gitops, and says how far it is.
//
// # One pass
//
// Reconciler.Run makes one pass after another: after a hint (Reconciler.Hint), when a worker has news, and when a deadline
// has come. A pass (session.pass) is these steps, in this order:
//
//	observeConfig   fetch platform-config; take in the new commits one by one (follower)
//	observeGitOps   fetch plateform-gitops; take in what other processes and other people did there (writer)
//	observeWorkers  take in what the workers have found out, and which deadlines have come
//	decide          for each project that something happened to: decision.Decide, and do what can be done at once
//	release         push the release files that are ready to platform-config, in one push; decide again (releases)
//	write           push what GitOps has to show, in one push; hand it to the engine (writer, rollouts)
//	conclude        end the runs that are over, and tell people (runs)
//
// Every step can be repeated. A pass that fails is made again, and begins with fetching both repositories. A project that
// cannot be decided on is late: it gets another pass, and the others go on. When memory may not be right any more
// (errReopen), the session is thrown away and made again from the two repositories (open).
//
// # Who owns what
//
// One goroutine owns all of the memory, which is a session, so nothing in it has a lock. Its owners:
//
//	world     the ports, where both repositories are, the catalog, the GitOps tree, and the deadlines
//	projects  what is known of each project beyond the two repositories, and which projects want a decision (dirty)
//	follower  follows platform-config commit by commit, and with it what is remembered of each project (run.yaml)
//	sources   which places of source repositories are looked at, and where they were last seen
//	builds    which images are being made
//	presence  whether registries still have the images that are to run again
//	awaited   which images were named before they could be used
//	tags      which images get the version of a release as a tag
//	releases  makes release files, and removes the oldest
//	writer    writes plateform-gitops
//	rollouts  what the engine was handed, and how far it is
//	runs      the runs that go on: it starts them, reports on them, ends them, and gives all of it out as events
//	recall    what earlier processes reported
//
// A repository that takes no pushes is waited for at its gate (package gate): the projects that need it are told why, and all
// else goes on.
//
// Only decision changes what is remembered, by pure functions: the owners call them.
//
// # What waits where
//
// The loop waits for fetches and pushes of the two repositories, and for nothing else. All that talks to somebody else is
// a worker (package worker). The loop says what it wants, which never blocks; the worker tries until it gets an answer, and
// wakes the loop; the next pass takes the news:
//
//	worker.Sources     waits for source repositories
//	worker.Builds      waits for the builder and, to look up authored images, for registries
//	worker.Images      waits for registries, for whether they have an image (presence)
//	worker.References  waits for registries, for images that were named before they could be used (awaited)
//	worker.Tags        waits for the registry
//	worker.Outbox      waits for the forge, for reports and for what earlier processes reported (recall)
//	worker.Rollouts    waits for the engine
//	worker.Garbage     waits for the disk of the embedded registry, and reads which images are in use
//
// # The stages of a run
//
//	queued → building → scanning → pushing → updating GitOps → synced → deployed
//	   │        │          │          │             │             │
//	   └────────┴──────────┴──────────┴─────────────┴─────────────┴──→ failed, superseded, held
//
// Package reconciler says what the arrows mean. Here is who reports a stage, and when:
//
//	queued           runs.queued: something is waited for; runs.retrying: and it does not answer; runs.stuck: a push does not get in
//	building         builds.take: as the builder says, and likewise scanning and pushing
//	scanning         builds.take
//	pushing          builds.take
//	updating GitOps  releases.push: the release file is about to be pushed; session.deployed: GitOps shows it
//	synced           rollouts.follow: the engine has it, and it is not healthy yet
//	deployed         rollouts.follow: the engine says that it is healthy
//	failed           builds.fail, rollouts.follow, session.blockedVerdict: with the reason
//	superseded       builds.cancel: a newer source takes the place of a build that was running
//	held             session.heldVerdict, session.blockedVerdict, rollouts.follow: what is asked for is kept back
package loop
