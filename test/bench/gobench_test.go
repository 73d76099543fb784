package main

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRead(t *testing.T) {
	const printed = `goos: linux
pkg: github.com/plateform/plateform/manifest
BenchmarkValues-2           	   10000	    104833 ns/op	   41372 B/op	     612 allocs/op
BenchmarkDecide/10k-rows-2  	     100	  10.5 ns/op
BenchmarkDecide/one-of-10k  	     100	  7 ns/op
BenchmarkDecide/of-100-2    	     100	  9 ns/op
BenchmarkPush/100/ours-2     	     100	  30 ns/op
BenchmarkPush/100/git-2      	     100	  120 ns/op
BenchmarkPush/100/svn-2      	     100	  130 ns/op
BenchmarkBroken
PASS
ok  	github.com/plateform/plateform/manifest	2.170s
`
	rows, err := read(strings.NewReader(printed), io.Discard, 2)
	if err != nil {
		t.Fatal(err)
	}
	other, ratio := 120.0, 0.25
	want := []Row{
		{Name: "Values", Ours: 104833, Unit: "ns/op"},
		{Name: "Values:allocs", Ours: 612, Unit: "allocs/op"},
		{Name: "Decide/10k-rows", Ours: 10.5, Unit: "ns/op"},
		{Name: "Decide/one-of-10k", Ours: 7, Unit: "ns/op"},
		{Name: "Decide/of-100", Ours: 9, Unit: "ns/op"},
		{Name: "Push/100", Ours: 30, Other: &other, Ratio: &ratio, Unit: "ns/op"},
		{Name: "Push/100/svn", Ours: 130, Unit: "ns/op"},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}
