package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os/exec"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/test/gitserver"
)

const plateformAuthor = "Plateform <plateform@users.noreply.github.com>"

// importer makes the commits of a repository with git fast-import.
type importer struct {
	stage     *stage
	command   *exec.Cmd
	pipe      io.Closer
	out       *bufio.Writer
	complaint bytes.Buffer
	when      int64
}

func (s *stage) startImport(repo *gitserver.Repo) *importer {
	in := &importer{stage: s, when: beginning().Unix()}
	in.command = exec.CommandContext(s.ctx, "git", "fast-import", "--quiet")
	in.command.Dir, in.command.Env, in.command.Stderr = repo.Dir, gitserver.Environment(), &in.complaint
	pipe, err := in.command.StdinPipe()
	s.must(err)
	in.pipe, in.out = pipe, bufio.NewWriterSize(pipe, 1<<20)
	s.must(in.command.Start())
	return in
}

// commit begins a commit, an hour after the last one. Errors of writing are kept by the writer until the end.
func (in *importer) commit(author, message string) {
	fmt.Fprintf(in.out, "commit refs/heads/main\nauthor %[1]s %[2]d +0000\ncommitter %[1]s %[2]d +0000\ndata %[3]d\n%[4]s\n",
		author, in.when, len(message), message)
	in.when += 3600
}

func (in *importer) file(path string, content []byte) {
	fmt.Fprintf(in.out, "M 100644 inline %s\ndata %d\n%s\n", path, len(content), content)
}

// encode writes an object as a file.
func (in *importer) encode(path string, object any) {
	content, err := manifest.Encode(object)
	in.stage.must(err)
	in.file(path, content)
}

func (in *importer) end() {
	in.stage.must(in.out.Flush())
	in.stage.must(in.pipe.Close())
	if err := in.command.Wait(); err != nil {
		in.stage.Fatalf("git fast-import: %w\n%s", err, in.complaint.String())
	}
}
