package manifest

import (
	"fmt"
	"strings"
	"testing"
)

// No program can be started with a variable that is longer than Linux takes, so it is refused where somebody wrote it.
func TestAVariableThatNoProgramIsStartedWith(t *testing.T) {
	const file = "workspaces/ws-2/projects/blog/project.yaml"
	project := func(env, build string) string {
		return "apiVersion: plateform.dev/v1\nkind: Project\nmetadata: {name: blog}\nspec:\n  type: monolithic\n  source: {repository: https://github.com/acme/blog}\n" +
			"  env:\n    - {name: A, value: x}\n    - {name: CERTS, value: " + env + "}\n  build:\n    env:\n      - {name: B, value: " + build + "}\n"
	}
	longest := strings.Repeat("x", MaxVariableBytes-len("CERTS="))
	if ps := validate(checkout(t, map[string]string{file: project(longest, "x")})); len(ps) > 0 {
		t.Errorf("the longest one is refused: %v", ps)
	}
	for name, tt := range map[string]struct{ env, build, want string }{
		"of the app":   {longest + "x", "x", file + `:9:28: the variable "CERTS" takes 131072 bytes with its name`},
		"of the build": {"x", longest + "xxxxx", file + `:12:26: the variable "B" takes 131072 bytes with its name`},
	} {
		ps := validate(checkout(t, map[string]string{file: project(tt.env, tt.build)}))
		if len(ps) != 1 || !strings.HasPrefix(fmt.Sprint(ps[0]), tt.want) || strings.Contains(fmt.Sprint(ps[0]), "xxx") {
			t.Errorf("%s: %.300v, want %s", name, ps, tt.want)
		}
	}
}
