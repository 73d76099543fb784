package manifest

import (
	"testing"

	"github.com/plateform/plateform/manifest/signing"
)

// What one release costs: its keys, its values, its file, and reading and checking that file.
func BenchmarkRelease(b *testing.B) {
	key := testKey(b, 1)
	k := Key{"ws-1", "shop"}
	r := sampleRelease(b)
	in := valuesInput(shop())
	file, err := EncodeRelease(r, k, 7, &key)
	if err != nil {
		b.Fatal(err)
	}
	keys := []signing.PublicKey{key.Public()}
	for _, bench := range []struct {
		name string
		run  func() error
	}{
		{"keys", func() error {
			if ProjectKey(in.Project) == "" || PlatformKey(in.Platform) == "" || SourceInputs(in.Project)[0].Key("commit:aa") == "" {
				b.Fatal("no key")
			}
			return nil
		}},
		{"values", func() error { _, err := BuildValues(in); return err }},
		{"encode", func() error { _, err := EncodeRelease(r, k, 7, &key); return err }},
		{"parse", func() error { _, problems := ParseRelease("v1.0.0.yaml", file); return problems.Err() }},
		{"verify", func() error { return VerifyRelease(file, r, k, 7, keys) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := bench.run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
