package pack

import (
	"bytes"
	"strings"
	"testing"
)

func FuzzPackIndex(f *testing.F) {
	f.Add(append([]byte("\xfftOc\x00\x00\x00\x02"), make([]byte, 1024+40)...))
	one := append([]byte("\xfftOc\x00\x00\x00\x02"), make([]byte, 1024)...)
	for i := 3; i < 1024; i += 4 {
		one[8+i] = 1
	}
	f.Add(append(one, append(make([]byte, 24), 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := openIndex(bytes.NewReader(data), nil)
		if err != nil {
			return
		}
		hashes, err := x.withPrefix([]byte{0})
		if err != nil {
			return
		}
		for _, h := range hashes {
			if off, ok, err := x.find(h); ok && (err != nil || off < 0) {
				t.Fatalf("%s is at %d: %v", h, off, err)
			}
		}
	})
}

func FuzzDecodeLoose(f *testing.F) {
	f.Add([]byte("x\x9c\x4b\xca\xc9\x4f\x52\x30\x60\x00\x00\x09\xb0\x01\xf0"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if o, err := decodeLoose(strings.NewReader(string(data))); err == nil && !o.Kind.Valid() {
			t.Fatalf("an object of the kind %v", o.Kind)
		}
	})
}
