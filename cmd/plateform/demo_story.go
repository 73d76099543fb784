package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/ledger"
)

// tell plays the story, chapter by chapter.
func (d *demo) tell(ctx context.Context) error {
	d.say("%s", d.app.palette().bold("Plateform: two Git repositories, one application platform."))
	d.say("What you see is real: Git repositories, an image registry and the reconciler, all on this machine.")
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
func (d *demo) addProject(ctx context.Context) error {
	d.chapter("Alice adds a workspace and a project: a type and a source, nothing else.")
	begun := d.app.now()
	samples := filepath.Join(d.config.work.dir, "samples", "ws-1")
	if err := copyTree(filepath.Join(d.config.work.dir, manifest.WorkspacesDir, "ws-1"), samples); err != nil {
		return err
	}
	project, err := d.config.work.run(ctx, "show", "HEAD:samples/ws-1/projects/hello/project.yaml")
	if err != nil {
		return err
	}
	_, spec, _ := strings.Cut(project, "spec:\n")
	for line := range strings.Lines(spec) {
		d.say("     project.yaml %s", strings.TrimSpace(line))
	}
	commit, err := d.config.push(ctx, "Add ws-1 with hello")
	if err != nil {
		return err
	}
	d.did(d.config, commit, "git push")
	if err := d.follow(ctx, commit, ""); err != nil {
		return err
	}
	return d.released(ctx, "v1.0.0", begun)
}

// pushApp: a push to the app is a release.
func (d *demo) pushApp(ctx context.Context) error {
	d.chapter("Alice changes the app.")
	begun := d.app.now()
	on, err := d.config.head(ctx)
	if err != nil {
		return err
	}
	commit, err := d.editApp(ctx, "Greet politely", `greeting = "Hello"`, `greeting = "Good day"`)
	if err != nil {
		return err
	}
	if err := d.follow(ctx, on, commit); err != nil {
		return err
	}
	return d.released(ctx, "v1.0.1", begun)
}

// changeEnv: a change of settings is a release without a build.
func (d *demo) changeEnv(ctx context.Context) error {
	d.chapter("Alice sets an environment variable. The image is known, so nothing is built.")
	begun := d.app.now()
	if err := d.config.pull(ctx); err != nil {
		return err
	}
	file := manifest.ProjectFile(helloKey())
	project := d.config.read(ctx, file)
	const env = "env: [{name: NAME, value: Alice}]"
	d.say("     edit         project.yaml: %s", env)
	if err := d.config.write(file, project+"\n  "+env+"\n"); err != nil {
		return err
	}
	commit, err := d.config.push(ctx, "Greet Alice")
	if err != nil {
		return err
	}
	d.did(d.config, commit, "git push")
	if err := d.follow(ctx, commit, ""); err != nil {
		return err
	}
	return d.released(ctx, "v1.0.2", begun)
}

// breakApp: what does not build does not run, and everybody sees why.
func (d *demo) breakApp(ctx context.Context) error {
	d.chapter("Alice pushes code that does not compile. What runs keeps running.")
	on, err := d.config.head(ctx)
	if err != nil {
		return err
	}
	commit, err := d.editApp(ctx, "Greet everybody", `greeting = "Good day"`, "greeting = everybody")
	if err != nil {
		return err
	}
	if err := d.follow(ctx, on, commit); err != nil {
		return err
	}
	values, err := d.values(ctx)
	if err != nil {
		return err
	}
	d.say("     still runs   %s", values.Release)
	return nil
}

// revert: a rollback is a git revert, byte for byte, without a build.
func (d *demo) revert(ctx context.Context) error {
	d.chapter("Alice takes the last release back with git revert: the values of before, byte for byte, without a build.")
	begun := d.app.now()
	before, err := d.valuesOf(ctx, "v1.0.1")
	if err != nil {
		return err
	}
	builds, err := d.builds()
	if err != nil {
		return err
	}
	if err := d.config.pull(ctx); err != nil {
		return err
	}
	release, err := d.releaseCommit(ctx, "v1.0.2")
	if err != nil {
		return err
	}
	if _, err := d.config.work.run(ctx, "revert", "--no-edit", release); err != nil {
		return err
	}
	if _, err := d.config.work.run(ctx, "push", "--quiet"); err != nil {
		return err
	}
	commit, err := d.config.work.run(ctx, "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	d.did(d.config, commit, "git revert "+short(release)+" && git push")
	if err := d.follow(ctx, commit, ""); err != nil {
		return err
	}
	if err := d.released(ctx, "v1.0.1", begun); err != nil {
		return err
	}
	return d.same(ctx, before, builds)
}

// same holds that a rollback brought back the very bytes, and built nothing.
func (d *demo) same(ctx context.Context, before string, builds int) error {
	after, err := d.gitops.blob(ctx, manifest.ValuesFile(helloKey()))
	if err != nil {
		return err
	}
	now, err := d.builds()
	if err != nil {
		return err
	}
	if after != before || now != builds {
		return finding("the rollback is not what it should be: values.yaml is blob %s, was %s; %d builds, were %d", after, before, now, builds)
	}
	d.say("     values.yaml  blob %s, as when v1.0.1 was released; builds: %d, as before", short(after), now)
	return nil
}

// end sums up.
func (d *demo) end(ctx context.Context) error {
	releases, err := d.config.bare.run(ctx, "ls-tree", "--name-only", "main:"+manifest.ReleasesDir(helloKey()))
	if err != nil {
		return err
	}
	log, err := d.config.bare.run(ctx, "log", "--reverse", "--format=     %h %<(10,trunc)%an %s", "main")
	if err != nil {
		return err
	}
	d.say("\nplatform-config tells all of it (git log):\n%s", log)
	d.say("\nReleases now: %s. Done in %s.", strings.ReplaceAll(strings.ReplaceAll(releases, ".yaml", ""), "\n", ", "), seconds(d.app.now().Sub(d.started)))
	d.say("Next: plateform init DIR makes an installation of your own.")
	return nil
}

// editApp replaces text in the app, pushes it and returns the commit.
func (d *demo) editApp(ctx context.Context, message, old, replacement string) (string, error) {
	if err := d.hello.write("main.go", strings.Replace(d.hello.read(ctx, "main.go"), old, replacement, 1)+"\n"); err != nil {
		return "", err
	}
	d.say("     edit         main.go: %s", replacement)
	commit, err := d.hello.push(ctx, message)
	if err != nil {
		return "", err
	}
	d.did(d.hello, commit, "git push")
	return commit, nil
}

// follow shows the stages of a run as they come, until it has ended. source is the app's commit for a push to the app.
func (d *demo) follow(ctx context.Context, commit, source string) error {
	shown, stage := 0, reconciler.Stage("")
	fmt.Fprint(d.app.stdout, "     reports     ")
	err := d.await(ctx, "the run on "+short(commit), func() (bool, error) {
		var reports []reconciler.Report
		for _, r := range d.reports(ctx, commit) {
			if r.Source == source || source == "" {
				reports = append(reports, r)
			}
		}
		for _, r := range reports[min(shown, len(reports)):] {
			shown++
			if r.Terminal() || r.Stage != stage {
				d.showReport(r)
			}
			stage = r.Stage
			if r.Terminal() {
				return true, nil
			}
		}
		return false, nil
	})
	fmt.Fprintln(d.app.stdout)
	return err
}

// showReport shows one report: a stage, or the verdict.
func (d *demo) showReport(r reconciler.Report) {
	style := d.app.palette()
	switch {
	case !r.Terminal():
		fmt.Fprintf(d.app.stdout, " %s →", r.Stage)
	case r.State == reconciler.StateFailure:
		fmt.Fprintf(d.app.stdout, " %s", style.bad(string(r.Stage)))
		for line := range strings.Lines(r.Description) {
			fmt.Fprintf(d.app.stdout, "\n       %s", strings.TrimRight(line, "\n"))
		}
	default:
		fmt.Fprintf(d.app.stdout, " %s", style.good(string(r.State)))
	}
}

// released waits until GitOps has a release, and shows it.
func (d *demo) released(ctx context.Context, version string, begun time.Time) error {
	var values ledger.Values
	err := d.await(ctx, version+" in plateform-gitops", func() (bool, error) {
		var err error
		values, err = d.values(ctx)
		return values.Release == version, err
	})
	if err != nil {
		return err
	}
	took := d.app.now().Sub(begun)
	head, err := d.gitops.bare.run(ctx, "log", "-1", "--format=%H", "main", "--", manifest.ValuesFile(helloKey()))
	if err != nil {
		return err
	}
	style := d.app.palette()
	if commit, err := d.releaseCommit(ctx, version); err == nil {
		d.say("     release      %s  platform-config %s", style.good(version), short(commit))
	}
	d.say("     image        %s:%s@%s", values.Image.Repository, values.Image.Tag, short(values.Image.Digest))
	d.say("     GitOps       plateform-gitops %s  %s", short(head), manifest.ValuesFile(helloKey()))
	d.say("     url          %s", values.URL())
	d.say("     took         %s", seconds(took))
	return nil
}

func seconds(t time.Duration) string { return fmt.Sprintf("%.1f s", t.Seconds()) }

// say prints a line of the story.
func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.app.stdout, format+"\n", args...) }

// chapter begins the next numbered part.
func (d *demo) chapter(title string) {
	d.step++
	d.say("\n%s %s", d.app.palette().bold(fmt.Sprintf("%2d.", d.step)), d.app.palette().bold(title))
}

// did says what Alice did.
func (d *demo) did(r *demoRepository, commit, command string) {
	d.say("     $ %s", command)
	d.say("     commit       %s %s", r.name, short(commit))
}
