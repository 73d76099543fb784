package jenkinsserver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Agent runs pipelines: what a declarative Jenkinsfile says is done for real, by a shell in a folder that is new for each build.
type Agent struct {
	// Dir is where the folders are made.
	Dir string
	// Env is the environment of the agent, as NAME=VALUE; parameters and credentials come on top.
	Env []string
	// Credentials by their ID.
	Credentials map[string]Login
	// Containers that its pod has; container blocks of others fail.
	Containers []string
}

// Login is a credential of the kind username with password. In logs its password is shown as ****.
type Login struct{ Username, Password string }

// Pipeline is what a job with this Jenkinsfile runs. It knows the part of the language that this project's own pipeline is written in,
// and refuses the rest when it is read.
func (a Agent) Pipeline(jenkinsfile string) (run func(ctx context.Context, b *Build) error, err error) {
	p := &pipelineReader{rest: jenkinsfile}
	root := p.block()
	if p.err != nil {
		return nil, p.err
	}
	at := slices.IndexFunc(root, func(n node) bool { return n.word == "pipeline" })
	if at < 0 {
		return nil, errors.New("there is no pipeline")
	}
	for _, n := range root[at].body {
		if err := n.check(); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context, b *Build) error { return a.run(ctx, root[at], b) }, nil
}

// node is a statement: a word, what follows it on its line, and the statements in its braces.
type node struct {
	word, args string
	body       []node
}

// pipelineReader reads statements.
type pipelineReader struct {
	rest string
	err  error
}

var statement = regexp.MustCompile(`^(\w+)\s*(\([^{}\n]*\)|[^{}\n]*?)[ \t]*(\{|\n|\}|$)`)

// block reads up to the closing brace, or to the end.
func (p *pipelineReader) block() (nodes []node) {
	for p.err == nil {
		p.rest = strings.TrimLeft(p.rest, " \t\n;")
		switch {
		case p.rest == "":
			return nodes
		case strings.HasPrefix(p.rest, "//"):
			_, p.rest, _ = strings.Cut(p.rest, "\n")
			continue
		case strings.HasPrefix(p.rest, "}"):
			p.rest = p.rest[1:]
			return nodes
		}
		found := statement.FindStringSubmatch(p.rest)
		if found == nil {
			line, _, _ := strings.Cut(p.rest, "\n")
			p.err = fmt.Errorf("this is not understood: %s", line)
			return nil
		}
		n := node{word: found[1], args: strings.TrimSpace(found[2])}
		p.rest = p.rest[len(found[0]):]
		switch found[3] {
		case "{":
			n.body = p.block()
		case "}":
			p.rest = "}" + p.rest
		}
		nodes = append(nodes, n)
	}
	return nil
}

// check refuses what is not done.
func (n node) check() error {
	known := []string{
		"agent", "options", "parameters", "stages", "stage", "steps", "when", "container", "withCredentials", "withEnv", "sh", "post", "success",
		"failure", "archiveArtifacts", "script", "env",
	}
	if !slices.Contains(known, n.word) {
		return fmt.Errorf("%s is not known", n.word)
	}
	if n.word == "sh" && !regexp.MustCompile(`^'[^'\\]*'$`).MatchString(n.args) {
		return fmt.Errorf("sh %s: only text in single quotes is known", n.args)
	}
	if slices.Contains([]string{"agent", "options", "parameters", "when"}, n.word) {
		return nil
	}
	for _, child := range n.body {
		if err := child.check(); err != nil {
			return err
		}
	}
	return nil
}

// find are the statements of a word in a body.
func (n node) find(word string) (found []node) {
	for _, child := range n.body {
		if child.word == word {
			found = append(found, child)
		}
	}
	return found
}

// quoted are the texts in single quotes of what follows a word.
func (n node) quoted() (texts []string) {
	for _, found := range regexp.MustCompile(`'([^']*)'`).FindAllStringSubmatch(n.args, -1) {
		texts = append(texts, found[1])
	}
	return texts
}

// workspace is one run of a pipeline.
type workspace struct {
	Agent
	*Build
	dir     string
	secrets []string
	// variables are those that the pipeline has set.
	variables map[string]string
}

func (a Agent) run(ctx context.Context, pipeline node, b *Build) error {
	dir, err := os.MkdirTemp(a.Dir, "workspace-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w := &workspace{Agent: a, Build: b, dir: dir, variables: map[string]string{}}
	env := slices.Clone(a.Env)
	parameters := b.Parameters()
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		env = append(env, name+"="+parameters[name])
	}
	err = w.stages(ctx, pipeline, env)
	if ctx.Err() != nil { // it was stopped
		return err
	}
	ended := "success"
	if err != nil {
		ended = "failure"
	}
	for _, post := range pipeline.find("post") {
		for _, condition := range post.find(ended) {
			err = errors.Join(err, w.steps(ctx, condition.body, env))
		}
	}
	return err
}

func (w *workspace) stages(ctx context.Context, pipeline node, env []string) error {
	for _, stages := range pipeline.find("stages") {
		for _, stage := range stages.find("stage") {
			if w.skips(stage) {
				continue
			}
			err := w.Stage(stage.quoted()[0], func() error {
				for _, steps := range stage.find("steps") {
					if err := w.steps(ctx, steps.body, env); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// skips says that a stage is only for when a variable of the pipeline has another value, or when a file is not there that is.
func (w *workspace) skips(stage node) bool {
	for _, when := range stage.find("when") {
		for _, not := range when.find("not") {
			for _, variable := range not.find("environment") {
				named := variable.quoted()
				return w.variables[named[0]] == named[1]
			}
			for _, expression := range not.find("expression") {
				for _, exists := range expression.find("fileExists") {
					_, err := os.Stat(filepath.Join(w.dir, exists.quoted()[0]))
					return err == nil
				}
			}
		}
	}
	return false
}

// assign gives a variable of the pipeline a value: whether a file is there.
func (w *workspace) assign(statement node) error {
	found := assignment.FindStringSubmatch(statement.args)
	if found == nil {
		return fmt.Errorf("env%s is not known", statement.args)
	}
	_, err := os.Stat(filepath.Join(w.dir, found[2]))
	w.variables[found[1]] = strconv.FormatBool(err == nil)
	return nil
}

var assignment = regexp.MustCompile(`^\.(\w+) = fileExists\('([^']*)'\)$`)

func (w *workspace) steps(ctx context.Context, steps []node, env []string) error {
	for _, step := range steps {
		if err := w.step(ctx, step, env); err != nil {
			return err
		}
	}
	return nil
}

func (w *workspace) step(ctx context.Context, step node, env []string) error {
	switch step.word {
	case "container":
		if name := step.quoted()[0]; !slices.Contains(w.Containers, name) {
			return fmt.Errorf("container %s was not found in pod", name)
		}
		return w.steps(ctx, step.body, env)
	case "script":
		return w.steps(ctx, step.body, env)
	case "env":
		return w.assign(step)
	case "withEnv":
		return w.steps(ctx, step.body, append(slices.Clip(env), step.quoted()...))
	case "withCredentials":
		more, err := w.bind(step)
		if err != nil {
			return err
		}
		return w.steps(ctx, step.body, append(slices.Clip(env), more...))
	case "sh":
		return w.sh(ctx, step.quoted()[0], env)
	case "archiveArtifacts":
		name := step.quoted()[0]
		data, err := os.ReadFile(filepath.Join(w.dir, name))
		switch {
		case errors.Is(err, fs.ErrNotExist) && strings.Contains(step.args, "allowEmptyArchive: true"):
			return nil
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("no artifacts found that match file pattern %q", name)
		}
		w.Archive(name, data)
		return err
	}
	return nil
}

// bind is the environment that a credential is put into.
func (w *workspace) bind(step node) ([]string, error) {
	values := map[string]string{}
	for _, found := range regexp.MustCompile(`(\w+): '([^']*)'`).FindAllStringSubmatch(step.args, -1) {
		values[found[1]] = found[2]
	}
	login, found := w.Credentials[values["credentialsId"]]
	if !found {
		return nil, fmt.Errorf("could not find credentials entry with ID '%s'", values["credentialsId"])
	}
	w.secrets = append(w.secrets, login.Password)
	return []string{values["usernameVariable"] + "=" + login.Username, values["passwordVariable"] + "=" + login.Password}, nil
}

// stopDelay is how long a step that was stopped has for its end.
const stopDelay = 10 * time.Second

func (w *workspace) sh(ctx context.Context, script string, env []string) error {
	w.Println("+ " + script)
	cmd := exec.CommandContext(ctx, "sh", "-e", "-c", script)
	cmd.Dir, cmd.Env = w.dir, env
	cmd.Cancel, cmd.WaitDelay = func() error { return cmd.Process.Signal(syscall.SIGTERM) }, stopDelay
	out, err := cmd.CombinedOutput()
	text := string(out)
	for _, secret := range w.secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "****")
		}
	}
	w.Println(strings.TrimRight(text, "\n"))
	var exited *exec.ExitError
	if errors.As(err, &exited) {
		return fmt.Errorf("script returned exit code %d", exited.ExitCode())
	}
	return err
}
