package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"path/filepath"
	"text/template"

	"golang.org/x/tools/txtar"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/git"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/schemas"
)

// scaffoldArchive is what init writes, as templates.
//
//go:embed scaffold.txtar
var scaffoldArchive []byte

// The folders of a scaffold.
const (
	configDir  = "platform-config"
	gitopsDir  = "plateform-gitops"
	helloDir   = "hello"
	remotesDir = "remotes"
)

// scaffold is what the templates of a new installation are filled with.
type scaffold struct {
	dir       string
	Name      string
	Domain    string
	Registry  string
	PublicKey string
	ConfigURL string
	GitOpsURL string
	HelloURL  string
	Remotes   string
	// commits are the first ones, by folder.
	commits map[string]string
}

func newScaffold(dir string, flags initFlags) *scaffold {
	s := &scaffold{
		dir: dir, Name: flags.name, Domain: flags.domain, Registry: flags.registry,
		Remotes: filepath.Join(dir, remotesDir) + "/*",
		commits: map[string]string{},
	}
	if s.Name == "" {
		s.Name = filepath.Base(dir)
	}
	s.ConfigURL, s.GitOpsURL, s.HelloURL = s.remote(configDir), s.remote(gitopsDir), s.remote(helloDir)
	return s
}

// remote is the bare repository of a checkout.
func (s *scaffold) remote(name string) string { return filepath.Join(s.dir, remotesDir, name+".git") }

// write writes everything.
func (s *scaffold) write(ctx context.Context) error {
	public, err := newSigningKey(filepath.Join(s.dir, "keys", "release.key"))
	if err != nil {
		return err
	}
	s.PublicKey = public.String()
	files, err := s.fill(txtar.Parse(scaffoldArchive))
	if err != nil {
		return err
	}
	if err := checkScaffold(files); err != nil {
		return err
	}
	if err := writeFiles(s.dir, files); err != nil {
		return err
	}
	if err := writeSchemas(filepath.Join(s.dir, configDir, ".plateform", "schemas")); err != nil {
		return err
	}
	if err := writeFiles(filepath.Join(s.dir, helloDir), sampleApp()); err != nil {
		return err
	}
	for _, name := range []string{configDir, gitopsDir, helloDir} {
		if s.commits[name], err = publish(ctx, filepath.Join(s.dir, name), s.remote(name)); err != nil {
			return fmt.Errorf("making the repository %s: %w", name, err)
		}
	}
	_, err = git.Command{Dir: filepath.Join(s.dir, configDir)}.Run(ctx, "config", gitopsSetting, s.GitOpsURL)
	return err
}

// fill fills in the templates.
func (s *scaffold) fill(templates *txtar.Archive) (*txtar.Archive, error) {
	quote := template.FuncMap{"yaml": func(v string) (string, error) {
		b, err := json.Marshal(v) // a JSON string is a YAML string
		return string(b), err
	}}
	filled := &txtar.Archive{}
	for _, f := range templates.Files {
		t, err := template.New(f.Name).Funcs(quote).Parse(string(f.Data))
		if err != nil {
			return nil, fmt.Errorf("reading a template: %w", err)
		}
		var b bytes.Buffer
		if err := t.Execute(&b, s); err != nil {
			return nil, fmt.Errorf("filling in a template: %w", err)
		}
		filled.Files = append(filled.Files, txtar.File{Name: f.Name, Data: b.Bytes()})
	}
	return filled, nil
}

// writeSchemas puts the JSON Schemas where editors find them.
func writeSchemas(dir string) error {
	for _, kind := range schemas.Kinds() {
		schema, err := schemas.For(kind)
		if err != nil {
			return err
		}
		if err := writeFile(filepath.Join(dir, schemas.FileName(kind)), schema, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// checkScaffold refuses flags that make a platform.yaml that Plateform would refuse.
func checkScaffold(files *txtar.Archive) error {
	for _, f := range files.Files {
		if f.Name != configDir+"/"+manifest.PlatformFile {
			continue
		}
		platform, problems := manifest.ParsePlatform(manifest.PlatformFile, f.Data)
		if platform != nil {
			problems = manifest.CheckPlatform(platform)
		}
		if len(problems) > 0 {
			return exit.Usage("these flags make no valid platform (see plateform init -h):\n%w", problems)
		}
	}
	return nil
}

// publish makes a folder a repository with a first commit, and pushes that to a new bare one. It returns the commit.
func publish(ctx context.Context, dir, remote string) (string, error) {
	// The person may have no Git identity yet.
	identity := []string{
		"GIT_AUTHOR_NAME=Plateform", "GIT_AUTHOR_EMAIL=plateform@users.noreply.github.com",
		"GIT_COMMITTER_NAME=Plateform", "GIT_COMMITTER_EMAIL=plateform@users.noreply.github.com",
	}
	g := git.Command{Dir: dir, Env: identity}
	for _, args := range [][]string{
		{"init", "--quiet", "--bare", "--initial-branch=main", remote},
		{"init", "--quiet", "--initial-branch=main"},
		{"add", "--all"},
		{"commit", "--quiet", "--no-verify", "--message=Begin " + filepath.Base(dir)},
		{"remote", "add", "origin", remote},
		{"push", "--quiet", "--set-upstream", "origin", "main"},
	} {
		if _, err := g.Run(ctx, args...); err != nil {
			return "", err
		}
	}
	return g.Run(ctx, "rev-parse", "HEAD")
}

// printScaffold says what is there and what to do with it.
func (a *app) printScaffold(dir string, s *scaffold) error {
	const text = `Made %[1]s:
  platform-config/     what people write; first commit %[2]s
  plateform-gitops/    what Plateform writes; first commit %[3]s
  hello/               a sample app to deploy
  remotes/             bare repositories for the three to push to, until you
                       have better ones
  keys/release.key     signs releases: keep it secret and out of Git;
                       platform.yaml holds its public half
  serve.yaml           how Plateform reaches all of it

Next:
  1. Have an image registry at %[4]s. To try things out:
       docker run --detach --publish 5000:5000 registry:2

  2. Start Plateform, in a terminal of its own; doctor tells what it lacks.
       cd %[1]s
       plateform doctor --config serve.yaml
       plateform serve --config serve.yaml

  3. Deploy the sample app: copy the sample workspace, check it, push it.
       cd %[1]s/platform-config
       mkdir -p workspaces && cp -r samples/ws-1 workspaces/
       plateform validate
       git add workspaces && git commit -m "Add ws-1 with hello" && git push

  4. Watch it arrive: hello gets a release v1.0.0, and its values in
     plateform-gitops.
       plateform status ws-1/hello

  5. Change hello/main.go, commit and push it, and there is v1.0.1. Take it
     back, without a build:
       plateform rollback ws-1/hello

  6. When you mean it: set your domain and registry in platform.yaml, push both
     repositories to your Git host, and write their URLs into serve.yaml.
       git remote set-url origin URL && git push -u origin main
`
	_, err := fmt.Fprintf(a.stdout, text, dir, terminal.Short(s.commits[configDir]), terminal.Short(s.commits[gitopsDir]), s.Registry)
	if err != nil {
		return fmt.Errorf("writing the next steps: %w", err)
	}
	return nil
}
