// Package reconciler has the words that all of the reconciler shares, and its ports: what it needs of the world. It does
// nothing by itself. Package loop below it is the reconciler; each technology behind a port is a package of its own, and
// none of those imports another.
//
// The ports: Repository (one branch of a Git repository), Sources (where the branches of the apps are), Builder, Registry,
// Forge (where people look), Reviews (what is proposed), Deployments (what people see of what runs), Engine (what makes it
// run), Charts. They are implemented by packages beside this one and by gitstore. The contract of a port that several
// implement, or will, is in a test suite beside this one (buildertest, enginetest, forgetest, registrytest, reviewstest).
//
// The words: a Run is one attempt to bring about what a commit asks of a project. What happens to it is an Event. What
// people are to be told of it is a Report, as facts; a forge turns that into a Statement, in its own words.
//
// # The stages of a run
//
//	queued → building → scanning → pushing → updating GitOps → synced → deployed
//	   │        │          │          │             │             │
//	   └────────┴──────────┴──────────┴─────────────┴─────────────┴──→ failed, superseded, held
//
// A run goes forward only, and may leave stages out: nothing is built for a changed variable. It ends once: as deployed,
// as failed, as superseded (a newer source takes its place) or as held (what it asks for is kept back). Without an engine
// nobody can say that anything is deployed, so the run ends, as a success, at updating GitOps. After the end it does not
// change any more.
package reconciler
