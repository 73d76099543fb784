package program_test

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/plateform/plateform/reconciler/localrun/program"
)

// entry of a layer; content is made of zeros when only a size is given.
type entry struct {
	tar.Header
	content []byte
}

func regular(name string, content []byte) entry {
	return entry{tar.Header{Name: name, Mode: 0o755, Typeflag: tar.TypeReg, Size: int64(len(content))}, content}
}

// static is as much of a program as is looked at: the headers of one for this machine that needs nothing else.
func static(t *testing.T) []byte {
	t.Helper()
	machine := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[runtime.GOARCH]
	return headers(t, machine, elf.PT_LOAD)
}

// headers are those of a program with one segment.
func headers(t *testing.T, machine elf.Machine, segment elf.ProgType) []byte {
	t.Helper()
	const headerSize, segmentSize = 64, 56
	h := elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT), Phoff: headerSize, Ehsize: headerSize,
		Phentsize: segmentSize, Phnum: 1,
	}
	var b bytes.Buffer
	for _, part := range []any{h, elf.Prog64{Type: uint32(segment)}} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// layer is a layer of entries. Zeros are written as they are read, so that gigabytes of them take no memory.
func layer(t *testing.T, entries ...entry) v1.Layer {
	t.Helper()
	made, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() { w.CloseWithError(write(w, entries)) }()
		return r, nil
	}, tarball.WithCompressedCaching)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func write(w io.Writer, entries []entry) error {
	archive := tar.NewWriter(w)
	for _, e := range entries {
		if err := archive.WriteHeader(&e.Header); err != nil {
			return err
		}
		var content io.Reader = bytes.NewReader(e.content)
		if e.content == nil {
			content = io.LimitReader(zeros{}, e.Size)
		}
		if _, err := io.Copy(archive, content); err != nil {
			return err
		}
	}
	return archive.Close()
}

var config = v1.Config{Entrypoint: []string{"/app"}, Cmd: []string{"serve"}, User: "65532:65532"}

// image is one of these layers.
type image struct {
	v1.Image
	config v1.Config
	layers []v1.Layer
}

// ConfigFile implements v1.Image.
func (i image) ConfigFile() (*v1.ConfigFile, error) { return &v1.ConfigFile{Config: i.config}, nil }

// Layers implements v1.Image.
func (i image) Layers() ([]v1.Layer, error) { return i.layers, nil }

func unpack(t *testing.T, c v1.Config, limits program.Limits, layers ...v1.Layer) (program.Program, string, error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "images", "one")
	p, err := program.Unpack(t.Context(), image{config: c, layers: layers}, dir, limits)
	return p, dir, err
}

func TestUnpack(t *testing.T) {
	p, dir, err := unpack(t, config, program.Limits{},
		layer(t, regular("./app", []byte("old")), regular("etc/passwd", []byte("nobody"))),
		layer(t, entry{Header: tar.Header{Name: "tmp/", Mode: 0o1777, Typeflag: tar.TypeDir}}, regular("app", static(t))))
	if err != nil {
		t.Fatal(err)
	}
	if p.Path != "/app" || strings.Join(p.Args, " ") != "serve" || p.UID != 65532 || p.GID != 65532 || p.Dir != "/" {
		t.Errorf("program %+v", p)
	}
	again, err := program.Load(dir)
	if err != nil || again.Path != p.Path || again.Root != p.Root || again.UID != p.UID {
		t.Errorf("loaded %+v, %v, want %+v", again, err, p)
	}
	content, err := os.ReadFile(filepath.Join(p.Root, "app"))
	if err != nil || !bytes.Equal(content, static(t)) {
		t.Errorf("the program is not that of the last layer: %d bytes, %v", len(content), err)
	}
	if info, err := os.Stat(filepath.Join(p.Root, "app")); err != nil || info.Mode() != 0o555 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestUsers(t *testing.T) {
	for user, want := range map[string][2]uint32{
		"": {65534, 65534}, "0": {65534, 65534}, "root": {65534, 65534}, "1000": {1000, 1000}, "1000:0": {1000, 65534}, "0:1000": {65534, 1000},
		"4294967295": {65534, 65534}, "-1": {65534, 65534}, "app:app": {65534, 65534},
	} {
		c := config
		c.User = user
		p, _, err := unpack(t, c, program.Limits{}, layer(t, regular("app", static(t))))
		if err != nil || p.UID != want[0] || p.GID != want[1] {
			t.Errorf("user %q becomes %d:%d, %v, want %v", user, p.UID, p.GID, err, want)
		}
	}
}

// What is no single static program is told as that, and nothing of it stays on the disk.
func TestOtherImages(t *testing.T) {
	app := regular("app", static(t))
	header := func(h tar.Header) []entry { return []entry{app, {Header: h}} }
	for name, tt := range map[string]struct {
		entries []entry
		config  v1.Config
		want    string
	}{
		"a symlink out":            {header(tar.Header{Name: "etc/x", Typeflag: tar.TypeSymlink, Linkname: "/etc/shadow"}), config, "etc/x in it is a link"},
		"a symlink for a folder":   {[]entry{{Header: tar.Header{Name: "etc", Typeflag: tar.TypeSymlink, Linkname: "/etc"}}, regular("etc/passwd", nil), app}, config, "etc in it is a link"},
		"a hard link":              {header(tar.Header{Name: "etc/x", Typeflag: tar.TypeLink, Linkname: "../../../etc/shadow"}), config, "is a link"},
		"a device":                 {header(tar.Header{Name: "dev/sda", Typeflag: tar.TypeBlock, Devmajor: 8}), config, "dev/sda in it is a device"},
		"a character device":       {header(tar.Header{Name: "dev/mem", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 1}), config, "is a device"},
		"a pipe":                   {header(tar.Header{Name: "etc/p", Typeflag: tar.TypeFifo}), config, "is a pipe"},
		"setuid":                   {header(tar.Header{Name: "etc/su", Typeflag: tar.TypeReg, Mode: 0o4755}), config, "etc/su in it runs as somebody else"},
		"a setuid program":         {[]entry{{tar.Header{Name: "app", Typeflag: tar.TypeReg, Mode: 0o6755, Size: int64(len(static(t)))}, static(t)}}, config, "app in it runs as somebody else"},
		"an absolute path":         {header(tar.Header{Name: "/etc/cron.d/x", Typeflag: tar.TypeReg}), config, `"/etc/cron.d/x" in it is no path inside of it`},
		"a path out of it":         {header(tar.Header{Name: "etc/../../x", Typeflag: tar.TypeReg}), config, "is no path inside of it"},
		"a folder out of it":       {header(tar.Header{Name: "../x/", Typeflag: tar.TypeDir}), config, "is no path inside of it"},
		"an unknown kind":          {header(tar.Header{Name: "etc/x", Typeflag: 'Z'}), config, "that is not known"},
		"a whiteout":               {header(tar.Header{Name: "etc/.wh.passwd", Typeflag: tar.TypeReg}), config, "takes files of another away"},
		"a file for a folder":      {[]entry{regular("etc/a", nil), regular("etc/a/b", nil), app}, config, "is a file and a folder"},
		"a folder for the program": {[]entry{{Header: tar.Header{Name: "app/", Typeflag: tar.TypeDir, Mode: 0o755}}, app}, config, "is a file and a folder"},
		"more files":               {[]entry{app, regular("usr/bin/python3", nil)}, config, "it has more files, such as /usr/bin/python3"},
		"no program":               {[]entry{regular("etc/passwd", nil)}, config, "/app, which it says to run, is not in it"},
		"a script":                 {[]entry{regular("app", []byte("#!/bin/sh\nexit\n"))}, config, "/app is no program of Linux, or no whole one"},
		"a folder to run":          {[]entry{{Header: tar.Header{Name: "app/", Typeflag: tar.TypeDir, Mode: 0o755}}}, config, "/app, which it says to run, is a folder"},
		"a name of two lines":      {[]entry{app, regular("usr/a\n\x1b[31mb", nil)}, config, "such as /usr/a\ufffd\ufffd[31mb"},
		"a long name":              {[]entry{app, regular(strings.Repeat("d/", 3000)+"d", nil)}, config, "d/…"},
		"nothing to run":           {[]entry{app}, v1.Config{}, "it does not say what to run"},
		"a program to look for":    {[]entry{app}, v1.Config{Cmd: []string{"app"}}, "it runs app, which has to be looked for"},
		"libraries":                {[]entry{regular("app", headers(t, elf.EM_X86_64, elf.PT_INTERP))}, config, "linked against libraries"},
		"another machine":          {[]entry{regular("app", headers(t, elf.EM_MIPS, elf.PT_LOAD))}, config, "and this machine is"},
	} {
		t.Run(name, func(t *testing.T) {
			_, dir, err := unpack(t, tt.config, program.Limits{}, layer(t, tt.entries...))
			var other *program.OtherError
			if !errors.As(err, &other) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			wantNothing(t, dir)
		})
	}
}

// wantNothing checks that nothing is left of an image, inside of its folder or beside it.
func wantNothing(t *testing.T, dir string) {
	t.Helper()
	_ = filepath.WalkDir(filepath.Dir(filepath.Dir(dir)), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() || strings.HasPrefix(path, dir) {
			t.Errorf("%s is left", path)
		}
		return nil
	})
	if _, err := program.Load(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it can be loaded: %v", err)
	}
}

// What is too large is refused before it is on the disk, however well it was packed, and whoever lies about it.
func TestImagesThatAreTooLarge(t *testing.T) {
	const gigabyte = 1 << 30
	zeros := func(size int64) entry {
		return entry{Header: tar.Header{Name: "etc/zeros", Typeflag: tar.TypeReg, Mode: 0o644, Size: size}}
	}
	many := []entry{regular("app", static(t))}
	for range 50 {
		many = append(many, regular("etc/one", nil))
	}
	for name, tt := range map[string]struct {
		layers []v1.Layer
		want   string
	}{
		"ten gigabytes of zeros": {[]v1.Layer{huge(t, 10*gigabyte)}, "it is larger than 1 MiB"},
		"many layers":            {[]v1.Layer{layer(t, zeros(1<<19)), layer(t, zeros(1<<19)), layer(t, zeros(1<<19))}, "it is larger than 1 MiB"},
		"many files":             {[]v1.Layer{layer(t, many...)}, "it has more than 40 files"},
		"zeros behind the end":   {[]v1.Layer{padded(t, gigabyte)}, "it is larger than 1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			_, dir, err := unpack(t, config, program.Limits{Bytes: 1 << 20, Entries: 40}, tt.layers...)
			var large *program.TooLargeError
			if !errors.As(err, &large) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			wantNothing(t, dir)
		})
	}
}

// stream is a layer that is made while it is read.
type stream struct {
	v1.Layer
	open func() io.Reader
}

// Uncompressed implements v1.Layer.
func (s stream) Uncompressed() (io.ReadCloser, error) { return io.NopCloser(s.open()), nil }

// padded is a layer with zeros behind the end of its archive.
func padded(t *testing.T, size int64) v1.Layer {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b, []entry{regular("app", static(t))}); err != nil {
		t.Fatal(err)
	}
	return stream{open: func() io.Reader { return io.MultiReader(&b, io.LimitReader(zeros{}, size)) }}
}

// huge is a layer with one file of zeros.
func huge(t *testing.T, size int64) v1.Layer {
	t.Helper()
	var b bytes.Buffer
	if err := tar.NewWriter(&b).WriteHeader(&tar.Header{Name: "etc/zeros", Typeflag: tar.TypeReg, Mode: 0o644, Size: size}); err != nil {
		t.Fatal(err)
	}
	return stream{open: func() io.Reader { return io.MultiReader(&b, io.LimitReader(zeros{}, size)) }}
}

// failing is a layer that does not come.
func failing(err error) v1.Layer { return stream{open: func() io.Reader { return errReader{err} }} }

type errReader struct{ err error }

// Read implements io.Reader.
func (e errReader) Read([]byte) (int, error) { return 0, e.err }

func TestLayersThatDoNotArrive(t *testing.T) {
	lost := errors.New("connection reset")
	_, dir, err := unpack(t, config, program.Limits{}, failing(lost))
	if !errors.Is(err, lost) {
		t.Errorf("error %v, want %v", err, lost)
	}
	wantNothing(t, dir)
	ctx, cancel := context.WithCancelCause(t.Context())
	over := errors.New("something else is wanted")
	cancel(over)
	if _, err := program.Unpack(ctx, image{config: config, layers: []v1.Layer{layer(t, regular("app", static(t)))}}, dir, program.Limits{}); !errors.Is(err, over) {
		t.Errorf("error %v, want %v", err, over)
	}
	wantNothing(t, dir)
}
