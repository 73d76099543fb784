package demo

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/scaffold"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/ledger"
)

// tell plays the story, chapter by chapter.
func (d *story) tell(ctx context.Context) error {
	d.say("%s", d.Style.Bold("Plateform: two Git repositories, one application platform."))
	if d.cluster != nil {
		d.say("What you see is real: Git repositories and the reconciler on this machine, images in %s, and the app in your cluster, in namespace %s.",
			d.Registry, d.cluster.namespace)
	} else {
		d.say("What you see is real: Git repositories, an image registry, the reconciler and the app, all on this machine.")
	}
	if d.visitor == nil {
		d.say("Apps run here on Linux only, so on this machine the story ends at plateform-gitops, without answers.")
	}
	for _, chapter := range []func(context.Context) error{
		d.addProject, d.pushApp, d.changeEnv, d.breakApp, d.revert,
	} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	return d.end(ctx)
}

// addProject: a project of type and source is complete.
func (d *story) addProject(ctx context.Context) error {
	d.chapter("Alice adds a workspace and a project: a type and a source, nothing else.")
	begun := d.Now()
	samples := filepath.Join(d.config.Work.Dir, "samples", "ws-1")
	if err := copyTree(filepath.Join(d.config.Work.Dir, manifest.WorkspacesDir, "ws-1"), samples); err != nil {
		return err
	}
	project, err := d.config.Work.Run(ctx, "show", "HEAD:samples/ws-1/projects/hello/project.yaml")
	if err != nil {
		return err
	}
	_, spec, _ := strings.Cut(project, "spec:\n")
	for line := range strings.Lines(spec) {
		d.say("     project.yaml %s", strings.TrimSpace(line))
	}
	commit, err := d.config.Push(ctx, "Add ws-1 with hello")
	if err != nil {
		return err
	}
	d.did(d.config, commit, "git push")
	if err := d.follow(ctx, commit, ""); err != nil {
		return err
	}
	if err := d.released(ctx, "v1.0.0", begun); err != nil {
		return err
	}
	return d.answers(ctx, "Hello, world!")
}

// pushApp: a push to the app is a release.
func (d *story) pushApp(ctx context.Context) error {
	d.chapter("Alice changes the app.")
	begun := d.Now()
	on, err := d.config.Head(ctx)
	if err != nil {
		return err
	}
	commit, err := d.editApp(ctx, "Greet politely", `greeting = "Hello"`, `greeting = "Good day"`)
	if err != nil {
		return err
	}
	err = d.meanwhile(ctx, func() error {
		if err := d.follow(ctx, on, commit); err != nil {
			return err
		}
		return d.released(ctx, "v1.0.1", begun)
	})
	if err != nil {
		return err
	}
	return d.answers(ctx, "Good day, world!")
}

// changeEnv: a change of settings is a release without a build.
func (d *story) changeEnv(ctx context.Context) error {
	d.chapter("Alice sets an environment variable. The image is known, so nothing is built.")
	begun := d.Now()
	if err := d.config.Pull(ctx); err != nil {
		return err
	}
	file := manifest.ProjectFile(helloKey())
	project := d.config.Read(ctx, file)
	const env = "env: [{name: NAME, value: Alice}]"
	d.say("     edit         project.yaml: %s", env)
	if err := d.config.Write(file, project+"\n  "+env+"\n"); err != nil {
		return err
	}
	commit, err := d.config.Push(ctx, "Greet Alice")
	if err != nil {
		return err
	}
	d.did(d.config, commit, "git push")
	if err := d.follow(ctx, commit, ""); err != nil {
		return err
	}
	if err := d.released(ctx, "v1.0.2", begun); err != nil {
		return err
	}
	return d.answers(ctx, "Good day, Alice!")
}

// breakApp: what does not build does not run, and everybody sees why.
func (d *story) breakApp(ctx context.Context) error {
	d.chapter("Alice pushes code that does not compile. What runs keeps running.")
	on, err := d.config.Head(ctx)
	if err != nil {
		return err
	}
	commit, err := d.editApp(ctx, "Greet everybody", `greeting = "Good day"`, "greeting = everybody")
	if err != nil {
		return err
	}
	verdict, err := d.verdict(ctx, on, commit)
	if err != nil {
		return err
	}
	if verdict.State != reconciler.StateFailure {
		return exit.Finding("code that does not compile was taken for %s: %s", verdict.State, verdict.Description)
	}
	values, err := d.values(ctx)
	if err != nil {
		return err
	}
	d.say("     still runs   %s", values.Release)
	return d.answers(ctx, "Good day, Alice!")
}

// revert: a rollback is a git revert, byte for byte, without a build.
func (d *story) revert(ctx context.Context) error {
	d.chapter("Alice takes the last release back with git revert: the values of before, byte for byte, without a build.")
	begun := d.Now()
	before, err := d.valuesOf(ctx, "v1.0.1")
	if err != nil {
		return err
	}
	builds, err := d.builds()
	if err != nil {
		return err
	}
	if err := d.config.Pull(ctx); err != nil {
		return err
	}
	release, err := d.releaseCommit(ctx, "v1.0.2")
	if err != nil {
		return err
	}
	if _, err := d.config.Work.Run(ctx, "revert", "--no-edit", release); err != nil {
		return err
	}
	if _, err := d.config.Work.Run(ctx, "push", "--quiet"); err != nil {
		return err
	}
	commit, err := d.config.Work.Run(ctx, "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	d.did(d.config, commit, "git revert "+terminal.Short(release)+" && git push")
	if err := d.follow(ctx, commit, ""); err != nil {
		return err
	}
	if err := d.released(ctx, "v1.0.1", begun); err != nil {
		return err
	}
	if err := d.answers(ctx, "Good day, world!"); err != nil {
		return err
	}
	return d.same(ctx, before, builds)
}

// same holds that a rollback brought back the very bytes, and built nothing.
func (d *story) same(ctx context.Context, before string, builds int) error {
	after, err := d.gitops.Blob(ctx, manifest.ValuesFile(helloKey()))
	if err != nil {
		return err
	}
	now, err := d.builds()
	if err != nil {
		return err
	}
	if after != before || now != builds {
		return exit.Finding("the rollback is not what it should be: values.yaml is blob %s, was %s; %d builds, were %d", after, before, now, builds)
	}
	d.say("     values.yaml  blob %s, as when v1.0.1 was released; builds: %d, as before", terminal.Short(after), now)
	return nil
}

// end sums up.
func (d *story) end(ctx context.Context) error {
	releases, err := d.config.Bare.Run(ctx, "ls-tree", "--name-only", "main:"+manifest.ReleasesDir(helloKey()))
	if err != nil {
		return err
	}
	log, err := d.config.Bare.Run(ctx, "log", "--reverse", "--format=     %h %<(10,trunc)%an %s", "main")
	if err != nil {
		return err
	}
	d.say("\nplatform-config tells all of it (git log):\n%s", log)
	d.say("\nReleases now: %s. Done in %s.", strings.ReplaceAll(strings.ReplaceAll(releases, ".yaml", ""), "\n", ", "), seconds(d.Now().Sub(d.started)))
	d.say("Next: plateform up, in a folder with an app of yours; plateform init DIR makes an installation for more.")
	return nil
}

// editApp replaces text in the app, pushes it and returns the commit.
func (d *story) editApp(ctx context.Context, message, old, replacement string) (string, error) {
	if err := d.hello.Write("main.go", strings.Replace(d.hello.Read(ctx, "main.go"), old, replacement, 1)+"\n"); err != nil {
		return "", err
	}
	d.say("     edit         main.go: %s", replacement)
	commit, err := d.hello.Push(ctx, message)
	if err != nil {
		return "", err
	}
	d.did(d.hello, commit, "git push")
	return commit, nil
}

// released waits until GitOps has a release, and shows it.
func (d *story) released(ctx context.Context, version string, begun time.Time) error {
	var values ledger.Values
	err := d.await(ctx, version+" in plateform-gitops", func() (bool, error) {
		var err error
		values, err = d.values(ctx)
		return values.Release == version, err
	})
	if err != nil {
		return err
	}
	took := d.Now().Sub(begun)
	head, err := d.gitops.Bare.Run(ctx, "log", "-1", "--format=%H", "main", "--", manifest.ValuesFile(helloKey()))
	if err != nil {
		return err
	}
	style := d.Style
	if commit, err := d.releaseCommit(ctx, version); err == nil {
		d.say("     release      %s  platform-config %s", style.Good(version), terminal.Short(commit))
	}
	d.say("     image        %s:%s@%s", values.Image.Repository, values.Image.Tag, terminal.Short(values.Image.Digest))
	d.say("     GitOps       plateform-gitops %s  %s", terminal.Short(head), manifest.ValuesFile(helloKey()))
	d.say("     url          %s", values.URL())
	d.say("     took         %s", seconds(took))
	return nil
}

func seconds(t time.Duration) string { return fmt.Sprintf("%.1f s", t.Seconds()) }

// say prints a line of the story.
func (d *story) say(format string, args ...any) {
	sheet := terminal.Sheet{Out: d.Out, Width: d.Width}
	for line := range strings.SplitSeq(fmt.Sprintf(format, args...), "\n") {
		words := strings.TrimLeft(line, " ")
		indent := len(line) - len(words)
		sheet.Wrap(strings.Repeat(" ", indent), indent, words)
	}
}

// chapter begins the next numbered part.
func (d *story) chapter(title string) {
	d.step++
	d.say("\n%s %s", d.Style.Bold(fmt.Sprintf("%2d.", d.step)), d.Style.Bold(title))
}

// did says what Alice did.
func (d *story) did(r *scaffold.Repository, commit, command string) {
	d.say("     $ %s", command)
	d.say("     commit       %s %s", r.Name, terminal.Short(commit))
}
