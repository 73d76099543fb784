package blame

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

// sign is something that tools say from which one can tell whose fault it is that a build failed.
type sign struct {
	pattern *regexp.Regexp
	// source says that it is the source's fault; else it is the machine's, the network's or a service's.
	source bool
	// doubtful says that it may be either.
	doubtful bool
	// what is wrong, and the fix. A source's fault without a what is told in the tool's own words.
	what string
	fix  string
}

// expression ignores case: tools do not agree on it.
func expression(alternatives ...string) *regexp.Regexp {
	return regexp.MustCompile("(?i)" + strings.Join(alternatives, "|"))
}

// answer is a status of HTTP as tools write it, which is no mere number: with a word before it, or with its name behind it.
func answer(code, name string) string {
	return `(?:status(?: code)?|http(?:/[\d.]+)?|error|err!|returned|response|code|received)\W{0,3}(?:` + code + `)\b|\b(?:` + code + `)\W{1,2}(?:` + name + `)`
}

// signs of whose fault it is. The first that fits a line counts for it, so those that say more stand first.
func signs() []sign {
	return slices.Concat(sourceSigns(), serviceSigns(), machineSigns())
}

// sourceSigns are of what only the source can mend, also where the line has words of a network in it.
func sourceSigns() []sign {
	return []sign{
		{pattern: expression(`requires go >= `), source: true,
			fix: "lower the go line in go.mod, or ask who runs this machine for a newer Go"},
		{pattern: expression(`missing go\.sum entry`, `updates to go\.(mod|sum) needed`), source: true,
			fix: "run go mod tidy, commit go.mod and go.sum, and push"},
		{pattern: expression(`could not read Username`, `terminal prompts disabled`), source: true,
			fix: "check the name of the module; a private one has to be vendored, or come from a GOPROXY that has it: ask who runs this machine"},
		{pattern: expression(`pull access denied`, `requested access to the resource is denied`, `may require authorization`), source: true,
			fix: "check the image's name in the Dockerfile; when it is private, ask who runs this machine for access"},
		{pattern: expression(answer("404", "not found|file not found"), answer("410", "gone"), `\bE404\b`, `\bETARGET\b`, `manifest unknown`, `name unknown`, `could not find artifact`,
			`no matching distribution found`, `no matching manifest`, `image not known`), source: true,
			fix: "check its name and version in the source, and push"},
		// What a proxy quotes of somebody else's server belongs to the answer before it.
		{pattern: expression(`^server response: `), source: true},
	}
}

// serviceSigns are of a server that refuses or is in trouble, and of a network that does not lead to it.
func serviceSigns() []sign {
	return []sign{
		{pattern: expression(answer("429", "too many"), `too many requests`, `toomanyrequests`, `pull rate limit`, `rate limit (exceeded|reached)`),
			what: "a server limits how often it is asked", fix: "it goes on by itself; credentials or a mirror raise the limit"},
		{pattern: expression(answer("401", "unauthorized"), answer("407", "proxy auth"), `\bE401\b`, `incorrect username or password`, `invalid username/password`,
			`unable to retrieve auth token`),
			what: "a server does not accept this machine's credentials", fix: "whoever runs this machine checks them"},
		{pattern: expression(`unauthorized: `, `authentication required`, `no basic auth credentials`), doubtful: true,
			what: "a registry does not give an image to this machine", fix: "check the image's name in the Dockerfile; when it is private, ask who runs this machine for access"},
		{pattern: expression(answer("403", "forbidden"), `\bE403\b`), doubtful: true,
			what: "a server refuses this machine", fix: "whoever runs this machine checks its rights there"},
		{pattern: expression(answer("50[0234]", "internal|bad gateway|service|gateway|server error"), `\bE50[0234]\b`),
			what: "a server that the build needs is in trouble", fix: "it goes on by itself when the server is well"},
		{pattern: expression(`x509: `, `\btls: (failed|handshake|bad|unknown|protocol|first record)`, `certificate signed by unknown`, `certificate has expired`, `SELF_SIGNED_CERT`, `CERT_HAS_EXPIRED`,
			`UNABLE_TO_(GET|VERIFY)_`, `CERTIFICATE_VERIFY_FAILED`, `certificate verify failed`, `certificate verification failed`, `PKIX path`, `SSLHandshakeException`,
			`server gave HTTP response to HTTPS client`),
			what: "the machine that builds does not trust a server that the build needs", fix: "whoever runs this machine checks its certificates and clock"},
		{pattern: expression(`no such host`, `\bENOTFOUND\b`, `name or service not known`, `unknown ?host`, `nodename nor servname`), doubtful: true,
			what: "a server that the build needs has no address", fix: "check its name, and the name servers of the machine that builds"},
		{pattern: expression(`could not resolve`, `temporary failure (in name resolution|resolving)`, `\bEAI_AGAIN\b`, `getaddrinfo`, `server misbehaving`,
			`NameResolutionError`, `bad address '`),
			what: "the machine that builds cannot look up names", fix: "whoever runs this machine checks its name servers"},
		{pattern: expression(`connection refused`, `connection reset`, `connection timed out`, `connect timed out`, `read timed out`, `operation timed out`,
			`i/o timeout`, `handshake timeout`, `client\.timeout`, `context deadline exceeded`, `network is unreachable`, `network unreachable`, `no route to host`,
			`\bE(CONN(REFUSED|RESET|ABORTED)|TIMEDOUT|SOCKETTIMEDOUT|NETUNREACH|HOSTUNREACH)\b`, `socket hang up`, `connection aborted`,
			`failed to establish a new connection`, `proxyconnect`, `could(n't| not) connect to`, `failed to connect to .* port`, `unexpected EOF`),
			what: "a server that the build needs cannot be reached", fix: "it goes on by itself when the network is well"},
	}
}

// machineSigns are of a machine that lacks something.
func machineSigns() []sign {
	return []sign{
		{pattern: expression(`no space left on device`, `\bENOSPC\b`, `disk quota exceeded`, `\bEDQUOT\b`, `not enough (free |disk )*space`),
			what: "the machine that builds has no room on its disk", fix: "whoever runs it makes room"},
		{pattern: expression(`read-only file system`, `\bEROFS\b`),
			what: "the machine that builds cannot write to its disk", fix: "whoever runs it checks the file system"},
		{pattern: expression(`cannot allocate memory`, `\bENOMEM\b`, `out of memory: killed`, `\boom-?killed\b`, `signal: killed`, `exit (code|status):? 137\b`,
			`non-zero code: 137\b`, `^killed$`), doubtful: true,
			what: "the build was killed, as happens where memory is short", fix: "whoever runs the machine that builds gives it more, or the build needs less"},
		{pattern: expression(`too many open files`, `\bE[MN]FILE\b`, `resource temporarily unavailable`, `input/output error`),
			what: "the machine that builds is at its limits", fix: "whoever runs it looks at its processes, files and disks"},
		{pattern: expression(`did not resolve to an alias`, `no unqualified-search registries`, `short-name resolution`),
			what: "the container tool has no default registry",
			fix:  "whoever runs the machine that builds sets unqualified-search-registries in registries.conf; or write the image's full name in the Dockerfile, such as docker.io/library/golang"},
		{pattern: expression(`docker daemon`, `docker api at`, `docker\.sock`, `buildkitd`, `error during connect`, `podman socket`),
			what: "the container tool does not reach its daemon", fix: "whoever runs the machine that builds starts it and gives access"},
		{pattern: expression(`storage[- ]driver`, `graph ?driver`, `driver not supported`, `storage\.conf`, `registries\.conf`, `policy\.json`, `newuidmap`, `newgidmap`,
			`/etc/sub[ug]id`, `\bsubuids?\b`, `\bsubgids?\b`, `(insufficient|not enough) (uids|ids)`, `enough IDs available`, `unshare\(`, `error (creating|mounting) .*overlay`,
			`permission denied.*(/containers/storage|xdg_runtime_dir|/run/user)`, `no supported (runtime|builder)`, `default oci runtime`),
			what: "the container tool is not set up", fix: "whoever runs the machine that builds sets up its storage and users; plateform doctor tells what is found"},
	}
}

// ofTool are signs that count in the output of the go command alone: in a container they are of what the source says.
func ofTool() []sign {
	return []sign{
		{pattern: expression(`executable file not found in`),
			what: "a program that the build needs is not on this machine", fix: "whoever runs it installs it"},
		{pattern: expression(`permission denied`),
			what: "the build may not use a file of this machine", fix: "whoever runs it checks who owns its caches and folders"},
	}
}

var (
	// position begins a line in which the Go compiler complains about a file; with a module and its version behind it, the
	// line is about getting that module.
	position = regexp.MustCompile(`^\S+\.(go|s|mod|work):\d+(:\d+)?: `)
	ofModule = regexp.MustCompile(`^\S+\.go:\d+(:\d+)?: (\S+@v\d\S*: |unrecognized import path )`)
	// ranCommand is how container tools say that a command of the Dockerfile has failed: what it said is the source's word.
	ranCommand = regexp.MustCompile(`while running runtime: |building at STEP "RUN |did not complete successfully: |returned a non-zero code: `)
	// quotesSource begins a line in which a container tool repeats the Dockerfile.
	quotesSource = regexp.MustCompile(`(?i)^(step \d+|#\d+ \[|=> |> \[|\d+ \| |>>> )`)
	// ofMirrors is what mirrors of a registry said before it was asked itself: that they do not have an image says nothing of it.
	ofMirrors = regexp.MustCompile(`\(Mirrors also failed: \[.*\]\): `)
	killed    = regexp.MustCompile(`(exit (code|status):? |non-zero code: )137$|signal: killed$`)
	// addresses are whom a line is about: who was looked up, a URL, who was dialled, or at last the image, whose name begins with
	// a host only where it is not of Docker Hub. The first that is in the line counts.
	addresses = []*regexp.Regexp{
		regexp.MustCompile(`\blookup ([^\s:]+)`),
		regexp.MustCompile(`\bhttps?://([^/\s"'\\]+)`),
		regexp.MustCompile(`\bdial tcp (\S+?):? `),
		regexp.MustCompile(`\bdocker://([^/\s"'\\]+)`),
		regexp.MustCompile(`short-name "([^"]+)"`),
	}
)

// seen is a sign in a line.
type seen struct {
	sign
	line string
}

// trouble that a sign is of. Not the line is told, which may hold anything, but what in it is the sign, and whom it names.
func (s seen) trouble() *Trouble {
	said := s.pattern.FindString(s.line)
	for _, address := range addresses {
		if m := address.FindStringSubmatch(s.line); m != nil {
			said = m[1] + ": " + said
			break
		}
	}
	return &Trouble{What: s.what, Fix: s.fix, Err: errors.New(strings.TrimSpace(said)), Doubtful: s.doubtful}
}

// last is the last sign in what a tool said; nil when there is none. Behind trouble that a tool overcame there often is
// another sign.
func last(lines []string, all []sign) *seen {
	for _, line := range slices.Backward(lines) {
		line = ofMirrors.ReplaceAllString(strings.TrimSpace(line), "")
		for _, s := range all {
			if s.pattern.MatchString(line) {
				return &seen{s, line}
			}
		}
	}
	return nil
}

// troubleIn is the trouble of this machine, of the network or of a service that lines tell of; nil when they tell of none.
func troubleIn(lines []string, all []sign) *Trouble {
	if s := last(lines, all); s != nil && !s.source {
		return s.trouble()
	}
	return nil
}

// Go says whose fault it is that the go command failed. what did not work, telling is the line that says most about it, and
// lines are the last that it said.
func Go(what, telling string, lines []string, err error) error {
	lines = append(slices.Clone(lines), err.Error())
	fault := &Fault{What: what + ": " + telling}
	if slices.ContainsFunc(lines, func(line string) bool { return position.MatchString(line) && !ofModule.MatchString(line) }) {
		return withFix(fault, lines) // it came as far as reading the source
	}
	if trouble := troubleIn(lines, slices.Concat(signs(), ofTool())); trouble != nil {
		return trouble
	}
	return withFix(fault, lines)
}

// Tool says whose fault it is that a container tool failed. A command of the Dockerfile can say anything, so what it says
// about the network is in doubt.
func Tool(what, telling string, lines []string, err error) error {
	fault := &Fault{What: what + ": " + telling}
	lines = append(slices.Clone(lines), err.Error())
	ran := slices.ContainsFunc(lines, ranCommand.MatchString)
	lines = slices.DeleteFunc(lines, func(line string) bool {
		return quotesSource.MatchString(line) || ranCommand.MatchString(line) && !killed.MatchString(line)
	})
	trouble := troubleIn(lines, signs())
	if trouble == nil {
		return withFix(fault, lines)
	}
	trouble.Doubtful = trouble.Doubtful || ran
	return trouble
}

// Push says what is to become of an image that cannot be pushed, in which the source has no say. The error may tell by a
// method Temporary whether it goes away by itself; one that does not is lasting, unless it is the machine's own.
func Push(err error) *Trouble {
	trouble := &Trouble{What: "the image cannot be pushed", Err: err}
	var classified interface{ Temporary() bool }
	if errors.As(err, &classified) && !classified.Temporary() {
		known := troubleIn([]string{err.Error()}, signs())
		trouble.Lasting = known == nil || known.Doubtful
	}
	return trouble
}

// withFix gives a fault the fix that the lines suggest.
func withFix(f *Fault, lines []string) *Fault {
	withFixes := slices.DeleteFunc(sourceSigns(), func(s sign) bool { return s.fix == "" })
	if s := last(lines, withFixes); s != nil {
		f.Fix = s.fix
	}
	return f
}
