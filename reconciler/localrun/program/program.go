package program

import (
	"cmp"
	"context"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Program is a program on this machine, in a folder that stands for its root.
type Program struct {
	// Root is the folder.
	Root string `json:"-"`
	// Path of the program below Root, with a slash in front.
	Path string   `json:"path"`
	Args []string `json:"args"`
	Env  []string `json:"env"`
	// Dir it starts in, below Root.
	Dir string `json:"dir"`
	// UID and GID it runs as where we may choose; never 0.
	UID uint32 `json:"uid"`
	GID uint32 `json:"gid"`
}

// nobody is who programs are when their image does not say, or says root.
const nobody = 65534

// Names in the folder of a program.
const (
	rootDir  = "root"
	noteFile = "program.json"
)

// Load returns a program that was unpacked before. The error is fs.ErrNotExist when it was not, or not to its end.
func Load(dir string) (Program, error) {
	content, err := os.ReadFile(filepath.Join(dir, noteFile))
	if err != nil {
		return Program{}, fmt.Errorf("looking for an unpacked image: %w", err)
	}
	p := Program{Root: filepath.Join(dir, rootDir)}
	if err := json.Unmarshal(content, &p); err != nil {
		return Program{}, fmt.Errorf("%w: %s: %w", fs.ErrNotExist, noteFile, err)
	}
	return p, nil
}

// Unpack takes the program out of an image into a folder, which is there afterwards as a whole or not at all.
func Unpack(ctx context.Context, image v1.Image, dir string, limits Limits) (Program, error) {
	config, err := image.ConfigFile()
	if err != nil {
		return Program{}, fmt.Errorf("reading how an image wants to be run: %w", err)
	}
	p, err := describe(config.Config)
	if err != nil {
		return Program{}, err
	}
	partial := dir + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return Program{}, fmt.Errorf("clearing an image that was unpacked in part: %w", err)
	}
	defer os.RemoveAll(partial)
	if err := os.MkdirAll(filepath.Join(partial, rootDir), 0o755); err != nil {
		return Program{}, fmt.Errorf("unpacking an image: %w", err)
	}
	if err := unpackInto(ctx, image, filepath.Join(partial, rootDir), &p, limits.withDefaults()); err != nil {
		return Program{}, err
	}
	note, err := json.Marshal(p)
	if err != nil {
		return Program{}, err
	}
	if err := os.WriteFile(filepath.Join(partial, noteFile), note, 0o600); err != nil {
		return Program{}, fmt.Errorf("unpacking an image: %w", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return Program{}, fmt.Errorf("unpacking an image: %w", err)
	}
	if err := os.Rename(partial, dir); err != nil {
		return Program{}, fmt.Errorf("unpacking an image: %w", err)
	}
	p.Root = filepath.Join(dir, rootDir)
	return p, nil
}

// describe reads how an image wants to be run.
func describe(c v1.Config) (Program, error) {
	line := slices.Concat(c.Entrypoint, c.Cmd)
	if len(line) == 0 || line[0] == "" {
		return Program{}, other("it does not say what to run")
	}
	p := Program{Path: line[0], Args: line[1:], Env: c.Env, Dir: path.Join("/", c.WorkingDir)}
	if !strings.Contains(p.Path, "/") {
		return Program{}, other("it runs %s, which has to be looked for", p.Path)
	}
	if !path.IsAbs(p.Path) {
		p.Path = path.Join(p.Dir, p.Path)
	}
	p.Path = path.Clean(p.Path)
	p.UID, p.GID = userOf(c.User)
	return p, nil
}

// userOf is who a program runs as. A name would have to be looked up in the image, and root is nobody here.
func userOf(user string) (uid, gid uint32) {
	name, group, _ := strings.Cut(user, ":")
	return idOf(name), idOf(cmp.Or(group, name))
}

func idOf(text string) uint32 {
	id, err := strconv.ParseUint(text, 10, 32)
	if err != nil || id == 0 || id > 1<<31 {
		return nobody
	}
	return uint32(id)
}

// unpackInto writes all layers into a folder and looks at the program.
func unpackInto(ctx context.Context, image v1.Image, dir string, p *Program, limits Limits) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("unpacking an image: %w", err)
	}
	defer root.Close()
	w := &writer{ctx: ctx, root: root, program: strings.TrimPrefix(p.Path, "/"), left: limits}
	w.limits = limits
	layers, err := image.Layers()
	if err != nil {
		return fmt.Errorf("fetching the layers of an image: %w", err)
	}
	for _, layer := range layers {
		if err := w.layer(layer); err != nil {
			return err
		}
	}
	for _, folder := range []string{"etc", "tmp", strings.TrimPrefix(p.Dir, "/")} {
		if err := root.MkdirAll(cmp.Or(folder, "."), 0o755); err != nil {
			return fmt.Errorf("unpacking an image: %w", err)
		}
	}
	if err := root.Chmod("tmp", 0o777|fs.ModeSticky); err != nil {
		return fmt.Errorf("unpacking an image: %w", err)
	}
	return checkStatic(root, w.program)
}

// machines are the kinds of program that each kind of machine runs.
var machines = map[string]elf.Machine{
	"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "arm": elf.EM_ARM, "riscv64": elf.EM_RISCV, "s390x": elf.EM_S390, "ppc64le": elf.EM_PPC64,
}

// checkStatic refuses what the kernel cannot run without anything else.
func checkStatic(root *os.Root, name string) error {
	file, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return other("/%s, which it says to run, is not in it", name)
	}
	if err != nil {
		return fmt.Errorf("reading the program: %w", err)
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return other("/%s, which it says to run, is a folder", name)
	}
	binary, err := elf.NewFile(file)
	if err != nil { // its words are about bytes
		return other("/%s is no program of Linux, or no whole one", name)
	}
	if want, known := machines[runtime.GOARCH]; known && binary.Machine != want {
		return other("/%s is for %s, and this machine is %s", name, strings.TrimPrefix(binary.Machine.String(), "EM_"), runtime.GOARCH)
	}
	for _, segment := range binary.Progs {
		if segment.Type == elf.PT_INTERP {
			return other("/%s is linked against libraries (build it with CGO_ENABLED=0)", name)
		}
	}
	return root.Chmod(name, 0o555)
}
