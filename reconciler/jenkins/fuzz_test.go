package jenkins_test

import (
	"strings"
	"testing"

	"github.com/plateform/plateform/reconciler/jenkins"
)

// FuzzParseResult: what is taken of a release.json is a digest, a word and numbers in their ranges; what is refused is refused in one line.
func FuzzParseResult(f *testing.F) {
	digest := `"build":"a1","digest":"sha256:` + strings.Repeat("0a", 32) + `"`
	for _, seed := range []string{`{` + digest + `}`, `{` + digest + `,"port":80,"framework":"spring","scan":{"high":1}}`, `{"digest":7}`, `{"port":` + strings.Repeat("7", 5000) + `}`, `null`, `[]`, ``, `{"Digest":"` + "\n" + `"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		made, err := jenkins.ParseResult(data)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n\x1b") || len(err.Error()) > 1500 {
				t.Errorf("the error is not one plain line of bounded length: %q", err)
			}
			return
		}
		if made.Build == "" || len(made.Build) > 120 || strings.ContainsAny(made.Build, " \n\t\x00/") {
			t.Errorf("the build is %q", made.Build)
		}
		hex, found := strings.CutPrefix(made.Digest, "sha256:")
		if !found || len(hex) != 64 || strings.Trim(hex, "0123456789abcdef") != "" {
			t.Errorf("the digest is %q", made.Digest)
		}
		if made.Port < 0 || made.Port > 65535 || strings.ContainsAny(made.Framework, " \n\t\x00<>&\"'") || len(made.Framework) > 40 {
			t.Errorf("got %+v", made)
		}
		if s := made.Scan; s != nil && min(s.Critical, s.High, s.Medium, s.Low) < 0 {
			t.Errorf("the scan is %+v", s)
		}
	})
}
