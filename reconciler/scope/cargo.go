package scope

import (
	"path"
	"regexp"
)

const cargoToml = "Cargo.toml"

var (
	cargoWorkspace = regexp.MustCompile(`(?m)^\s*\[workspace(?:\.[a-z]+)?\]`)
	cargoFolder    = regexp.MustCompile(`(?m)\bpath\s*=\s*["'](\.\./[^"']+)["']`)
)

// cargo adds the workspace that a package of Rust is in, which has its lockfile, and the folders that it depends on.
func cargo(l *look) error {
	own := path.Join(l.dir, cargoToml)
	text, err := l.text(own)
	if err != nil {
		return err
	}
	for _, m := range cargoFolder.FindAllStringSubmatch(text, -1) {
		if p, ok := inside(l.dir, m[1]); ok {
			l.add(p, own+" depends on "+p)
		}
	}
	for dir := l.dir; dir != "." && !cargoWorkspace.MatchString(text); {
		dir = path.Dir(dir)
		file := path.Join(dir, cargoToml)
		if text, err = l.text(file); err != nil {
			return err
		}
		if cargoWorkspace.MatchString(text) {
			l.add(dir, "the workspace of "+file)
		}
	}
	return nil
}
