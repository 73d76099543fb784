package program

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// writer writes layers into a folder.
type writer struct {
	ctx  context.Context
	root *os.Root
	// program is the path of the program, without the slash in front.
	program string
	limits  Limits
	left    Limits
}

// layer writes one layer. It is read to its end, as only then its digest has been compared.
func (w *writer) layer(layer v1.Layer) error {
	stream, err := layer.Uncompressed()
	if err != nil {
		return fmt.Errorf("fetching a layer of the image: %w", err)
	}
	defer stream.Close()
	// Headers and padding count as well: a stream of nothing but these must end, too.
	bounded := &boundedReader{ctx: w.ctx, from: stream, left: w.left.Bytes + 1<<20, limit: w.limits.Bytes}
	archive := tar.NewReader(bounded)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fetching(err)
		}
		if err := w.entry(header, archive); err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, bounded); err != nil {
		return fetching(err)
	}
	return nil
}

func fetching(err error) error {
	var large *TooLargeError
	if errors.As(err, &large) {
		return large
	}
	return fmt.Errorf("fetching a layer of the image: %w", err)
}

// entry writes one file or folder.
func (w *writer) entry(h *tar.Header, content io.Reader) error {
	if w.left.Entries--; w.left.Entries < 0 {
		return &TooLargeError{What: fmt.Sprintf("it has more than %d files", w.limits.Entries)}
	}
	if w.left.Bytes -= h.Size; h.Size < 0 || w.left.Bytes < 0 {
		return tooLarge(w.limits.Bytes)
	}
	name := strings.TrimSuffix(strings.TrimPrefix(h.Name, "./"), "/")
	switch {
	case h.Typeflag == tar.TypeXGlobalHeader, h.Typeflag == tar.TypeDir && (name == "" || name == "."):
		return nil
	case !fs.ValidPath(name):
		return other("%q in it is no path inside of it", h.Name)
	case h.Typeflag != tar.TypeDir && h.Typeflag != tar.TypeReg:
		return other("%s in it is %s", name, kindOf(h.Typeflag))
	case h.FileInfo().Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0:
		return other("%s in it runs as somebody else (setuid or setgid)", name)
	case strings.HasPrefix(path.Base(name), ".wh."):
		return other("a layer of it takes files of another away")
	case h.Typeflag == tar.TypeDir:
		return w.made(name, w.root.MkdirAll(name, 0o755))
	case name != w.program && !strings.HasPrefix(name, "etc/") && !strings.HasPrefix(name, "tmp/"):
		return other("it has more files, such as /%s", name)
	}
	return w.file(name, content)
}

// file writes a file. What an earlier layer had there is replaced.
func (w *writer) file(name string, content io.Reader) error {
	if err := w.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return w.made(name, err)
	}
	file, err := w.root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return w.made(name, err)
	}
	if _, err := io.Copy(file, content); err != nil {
		file.Close()
		return fetching(err)
	}
	return w.made(name, file.Close())
}

// made says what went wrong at a name. What the image made impossible, such as a file where a folder is, is its own affair.
func (w *writer) made(name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist), errors.Is(err, errNotDir), errors.Is(err, errIsDir):
		return other("%s in it is a file and a folder", name)
	}
	return fmt.Errorf("unpacking an image: %w", err)
}

func kindOf(flag byte) string {
	switch flag {
	case tar.TypeLink, tar.TypeSymlink:
		return "a link"
	case tar.TypeChar, tar.TypeBlock:
		return "a device"
	case tar.TypeFifo:
		return "a pipe"
	}
	return fmt.Sprintf("of a kind %q that is not known", flag)
}

func tooLarge(limit int64) error {
	return &TooLargeError{What: fmt.Sprintf("it is larger than %d MiB when it is unpacked", limit>>20)}
}

// boundedReader ends with the context, and at a limit.
type boundedReader struct {
	ctx         context.Context
	from        io.Reader
	left, limit int64
}

// Read implements io.Reader.
func (b *boundedReader) Read(p []byte) (int, error) {
	if err := context.Cause(b.ctx); err != nil {
		return 0, err
	}
	n, err := b.from.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, tooLarge(b.limit)
	}
	return n, err
}
