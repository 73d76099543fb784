package detect

import "github.com/plateform/plateform/manifest/frameworks"

// framework recognizes what is neither Go nor a Dockerfile, and says why; empty when nothing tells. Frameworks stand
// before languages, and package.json comes late: many apps of other languages have one for their assets.
func (t tree) framework() (framework, reason string) {
	for _, look := range []func() (string, string){
		t.php, t.ruby, t.django, t.java, t.dotnet, t.rust, t.python, t.node, t.static,
	} {
		if framework, reason = look(); framework != "" {
			return framework, reason
		}
	}
	return "", ""
}

func (t tree) static() (framework, reason string) {
	if t.exists("index.html") {
		return frameworks.Static, "there is an index.html"
	}
	return "", ""
}
