package kube

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// process is one part of a control plane. It ends by itself when this process is gone, whatever that died of: it reads
// its standard input, which nobody else holds open.
type process struct {
	part     string
	command  *exec.Cmd
	lifeline io.Closer
	log      string
	done     chan struct{} // closed once it has ended
}

// startProcess starts a part of the control plane in a folder, which is where its log is too.
func startProcess(binary, dir, part string, arguments []string) (*process, error) {
	p := &process{part: part, log: filepath.Join(dir, part+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", part, err)
	}
	defer log.Close()
	p.command = exec.Command(binary, append([]string{part}, arguments...)...)
	p.command.Dir, p.command.Stdout, p.command.Stderr = dir, log, log
	p.command.Env = []string{"HOME=" + dir, "PATH=/usr/bin:/bin"}
	p.lifeline, err = p.command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", part, err)
	}
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", part, err)
	}
	go func() {
		_ = p.command.Wait() // whoever waits for it reads its log
		close(p.done)
	}()
	return p, nil
}

// stop ends the process, and returns once it is gone.
func (p *process) stop() {
	if p == nil {
		return
	}
	_ = p.lifeline.Close()
	_ = p.command.Process.Kill() // fails when it has ended already
	<-p.done
}

// failure is why a process that has ended did.
func (p *process) failure() error {
	return errors.Join(fmt.Errorf("%s ended", p.part), p.lastWords())
}

// lastWords are what the process has said last.
func (p *process) lastWords() error {
	const most = 2000
	content, err := os.ReadFile(p.log)
	if err != nil {
		return err
	}
	content = bytes.TrimSpace(content)
	return fmt.Errorf("%s said last:\n%s", p.part, content[max(0, len(content)-most):])
}
