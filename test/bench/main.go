// Command bench measures what DESIGN.md §10 gives budgets for, prints the rows and writes them to bench.json:
// [{"name","ours","other","ratio","unit"}]. Repositories are generated and served over HTTP on this machine by git
// itself; where a row has another program beside it, both do their work in the same run, in turns, on copies of the same
// repositories. The Go benchmarks of the packages that are named run after that, one row each.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

const output = "bench.json"

// Row is one figure.
type Row struct {
	Name  string   `json:"name"`
	Ours  float64  `json:"ours"`
	Other *float64 `json:"other"`
	Ratio *float64 `json:"ratio"`
	// Unit of Ours and Other: ms, MiB, pushes, requests/s, or ns/op for a Go benchmark.
	Unit string `json:"unit"`
}

// paired is a row with what another program needs for the same.
func paired(name string, ours, other float64, unit string) Row {
	ratio := ours / other
	return Row{Name: name, Ours: ours, Other: &other, Ratio: &ratio, Unit: unit}
}

// String is the row as people read it.
func (r Row) String() string {
	line := fmt.Sprintf("%-28s %10.1f %s", r.Name, r.Ours, r.Unit)
	if r.Other != nil {
		line += fmt.Sprintf("   other %.1f   ratio %.2f", *r.Other, *r.Ratio)
	}
	return line
}

// measure is what finds some rows.
type measure struct {
	name string
	run  func(*stage) []Row
}

func measures() []measure {
	return []measure{
		{"one-of-100", func(s *stage) []Row { return s.oneOf("one-of-100", 100) }},
		{"one-of-10k", func(s *stage) []Row { return s.oneOf("one-of-10k", 10_000) }},
		{"stalled", (*stage).stalled},
		{"mass-1k", (*stage).mass},
		{"builds-100", (*stage).builds},
		{"builds-100-jenkins", (*stage).jenkinsBuilds},
		{"start-10k", (*stage).start},
		{"validate-10k", (*stage).validate},
		{"plan-10k", (*stage).plan},
		{"webhook-1k", (*stage).webhooks},
		{"github-writes", (*stage).githubWrites},
		{"apply-100", (*stage).apply},
		{"takeover", (*stage).takeover},
		{"router", (*stage).router},
		{"log-readers", (*stage).logReaders},
		{"live", (*stage).live},
		{"live-on-node", (*stage).liveOnNode},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 3 && args[0] == routeCommand {
		return route(ctx, args[1], args[2])
	}
	if len(args) == 2 && args[0] == answerCommand {
		return answer(ctx, args[1])
	}
	var names []string
	for _, m := range measures() {
		names = append(names, m.name)
	}
	flags := flag.NewFlagSet("bench [package...]", flag.ContinueOnError)
	only := flags.String("only", strings.Join(names, ","), "`rows` to measure")
	profile := flags.String("profile", "", "write CPU and memory profiles of what runs in this process to this `folder`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	rows, err := perform(ctx, strings.Split(*only, ","), *profile, out)
	if err != nil {
		return err
	}
	if flags.NArg() > 0 {
		more, err := goBenchmarks(ctx, flags.Args(), out)
		if err != nil {
			return err
		}
		rows = append(rows, more...)
	}
	b, err := json.MarshalIndent(rows, "", "  ")
	if err != nil {
		return fmt.Errorf("writing %s: %w", output, err)
	}
	return os.WriteFile(output, append(b, '\n'), 0o644)
}

// perform measures the rows that are named.
func perform(ctx context.Context, only []string, profiles string, out io.Writer) (rows []Row, err error) {
	s, err := newStage(ctx, profiles)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for _, m := range measures() {
		if !slices.Contains(only, m.name) {
			continue
		}
		found, err := s.measure(m)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		for _, row := range found {
			fmt.Fprintln(out, row)
		}
		rows = append(rows, found...)
	}
	return rows, nil
}
