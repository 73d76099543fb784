// Command bench runs the Go benchmarks of the packages it is given and writes their results to bench.json, one row
// each: [{"name","ours","other","ratio","unit"}]. Where a benchmark has a part called ours, the part that follows it is
// another program doing the same, and both are one row; else other and ratio are null.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"runtime"
	"strconv"
	"strings"
)

const output = "bench.json"

// Row is one figure.
type Row struct {
	Name  string   `json:"name"`
	Ours  float64  `json:"ours"`
	Other *float64 `json:"other"`
	Ratio *float64 `json:"ratio"`
	// Unit of Ours and Other, as the benchmark gives it: ns/op.
	Unit string `json:"unit"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, packages []string, out io.Writer) error {
	benchmarks := exec.CommandContext(ctx, "go", append([]string{"test", "-run", "^$", "-bench", "."}, packages...)...)
	benchmarks.Stderr = os.Stderr
	stdout, err := benchmarks.StdoutPipe()
	if err != nil {
		return err
	}
	if err := benchmarks.Start(); err != nil {
		return fmt.Errorf("starting go test: %w", err)
	}
	rows, readErr := read(stdout, out, runtime.GOMAXPROCS(0))
	if err := benchmarks.Wait(); err != nil {
		return fmt.Errorf("go test -bench: %w", err)
	}
	if readErr != nil {
		return fmt.Errorf("reading what go test says: %w", readErr)
	}
	b, err := json.MarshalIndent(rows, "", "  ")
	if err != nil {
		return fmt.Errorf("writing %s: %w", output, err)
	}
	return os.WriteFile(output, append(b, '\n'), 0o644)
}

// read returns the rows in what go test prints, and copies the lines that say something. procs is GOMAXPROCS, which go
// test puts behind the names when it is above 1.
func read(in io.Reader, out io.Writer, procs int) ([]Row, error) {
	rows := []Row{}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line := lines.Text()
		if row, ok := parse(line, procs); ok {
			rows = add(rows, row)
		}
		if !strings.Contains(line, "[no test files]") {
			fmt.Fprintln(out, line)
		}
	}
	return rows, lines.Err()
}

// add appends a row, or completes the last one when that waits for what another program needs.
func add(rows []Row, row Row) []Row {
	parent, last := path.Split(row.Name)
	parent = strings.TrimSuffix(parent, "/")
	if last == "ours" {
		row.Name = parent
		return append(rows, row)
	}
	if n := len(rows) - 1; n >= 0 && parent != "" && rows[n].Name == parent && rows[n].Other == nil && row.Ours > 0 {
		ratio := rows[n].Ours / row.Ours
		rows[n].Other, rows[n].Ratio = &row.Ours, &ratio
		return rows
	}
	return append(rows, row)
}

// parse reads a line like `BenchmarkDecide/10k-2   100   1234 ns/op   5 B/op`; ok is false for all others.
func parse(line string, procs int) (row Row, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") || fields[3] != "ns/op" {
		return Row{}, false
	}
	ours, err := strconv.ParseFloat(fields[2], 64)
	if err != nil {
		return Row{}, false
	}
	name := strings.TrimPrefix(fields[0], "Benchmark")
	if procs > 1 {
		name = strings.TrimSuffix(name, "-"+strconv.Itoa(procs))
	}
	return Row{Name: name, Ours: ours, Unit: fields[3]}, true
}
