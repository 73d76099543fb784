package installation

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPlatformsOfTheCluster(t *testing.T) {
	for platforms, wrong := range map[string]bool{
		"[linux/arm64]": false, "[linux/amd64, linux/arm/v7]": false, "[]": false,
		"[arm64]": true, "[linux/]": true, "[linux/amd64, Linux/arm64]": true, "[linux/arm/v7/x]": true,
	} {
		file := filepath.Join(t.TempDir(), "serve.yaml")
		text := "config: {url: /tmp/config}\ngitops: {url: /tmp/gitops}\nengine: {platforms: " + platforms + "}\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(file)
		if (err != nil) != wrong || wrong && !strings.Contains(err.Error(), "engine.platforms has") {
			t.Errorf("%s: %v", platforms, err)
		}
	}
}
