package installation

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whatever setting names a file with a secret, logs hide it and doctor looks at it.
func TestSecretFilesAreAll(t *testing.T) {
	var s Settings
	want := fileEach(reflect.ValueOf(&s).Elem(), "")
	var got []string
	for _, f := range s.SecretFiles() {
		if f.File != f.Setting {
			t.Errorf("%s is said to be named by %s", f.File, f.Setting)
		}
		got = append(got, f.File)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files with secrets (-settings +SecretFiles):\n%s", diff)
	}
}

var secretFile = regexp.MustCompile(`(?:password|[sS]ecret|token|[kK]ey|identity)File$`)

// fileEach has each setting for a file with a secret name one that is called as the setting, in lists of one entry each, and returns
// these names.
func fileEach(v reflect.Value, at string) (files []string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return fileEach(v.Elem(), at)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		return fileEach(v.Index(0), at+"[0]")
	case reflect.Struct:
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
			if name == "" || name == "-" {
				continue
			}
			files = append(files, fileEach(v.Field(i), strings.TrimPrefix(at+"."+name, "."))...)
		}
	case reflect.String:
		if secretFile.MatchString(at) {
			v.SetString(at)
			files = append(files, at)
		}
	}
	return files
}
