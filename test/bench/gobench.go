package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"runtime"
	"strconv"
	"strings"
)

// goBenchmarks runs the Go benchmarks of packages and returns their results, one row each. Where a benchmark has a part
// called ours, the part that follows it is another program doing the same, and both are one row.
func goBenchmarks(ctx context.Context, packages []string, out io.Writer) ([]Row, error) {
	benchmarks := exec.CommandContext(ctx, "go", append([]string{"test", "-run", "^$", "-bench", "."}, packages...)...)
	benchmarks.Stderr = os.Stderr
	stdout, err := benchmarks.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := benchmarks.Start(); err != nil {
		return nil, fmt.Errorf("starting go test: %w", err)
	}
	rows, readErr := read(stdout, out, runtime.GOMAXPROCS(0))
	if err := benchmarks.Wait(); err != nil {
		return nil, fmt.Errorf("go test -bench: %w", err)
	}
	if readErr != nil {
		return nil, fmt.Errorf("reading what go test says: %w", readErr)
	}
	return rows, nil
}

// read returns the rows in what go test prints, and copies the lines that say something. procs is GOMAXPROCS, which go
// test puts behind the names when it is above 1.
func read(in io.Reader, out io.Writer, procs int) ([]Row, error) {
	rows := []Row{}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line := lines.Text()
		for _, row := range parse(line, procs) {
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
		rows[n] = paired(rows[n].Name, rows[n].Ours, row.Ours, rows[n].Unit)
		return rows
	}
	return append(rows, row)
}

// parse reads a line like `BenchmarkDecide/10k-2   100   1234 ns/op   7 B/op   2 allocs/op`: the time, and the allocations
// when they are told. All other lines give nothing.
func parse(line string, procs int) []Row {
	fields := strings.Fields(line)
	if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") || fields[3] != "ns/op" {
		return nil
	}
	name := strings.TrimPrefix(fields[0], "Benchmark")
	if procs > 1 {
		name = strings.TrimSuffix(name, "-"+strconv.Itoa(procs))
	}
	var rows []Row
	for i := 2; i+1 < len(fields); i += 2 {
		value, err := strconv.ParseFloat(fields[i], 64)
		switch {
		case err != nil:
			return nil
		case fields[i+1] == "ns/op":
			rows = append(rows, Row{Name: name, Ours: value, Unit: fields[i+1]})
		case fields[i+1] == "allocs/op":
			rows = append(rows, Row{Name: name + ":allocs", Ours: value, Unit: fields[i+1]})
		}
	}
	return rows
}
