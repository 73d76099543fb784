package dockerfile_test

import (
	"strings"
	"testing"

	"github.com/plateform/plateform/reconciler/dockerfile"
)

func TestExposedPort(t *testing.T) {
	tests := []struct {
		name, text string
		want       int
	}{
		{"one", "FROM scratch\nEXPOSE 3000\n", 3000},
		{"none", "FROM scratch\n", 0},
		{"the first of several", "FROM scratch\nEXPOSE 3000 4000\nEXPOSE 5000", 3000},
		{"tcp", "FROM scratch\nexpose 3000/TCP", 3000},
		{"udp does not count", "FROM scratch\nEXPOSE 53/udp 8053", 8053},
		{"a range", "FROM scratch\nEXPOSE 8000-8010", 8000},
		{"the last stage", "FROM a AS build\nEXPOSE 1000\nFROM b\nEXPOSE 2000", 2000},
		{"a stage on another", "FROM a AS base\nEXPOSE 1000\nFROM base\nRUN x", 1000},
		{"a stage on another, in other letters", "FROM a AS Base\nEXPOSE 1000\nFROM base AS next\nFROM NEXT", 1000},
		{"not an unrelated stage", "FROM a AS build\nEXPOSE 1000\nFROM b", 0},
		{"ARG", "ARG PORT=4000\nFROM scratch\nEXPOSE $PORT", 4000},
		{"ENV", "FROM scratch\nENV A=1 PORT=\"4000\"\nEXPOSE ${PORT}/tcp", 4000},
		{"a fallback", "FROM scratch\nEXPOSE ${PORT:-5000}", 5000},
		{"an unknown variable", "FROM scratch\nEXPOSE $PORT", 0},
		{"out of range", "FROM scratch\nEXPOSE 70000 0 -1 8080", 8080},
		{"a continued line", "FROM scratch\nEXPOSE \\\n  3000", 3000},
		{"before any stage", "EXPOSE 3000\nFROM scratch", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := dockerfile.ExposedPort(strings.NewReader(tt.text))
			if err != nil || got != tt.want {
				t.Errorf("got %d, %v, want %d", got, err, tt.want)
			}
		})
	}
}

func FuzzExposedPort(f *testing.F) {
	f.Add("FROM a AS b\nARG P=1\nEXPOSE $P ${Q:-2}/tcp 3-4\nFROM b")
	f.Add("EXPOSE")
	f.Add("ENV A\nENV A B\nENV A=B C=D\nFROM\nFROM x AS")
	f.Add("# escape=`\nFROM a\nEXPOSE `\n 1")
	f.Add("RUN <<A <<B\nA\nB\nEXPOSE 9")
	f.Fuzz(func(t *testing.T, text string) {
		port, err := dockerfile.ExposedPort(strings.NewReader(text))
		if port < 0 || port > 65535 {
			t.Errorf("port %d", port)
		}
		if err != nil && port != 0 {
			t.Errorf("port %d beside the error %v", port, err)
		}
	})
}
