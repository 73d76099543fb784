package pack

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/klauspost/compress/zlib"
)

// readLoose unpacks an object that is a file of its own.
func readLoose(path string) (Object, error) {
	f, err := os.Open(path)
	if err != nil {
		return Object{}, err
	}
	defer func() { _ = f.Close() }()
	return decodeLoose(f)
}

// decodeLoose reads "kind size", a zero byte, and the content.
func decodeLoose(r io.Reader) (Object, error) {
	z := &inflater{}
	head, content, err := z.loose(r)
	if err != nil {
		return Object{}, err
	}
	name, size, ok := strings.Cut(head, " ")
	n, err := strconv.ParseInt(size, 10, 64)
	if !ok || err != nil || n < 0 || n > maxObjectBytes {
		return Object{}, fmt.Errorf("%w: an object that begins with %q", ErrCorrupt, head)
	}
	kind, err := plumbing.ParseObjectType(name)
	if err != nil {
		return Object{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	data, err := readExactly(content, n, nil)
	if err != nil {
		return Object{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return Object{Kind: kind, Data: data}, nil
}

// loose returns the head of a single object, and its content to read.
func (z *inflater) loose(r io.Reader) (string, io.Reader, error) {
	zr, err := zlib.NewReader(r)
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	z.z = zr
	content := bufio.NewReaderSize(io.LimitReader(zr, maxObjectBytes+64), 4096)
	var head []byte
	for len(head) < 32 {
		b, err := content.ReadByte()
		if err != nil {
			return "", nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		if b == 0 {
			return string(head), content, nil
		}
		head = append(head, b)
	}
	return "", nil, fmt.Errorf("%w: an object that begins with %q", ErrCorrupt, head)
}
