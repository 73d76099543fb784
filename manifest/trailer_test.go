package manifest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReleaseMessage(t *testing.T) {
	r := &Release{Header: NewHeader(KindRelease, "v1.0.4")}
	r.Spec.Images = []Image{{Name: "a", Commit: "9fceb02"}, {Name: "b", Commit: "9fceb02"}, {Name: "c"}, {Name: "d", Commit: "1234567"}}
	r.Spec.Cause = Cause{Kind: CauseSource, Commit: "9fceb02", Config: "4b825dc", By: "alice"}
	r.Spec.Plan = "sha256:00"
	trailers := NewTrailers(Key{"ws", "shop"}, r)
	got := FormatMessage("Release ws/shop v1.0.4", trailers)
	want := `Release ws/shop v1.0.4

Workspace: ws
Project: shop
Release: v1.0.4
Config-Commit: 4b825dc
Source-Commit: 9fceb02
Source-Commit: 1234567
Caused-By: source 9fceb02 (alice)
Plan: sha256:00
`
	if got != want {
		t.Error(cmp.Diff(want, got))
	}
	if diff := cmp.Diff(trailers, Trailers(got)); diff != "" {
		t.Error(diff)
	}
}

func TestTrailers(t *testing.T) {
	tests := []struct {
		name, message string
		want          []Trailer
	}{
		{"none", "Change the port\n", nil},
		{"empty", "", nil},
		{"retry", "Try again\n\nPlateform-Retry: ws/shop\n", []Trailer{{TrailerRetry, "ws/shop"}}},
		{"retry alone", "Plateform-Retry: ws/shop", []Trailer{{TrailerRetry, "ws/shop"}}},
		{"two", "x\n\nbody\n\nA: 1\nPlateform-Retry: ws/shop\n\n\n", []Trailer{{"A", "1"}, {TrailerRetry, "ws/shop"}}},
		{"Windows", "x\r\n\r\nPlateform-Retry: ws/shop\r\n", []Trailer{{TrailerRetry, "ws/shop"}}},
		{"no blank", "x\n\nA:1", []Trailer{{"A", "1"}}},
		{"continued", "x\n\nA: 1\n  2\nB: 3", []Trailer{{"A", "1 2"}, {"B", "3"}}},
		{"not the last paragraph", "x\n\nPlateform-Retry: ws/shop\n\nand a word\n", nil},
		{"inside prose", "x\n\nWrite it so:\nPlateform-Retry: ws/shop\nand push.\n", nil},
		{"quoted", "x\n\n> Plateform-Retry: ws/shop\n", nil},
		{"a URL", "see https://example.com/a: b", nil},
		{"an odd key", "x\n\n-A: 1\n", nil},
		{"another script", "x\n\nПроект: 1\n", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Trailers(test.message)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNoValueBecomesATrailer(t *testing.T) {
	message := FormatMessage("Release\n\nPlateform-Retry: ws/a", []Trailer{
		{TrailerCausedBy, "eve\nPlateform-Retry: ws/b\r\u2028\u0085x"}, {TrailerPlan, ""},
	})
	want := []Trailer{{TrailerCausedBy, "eve Plateform-Retry: ws/b x"}}
	if diff := cmp.Diff(want, Trailers(message)); diff != "" {
		t.Error(diff)
	}
}

func FuzzTrailers(f *testing.F) {
	f.Add("Release ws/shop", "eve\nPlateform-Retry: ws/b")
	f.Add("", "")
	f.Add("a: b\n\nc: d", "x\n y")
	f.Fuzz(func(t *testing.T, subject, value string) {
		message := FormatMessage(subject, []Trailer{{"A", value}, {"B", "1"}})
		got := Trailers(message)
		if len(got) == 0 || got[len(got)-1] != (Trailer{"B", "1"}) {
			t.Fatalf("%q lost its last trailer: %q", message, got)
		}
		for _, trailer := range got {
			if trailer.Key == TrailerRetry && !strings.HasPrefix(subject, TrailerRetry) {
				t.Fatalf("%q asks for a retry", message)
			}
		}
	})
}
