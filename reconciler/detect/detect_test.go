package detect_test

import (
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/detect"
)

// hello is the smallest app there is.
func hello() map[string]string {
	return map[string]string{"go.mod": "module example.com/hello\n\ngo 1.24\n", "main.go": "package main\n\nfunc main() {}\n"}
}

func with(files map[string]string, name, content string) map[string]string {
	files[name] = content
	return files
}

func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// onDisk are the files of a folder, from which no link leads out.
func onDisk(t *testing.T, dir string) fs.FS {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root.FS()
}

func TestFind(t *testing.T) {
	const program = "package main\n\nfunc main() {}\n"
	tests := []struct {
		name  string
		files map[string]string
		path  string
		build *manifest.Build
		// want is framework, port, Dockerfile and package.
		want detect.Detection
		err  string
	}{
		{"go", hello(), "", nil, detect.Detection{Framework: "go", Port: 8080, Package: "."}, ""},
		{"go without a go.mod", map[string]string{"main.go": program}, "", nil, detect.Detection{Framework: "go", Port: 8080, Package: "."}, ""},
		{"a Go file beside an app of another kind", map[string]string{"main.go": program, "package.json": `{"dependencies": {"express": "4"}}`}, "", nil,
			detect.Detection{Framework: "express", Port: 3000}, ""},
		{"go below cmd", map[string]string{"go.mod": "module x", "x.go": "package x", "cmd/x/main.go": program}, "", nil,
			detect.Detection{Framework: "go", Port: 8080, Package: "cmd/x"}, ""},
		{"two programs", map[string]string{"go.mod": "module x", "cmd/a/main.go": program, "cmd/b/main.go": program}, "", nil,
			detect.Detection{}, "several Go programs: cmd/a, cmd/b (point source.path at"},
		{"one of two programs", map[string]string{"go.mod": "module x", "cmd/a/main.go": program, "cmd/b/main.go": program}, "cmd/b", nil,
			detect.Detection{Framework: "go", Port: 8080, Package: "."}, ""},
		{"a program for another system", map[string]string{"go.mod": "module x", "main_windows.go": program}, "", nil,
			detect.Detection{}, "no Go program"},
		{"a tool beside a library", map[string]string{"go.mod": "module x", "x.go": "package x", "gen.go": "//go:build ignore\n\n" + program}, "", nil,
			detect.Detection{}, "no Go program"},
		{"a Dockerfile", with(hello(), "Dockerfile", "FROM scratch\nEXPOSE 9000\n"), "", nil,
			detect.Detection{Framework: "dockerfile", Port: 9000, Dockerfile: "Dockerfile"}, ""},
		{"a Dockerfile elsewhere", with(hello(), "deploy/Dockerfile", "FROM scratch\n"), "", &manifest.Build{Dockerfile: "deploy/Dockerfile", Framework: "nextjs"},
			detect.Detection{Framework: "nextjs", Dockerfile: "deploy/Dockerfile"}, ""},
		{"the framework wins over a Dockerfile", with(hello(), "Dockerfile", "FROM scratch\n"), "", &manifest.Build{Framework: "go"},
			detect.Detection{Framework: "go", Port: 8080, Package: "."}, ""},
		{"no such Dockerfile", hello(), "", &manifest.Build{Dockerfile: "deploy/Dockerfile"}, detect.Detection{}, "check build.dockerfile"},
		{"a Dockerfile outside", hello(), "", &manifest.Build{Dockerfile: "../secret"}, detect.Detection{}, "secret"},
		{"framework dockerfile without one", hello(), "", &manifest.Build{Framework: "dockerfile"}, detect.Detection{}, "add a Dockerfile"},
		{"a broken Dockerfile", map[string]string{"Dockerfile": "RUN <<EOF\n"}, "", nil, detect.Detection{}, "mend the Dockerfile"},
		{"a huge Dockerfile", map[string]string{"Dockerfile": strings.Repeat("#\n", 1<<20)}, "", nil, detect.Detection{}, "larger than 1 MiB"},
		{"next", map[string]string{"package.json": `{"dependencies": {"next": "15"}}`}, "", nil, detect.Detection{Framework: "nextjs", Port: 3000}, ""},
		{"vite", map[string]string{"package.json": `{"devDependencies": {"vite": "6"}}`}, "", nil, detect.Detection{Framework: "vite", Port: 8080}, ""},
		{"express", map[string]string{"package.json": `{"dependencies": {"express": "5"}}`}, "", nil, detect.Detection{Framework: "express", Port: 3000}, ""},
		{"node", map[string]string{"package.json": `[]`}, "", nil, detect.Detection{Framework: "node", Port: 3000}, ""},
		{"maven", map[string]string{"pom.xml": ""}, "", nil, detect.Detection{Framework: "java", Port: 8080}, ""},
		{"gradle", map[string]string{"build.gradle.kts": ""}, "", nil, detect.Detection{Framework: "java", Port: 8080}, ""},
		{"static", map[string]string{"index.html": ""}, "", nil, detect.Detection{Framework: "static", Port: 8080}, ""},
		{"authored", map[string]string{"pom.xml": ""}, "", &manifest.Build{Framework: "vite"}, detect.Detection{Framework: "vite", Port: 80}, ""},
		{"nothing", map[string]string{"README.md": ""}, "", nil, detect.Detection{}, "add a Dockerfile"},
		{"no such folder", hello(), "web", nil, detect.Detection{}, "check source.path"},
		{"a folder outside", hello(), "../..", nil, detect.Detection{}, "check source.path"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "source")
			writeFiles(t, dir, tt.files)
			got, err := detect.Find(onDisk(t, dir), tt.path, tt.build)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want one with %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Framework != tt.want.Framework || got.Port != tt.want.Port || got.Dockerfile != tt.want.Dockerfile || got.Package != tt.want.Package {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if tt.build == nil && len(got.Reasons) == 0 {
				t.Error("no reasons are given")
			}
		})
	}
}

func TestFindStaysInsideTheSource(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	writeFiles(t, outside, map[string]string{"Dockerfile": "FROM scratch\nEXPOSE 1234\n"})
	dir := t.TempDir()
	for link, target := range map[string]string{"Dockerfile": filepath.Join(outside, "Dockerfile"), "folder": outside} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"", "folder"} {
		got, err := detect.Find(onDisk(t, dir), path, nil)
		if err == nil {
			t.Errorf("path %q: found %+v behind a link that leaves the source", path, got)
		}
	}
}

// Editors and shells on Windows put a byte order mark first, and PowerShell writes UTF-16: what package managers read so, is read.
func TestFilesOfWindows(t *testing.T) {
	utf16 := func(order binary.AppendByteOrder, text string) string {
		data := order.AppendUint16(nil, 0xfeff)
		for _, r := range text {
			data = order.AppendUint16(data, uint16(r))
		}
		return string(data)
	}
	const pinned, server = "Flask==3.0.0\r\n", "from flask import Flask\r\napp = Flask(__name__)\r\n"
	for name, tt := range map[string]struct {
		files map[string]string
		want  string
	}{
		"a package.json":                    {map[string]string{"package.json": "\ufeff{\"dependencies\": {\"express\": \"4\"}, \"scripts\": {\"start\": \"node x\"}}\r\n"}, "express"},
		"a requirements.txt":                {map[string]string{"requirements.txt": "\ufeff" + pinned, "app.py": "\ufeff" + server}, "flask"},
		"a requirements.txt of PowerShell":  {map[string]string{"requirements.txt": utf16(binary.LittleEndian, pinned), "app.py": server}, "flask"},
		"the same from the other end":       {map[string]string{"requirements.txt": utf16(binary.BigEndian, pinned), "app.py": server}, "flask"},
		"half a character":                  {map[string]string{"requirements.txt": "\xff\xfef", "app.py": server}, "python"},
		"a package.json that npm cannot do": {map[string]string{"package.json": utf16(binary.LittleEndian, `{"dependencies": {"express": "4"}}`)}, "node"},
	} {
		dir := t.TempDir()
		writeFiles(t, dir, tt.files)
		if d, err := detect.Find(onDisk(t, dir), "", nil); err != nil || d.Framework != tt.want {
			t.Errorf("%s: it is %q, %v, want %s", name, d.Framework, err, tt.want)
		}
	}
}
