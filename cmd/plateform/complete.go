package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
)

// Completion reads the checkout as it was last fetched and committed: it asks no network, and says nothing when there is
// no checkout.

// completeProject completes WORKSPACE/PROJECT as the only argument.
func completeProject(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return offers(c, typed, (*localConfig).projects)
}

// completeRollback completes WORKSPACE/PROJECT and then the versions there are to go back to.
func completeRollback(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return completeProject(c, args, typed)
	}
	key, err := parseKey(args[0])
	if err != nil || len(args) > 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names, directive := offers(c, typed, func(l *localConfig) []string {
		versions := l.versions(key)
		return versions[min(1, len(versions)):] // the newest runs already
	})
	return names, directive | cobra.ShellCompDirectiveKeepOrder
}

// completeReleases completes WORKSPACE/PROJECT, and the versions behind an @. bash takes the @ for a word of its own.
func completeReleases(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	prefix, version := "", typed
	switch {
	case len(args) == 0 && strings.Contains(typed, "@"):
		project, rest, _ := strings.Cut(typed, "@")
		args, prefix, version = []string{project}, project+"@", rest
	case len(args) == 0:
		names, directive := completeProject(c, args, typed)
		return names, directive | cobra.ShellCompDirectiveNoSpace // an @ may follow
	case len(args) == 1 && strings.HasPrefix(typed, "@"):
		prefix, version = "@", typed[1:]
	case len(args) != 2 || args[1] != "@":
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	key, err := parseKey(args[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names, directive := offers(c, version, func(l *localConfig) []string { return l.versions(key) })
	for i := range names {
		names[i] = prefix + names[i]
	}
	return names, directive | cobra.ShellCompDirectiveKeepOrder
}

// outputFlag adds --output, with its completion.
func outputFlag(c *cobra.Command, output *string, known ...string) {
	usage := strings.Join(known[:len(known)-1], ", ") + " or " + known[len(known)-1]
	c.Flags().StringVarP(output, "output", "o", known[0], usage)
	if err := c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(known, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag was added just now
	}
}

// localConfig is the config repository as far as it is on this machine.
type localConfig struct {
	objects *gitstore.Local
	head    string
}

// offers asks the config repository on this machine for words that begin with what is typed already.
func offers(c *cobra.Command, typed string, ask func(*localConfig) []string) ([]string, cobra.ShellCompDirective) {
	dir := "."
	if named, err := c.Flags().GetString("config-repo"); err == nil && named != "" {
		dir = named // a URL is no folder, and offers nothing
	}
	objects, err := gitstore.OpenLocal(c.Context(), dir)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	l := &localConfig{objects: objects}
	var words []string
	if l.head, _, err = objects.Head(); err == nil && l.head != "" {
		words = ask(l)
	}
	if objects.Close() != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	words = slices.DeleteFunc(words, func(word string) bool { return !strings.HasPrefix(word, typed) })
	return words, cobra.ShellCompDirectiveNoFileComp
}

// projects are those of the commit that is checked out.
func (l *localConfig) projects() []string {
	keys, err := config.ProjectsAt(l.objects, l.head)
	if err != nil {
		return nil
	}
	var names []string
	for _, key := range keys {
		names = append(names, key.String())
	}
	return names
}

// versions of a project, the newest first.
func (l *localConfig) versions(key manifest.Key) []string {
	versions, err := config.VersionsAt(l.objects, l.head, key)
	if err != nil {
		return nil
	}
	var names []string
	for _, v := range versions {
		names = append(names, v.String())
	}
	return names
}
