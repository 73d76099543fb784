package blame

import (
	"errors"
	"strings"
	"testing"
)

// verdict is whose fault a failure is taken for.
const (
	ofSource = "source"
	outside  = "outside"
	inDoubt  = "in doubt"
)

func verdictOf(err error) string {
	var t *Trouble
	switch {
	case !errors.As(err, &t):
		return ofSource
	case t.Doubtful:
		return inDoubt
	}
	return outside
}

// What the tools said, word for word where that is not too long, and whose fault it is.
func TestWhoseFaultIsIt(t *testing.T) {
	const exit1 = "exit status 1"
	tests := []struct {
		name string
		tool string
		said string
		err  string
		want string
		// tells is part of what people are told.
		tells string
	}{
		// go
		{"compile error", "go", "# example.com/app\n./main.go:3:15: undefined: undefined", exit1, ofSource, "undefined: undefined"},
		{"compile error that quotes trouble", "go", "# example.com/app\n./main.go:7:10: cannot use \"no space left on device\" (untyped string constant) as int value in assignment", exit1, ofSource, "main.go:7"},
		{"compile error in go.mod", "go", "go: errors parsing go.mod:\ngo.mod:3: unknown directive: requier", exit1, ofSource, "go.mod"},
		{"proxy refuses the connection", "go", "go: downloading example.com/nowhere v1.0.0\nmain.go:3:8: example.com/nowhere@v1.0.0: Get \"http://127.0.0.1:1/example.com/nowhere/@v/v1.0.0.zip\": dial tcp 127.0.0.1:1: connect: connection refused", exit1, outside, "127.0.0.1:1: connection refused"},
		{"proxy says 503", "go", "go: example.com/x@v1.0.0: reading https://proxy.example.com/example.com/x/@v/v1.0.0.mod: 503 Service Unavailable", exit1, outside, "proxy.example.com"},
		{"proxy says 502", "go", "go: example.com/x@v1.0.0: reading https://proxy.example.com/example.com/x/@v/v1.0.0.mod: 502 Bad Gateway", exit1, outside, "in trouble"},
		{"proxy says 429", "go", "go: example.com/x@v1.0.0: reading https://proxy.example.com/example.com/x/@v/v1.0.0.mod: 429 Too Many Requests", exit1, outside, "limits"},
		{"proxy says 401", "go", "go: example.com/x@v1.0.0: reading https://proxy.example.com/example.com/x/@v/v1.0.0.mod: 401 Unauthorized", exit1, outside, "credentials"},
		{"proxy says 403", "go", "go: example.com/x@v1.0.0: reading https://proxy.example.com/example.com/x/@v/v1.0.0.mod: 403 Forbidden", exit1, inDoubt, "refuses"},
		{"proxy says 404", "go", "main.go:3:8: example.com/nowhere@v1.0.0: reading http://127.0.0.1:8999/example.com/nowhere/@v/v1.0.0.zip: 404 File not found", exit1, ofSource, "check its name and version"},
		{"proxy says 404 and quotes its own lookup", "go", "go: example.invalid/x@v1.0.0: reading https://proxy.golang.org/example.invalid/x/@v/v1.0.0.mod: 404 Not Found\n\tserver response: not found: example.invalid/x@v1.0.0: unrecognized import path \"example.invalid/x\": https fetch: Get \"https://example.invalid/x?go-get=1\": dial tcp: lookup example.invalid on 8.8.8.8:53: no such host", exit1, ofSource, "check its name and version"},
		{"proxy says 410", "go", "go: example.com/x@v1.0.0: reading https://proxy.golang.org/example.com/x/@v/v1.0.0.info: 410 Gone", exit1, ofSource, "410"},
		{"private module", "go", "go: github.com/acme/secret@v1.0.0: invalid version: git ls-remote -q origin in /tmp/x: exit status 128:\n\tfatal: could not read Username for 'https://github.com': terminal prompts disabled", exit1, ofSource, "private one has to be vendored"},
		{"host of a module without an address", "go", "main.go:3:8: unrecognized import path \"example.com/nowhere\": https fetch: Get \"https://example.com/nowhere?go-get=1\": dial tcp: lookup example.com on 10.255.255.53:53: no such host", exit1, inDoubt, "no address"},
		{"name servers that do not answer", "go", "go: example.com/x@v1.0.0: Get \"https://proxy.golang.org/example.com/x/@v/v1.0.0.mod\": dial tcp: lookup proxy.golang.org on 10.0.0.1:53: read udp 10.0.0.2:39311->10.0.0.1:53: i/o timeout", exit1, outside, "proxy.golang.org: i/o timeout"},
		{"certificate", "go", "go: example.com/x@v1.0.0: Get \"https://proxy.example.com/x\": tls: failed to verify certificate: x509: certificate signed by unknown authority", exit1, outside, "does not trust"},
		{"no room for the linker", "go", "# example.com/app\n/usr/local/go/pkg/tool/linux_amd64/link: mapping output file failed: no space left on device", exit1, outside, "no room"},
		{"no room for the work", "go", "go: creating work dir: mkdir /data/tmp/go-build42: no space left on device", exit1, outside, "no room"},
		{"quota", "go", "go: creating work dir: mkdir /data/tmp/go-build42: disk quota exceeded", exit1, outside, "no room"},
		{"read-only", "go", "go: failed to initialize build cache at /root/.cache/go-build: mkdir /root/.cache: read-only file system", exit1, outside, "cannot write"},
		{"caches of somebody else", "go", "go: could not create module cache: mkdir /srv/go/pkg: permission denied", exit1, outside, "may not use"},
		{"compiler killed", "go", "example.com/app: /usr/local/go/pkg/tool/linux_amd64/compile: signal: killed", exit1, inDoubt, "memory"},
		{"go killed", "go", "", "signal: killed", inDoubt, "memory"},
		{"no git", "go", "go: example.com/x@v1.0.0: git init --bare in /c: exec: \"git\": executable file not found in $PATH", exit1, outside, "not on this machine"},
		{"newer Go", "go", "go: go.mod requires go >= 1.99 (running go 1.26.8; GOTOOLCHAIN=local)", exit1, ofSource, "lower the go line"},
		{"go.sum", "go", "main.go:3:8: missing go.sum entry for module providing package example.com/x (imported by example.com/app); to add:\n\tgo get example.com/app", exit1, ofSource, "go mod tidy"},
		// buildah and podman
		{"short name", "buildah", "STEP 1/2: FROM golang:1-alpine\nError: creating build container: short-name \"golang:1-alpine\" did not resolve to an alias and no unqualified-search registries are defined in \"/etc/containers/registries.conf\"", "exit status 125", outside, "docker.io/library/golang"},
		{"registry refuses the connection", "buildah", "Trying to pull 127.0.0.1:1/x:1...\nError: creating build container: initializing source docker://127.0.0.1:1/x:1: pinging container registry 127.0.0.1:1: Get \"https://127.0.0.1:1/v2/\": dial tcp 127.0.0.1:1: connect: connection refused", "exit status 125", outside, "cannot be reached"},
		{"an image of Docker Hub, whose name has no host", "buildah", "Error: creating build container: initializing source docker://acme/x:1: pinging container registry registry-1.docker.io: Get \"https://registry-1.docker.io/v2/\": dial tcp: lookup registry-1.docker.io on 10.0.0.1:53: no such host", "exit status 125", inDoubt, "no address: registry-1.docker.io: no such host"},
		{"no such image", "buildah", "Error: creating build container: initializing source docker://quay.io/acme/none:1: reading manifest 1 in quay.io/acme/none: manifest unknown", "exit status 125", ofSource, "check its name"},
		{"no such image, or private", "buildah", "Error: creating build container: initializing source docker://acme/none:latest: reading manifest latest in docker.io/acme/none: errors:\ndenied: requested access to the resource is denied\nunauthorized: authentication required", "exit status 125", inDoubt, "when it is private"},
		{"wrong password", "podman", "Error: creating build container: initializing source docker://r.example.com/x:1: unable to retrieve auth token: invalid username/password: unauthorized: incorrect username or password", "exit status 125", outside, "credentials"},
		{"pull limit", "buildah", "Error: creating build container: reading manifest 3 in docker.io/library/alpine: toomanyrequests: You have reached your unauthenticated pull rate limit.", "exit status 125", outside, "limits"},
		{"plain http", "buildah", "Error: creating build container: pinging container registry r:5000: Get \"https://r:5000/v2/\": http: server gave HTTP response to HTTPS client", "exit status 125", outside, "does not trust"},
		{"a mirror without it, and a registry out of reach", "buildah", "Error: creating build container: initializing source docker://acme/x:1: (Mirrors also failed: [mirror.example.com/hub/acme/x:1: reading manifest 1 in mirror.example.com/hub/acme/x: name unknown: not found]): docker.io/acme/x:1: pinging container registry registry-1.docker.io: Get \"https://registry-1.docker.io/v2/\": dial tcp 1.2.3.4:443: i/o timeout", "exit status 125", outside, "cannot be reached"},
		{"a mirror out of reach, and a registry without it", "buildah", "Error: creating build container: initializing source docker://acme/x:1: (Mirrors also failed: [mirror.example.com/hub/acme/x:1: pinging container registry mirror.example.com: dial tcp 1.2.3.4:443: i/o timeout]): docker.io/acme/x:1: reading manifest 1 in docker.io/acme/x: manifest unknown", "exit status 125", ofSource, "check its name"},
		{"no subordinate users", "podman", "Error: copying system image from manifest list: writing blob: adding layer with blob \"sha256:1\": ApplyLayer exit status 1: potentially insufficient UIDs or GIDs available in user namespace (requested 0:42 for /etc/gshadow): Check /etc/subuid and /etc/subgid: lchown /etc/gshadow: invalid argument", "exit status 125", outside, "not set up"},
		{"no storage driver", "buildah", "Error: configure storage: kernel does not support overlay fs: 'overlay' is not supported over extfs: driver not supported", "exit status 125", outside, "not set up"},
		{"a file that is not there", "buildah", "STEP 2/2: COPY nothere /\nError: building at STEP \"COPY nothere /\": checking on sources under \"/d\": copier: stat: \"/nothere\": no such file or directory", "exit status 125", ofSource, "nothere"},
		{"a command that fails", "buildah", "STEP 2/2: RUN echo connection refused; false\nError: building at STEP \"RUN echo connection refused; false\": while running runtime: exit status 1", exit1, ofSource, "does not build"},
		{"a file called after a status", "buildah", "STEP 2/3: COPY 503.html /\nSTEP 3/3: RUN make\nmake: *** No targets.  Stop.\nError: building at STEP \"RUN make\": while running runtime: exit status 2", exit1, ofSource, "does not build"},
		{"a number that is no status", "buildah", "added 503 packages in 4s\nsrc/app.ts(3,1): error TS1005: ';' expected.\nError: building at STEP \"RUN npm run build\": while running runtime: exit status 2", exit1, ofSource, "does not build"},
		{"npm without a network", "buildah", "npm error code EAI_AGAIN\nnpm error syscall getaddrinfo\nnpm error errno EAI_AGAIN\nnpm error request to https://registry.npmjs.org/left-pad failed, reason: getaddrinfo EAI_AGAIN registry.npmjs.org\nError: building at STEP \"RUN npm ci\": while running runtime: exit status 1", exit1, inDoubt, "look up names"},
		{"npm and a registry that is down", "buildah", "npm error code ECONNREFUSED\nnpm error errno ECONNREFUSED\nnpm error FetchError: request to http://127.0.0.1:1/left-pad failed, reason: connect ECONNREFUSED 127.0.0.1:1\nError: building at STEP \"RUN npm ci\": while running runtime: exit status 1", exit1, inDoubt, "cannot be reached"},
		{"npm and a package that is none", "buildah", "npm error code E404\nnpm error 404 Not Found - GET https://registry.npmjs.org/left-padd - Not found\nError: building at STEP \"RUN npm ci\": while running runtime: exit status 1", exit1, ofSource, "name and version"},
		{"npm and no such version", "buildah", "npm error code ETARGET\nnpm error notarget No matching version found for left-pad@99.\nError: building at STEP \"RUN npm ci\": while running runtime: exit status 1", exit1, ofSource, "name and version"},
		{"npm and no room", "buildah", "npm error code ENOSPC\nnpm error nospc ENOSPC: no space left on device, write\nError: building at STEP \"RUN npm ci\": while running runtime: exit status 228", exit1, inDoubt, "no room"},
		{"maven without a network", "docker", "[ERROR] Failed to execute goal: Could not transfer artifact org.x:y:pom:1 from/to central (https://repo.maven.apache.org/maven2): Connection refused\nThe command '/bin/sh -c mvn package' returned a non-zero code: 1", exit1, inDoubt, "repo.maven.apache.org: Connection refused"},
		{"maven and an artifact that is none", "docker", "[ERROR] Could not find artifact org.x:y:jar:99 in central (https://repo.maven.apache.org/maven2)\nThe command '/bin/sh -c mvn package' returned a non-zero code: 1", exit1, ofSource, "name and version"},
		{"maven and Java", "docker", "[ERROR] /src/App.java:[3,5] cannot find symbol\nThe command '/bin/sh -c mvn package' returned a non-zero code: 1", exit1, ofSource, "does not build"},
		{"pip without a network", "docker", "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError: Failed to establish a new connection: [Errno 111] Connection refused': /simple/flask/\nERROR: Could not find a version that satisfies the requirement flask\nThe command '/bin/sh -c pip install flask' returned a non-zero code: 1", exit1, inDoubt, "cannot be reached"},
		{"a command that was killed", "docker", "The command '/bin/sh -c make' returned a non-zero code: 137", exit1, inDoubt, "memory"},
		// docker and buildkit
		{"no daemon", "docker", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?", exit1, outside, "reach its daemon"},
		{"buildkit pulls what is not there", "docker", "ERROR: failed to solve: docker.io/library/golangg:1: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed", exit1, ofSource, "check the image's name"},
		{"buildkit without a network", "docker", "ERROR: failed to solve: golang:1: failed to resolve source metadata for docker.io/library/golang:1: dial tcp: lookup registry-1.docker.io: Temporary failure in name resolution", exit1, outside, "look up names"},
		{"buildkit and a registry in trouble", "docker", "ERROR: failed to solve: golang:1: unexpected status from HEAD request to https://registry-1.docker.io/v2/library/golang/manifests/1: 503 Service Unavailable", exit1, outside, "in trouble"},
		{"buildkit without room", "docker", "ERROR: failed to solve: failed to copy: write /var/lib/docker/tmp/x: no space left on device", exit1, outside, "no room"},
		{"buildkit and a command that fails", "docker", "#9 [2/2] RUN curl http://x: connection refused\nERROR: failed to solve: process \"/bin/sh -c make\" did not complete successfully: exit code: 2", exit1, ofSource, "does not build"},
		{"a Dockerfile with a typo", "docker", "ERROR: failed to solve: dockerfile parse error on line 2: unknown instruction: COPPY (did you mean COPY?)", exit1, ofSource, "COPPY"},
	}
	for _, tt := range tests {
		t.Run(tt.tool+"/"+tt.name, func(t *testing.T) {
			lines := strings.Split(tt.said, "\n")
			blame := Tool
			if tt.tool == "go" {
				blame = Go
			}
			err := blame("it does not build", lines[len(lines)-1], lines, errors.New(tt.err))
			if got := verdictOf(err); got != tt.want {
				t.Fatalf("it is %s, want %s: %v", got, tt.want, err)
			}
			if !strings.Contains(err.Error(), tt.tells) {
				t.Errorf("people are told %q, want %q in it", err, tt.tells)
			}
			if tt.want == ofSource {
				return
			}
			told := err.Error()
			for _, line := range strings.Split(tt.said, "\n") {
				if len(line) > 40 && strings.Contains(told, line) {
					t.Errorf("a line of the log is told: %q", told)
				}
			}
			if strings.Contains(told, "mend the source") {
				t.Errorf("the advice is to mend the source: %q", told)
			}
		})
	}
}

// An error of our own steps is the machine's, unless it is said to be the source's.
func TestErrorsOfOurOwnSteps(t *testing.T) {
	tests := []struct {
		err  error
		want string
	}{
		{errors.New("preparing the build: mkdir /data/work/1: no space left on device"), outside},
		{errors.New("preparing the compile: mkdir /data/work/1: read-only file system"), outside},
		{errors.New("watching over a build: fork/exec /bin/sh: resource temporarily unavailable"), outside},
		{errors.New("watching over a build: fork/exec /bin/sh: cannot allocate memory"), outside},
		{errors.New("something that nobody has thought of"), inDoubt},
		{&Trouble{What: "the image cannot be pushed", Err: errors.New("403 Forbidden")}, outside},
		{&Fault{What: "reading Dockerfile", Err: errors.New("no space left on device")}, ofSource},
	}
	for _, tt := range tests {
		trouble, found := Of(tt.err)
		got := ofSource
		if found {
			got = verdictOf(trouble)
		}
		if got != tt.want {
			t.Errorf("%v is %s, want %s", tt.err, got, tt.want)
		}
	}
}

// answered is an error of a registry that says whether it goes away.
type answered struct {
	text      string
	temporary bool
}

func (a answered) Error() string   { return a.text }
func (a answered) Temporary() bool { return a.temporary }

func TestAnImageThatCannotBePushed(t *testing.T) {
	for err, lasting := range map[error]bool{
		answered{"registry r: pushing: 500 Internal Server Error", true}:                          false,
		answered{"registry r: pushing: 429 Too Many Requests", true}:                              false,
		answered{"registry r: pushing: 401 Unauthorized", false}:                                  false,
		answered{"registry r: pushing: x509: certificate signed by unknown authority", false}:     false,
		answered{"registry r: pushing: 403 Forbidden: DENIED closed for maintenance", false}:      true,
		answered{"registry r: checking: it has digest sha256:1, but sha256:2 was written", false}: true,
		answered{"registry r: pushing: 413 Request Entity Too Large", false}:                      true,
		errors.New("connection reset by peer"):                                                    false,
	} {
		if got := Push(err); got.Lasting != lasting || got.Doubtful {
			t.Errorf("%v is %+v, want lasting %t", err, got, lasting)
		}
	}
}
