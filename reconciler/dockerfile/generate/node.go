package generate

import (
	"path"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest/frameworks"
	"github.com/plateform/plateform/reconciler/detect"
)

// nodeFile is the Dockerfile of an app of Node.
type nodeFile struct{ *file }

// node writes an app of Node: a server, or a site that is built.
func (f nodeFile) node() {
	app := f.app
	slim := hub + "node:" + app.Version + "-" + release + "-slim"
	f.from(hub+"node:"+app.Version+"-"+release, "build")
	f.begin("/src")
	f.packages(app)
	f.all(".", ".")
	if len(app.Manifests) == 0 {
		f.run(install(app)...)
	}
	f.enter("/src")
	f.buildNode(app)
	switch {
	case app.IsSite():
		f.site("/src")
		return
	case f.detection.Framework == frameworks.Next && app.Output != "":
		f.standalone(slim)
		return
	case f.detection.Framework == frameworks.Nuxt:
		f.from(slim, "")
		f.line("WORKDIR /app")
		f.line("COPY --from=build %s ./", path.Join(f.folder("/src"), app.Output))
	default:
		f.run(prune(app)...)
		f.from(slim, "")
		if app.Tool == "bun" { // which may be what starts it
			f.tool(app)
		}
		f.line("WORKDIR /app")
		f.line("COPY --from=build /src ./")
		f.enter("/app")
	}
	f.line("ENV NODE_ENV=production HOST=0.0.0.0")
	f.last("bash", app.Start)
}

// standalone is what Next.js leaves of a server and all that it needs.
func (f nodeFile) standalone(image string) {
	in := path.Join(f.app.Output, "standalone")
	app := path.Join(in, f.app.Folder)
	f.run("mkdir -p public "+path.Join(app, f.app.Output), "cp -r public "+app+"/", "cp -r "+f.app.Output+"/static "+path.Join(app, f.app.Output)+"/")
	f.from(image, "")
	f.line("WORKDIR /app")
	f.line("COPY --from=build %s ./", path.Join(f.folder("/src"), in))
	f.line("ENV NODE_ENV=production HOSTNAME=0.0.0.0")
	f.last("bash", f.app.Start)
}

// packages installs what an app of Node needs, from its manifests alone.
func (f nodeFile) packages(app detect.App) {
	f.tool(app)
	if app.Tool == "yarn" && !strings.HasPrefix(app.ToolVersion, "1.") {
		// Without a node_modules only yarn could start the app.
		f.line("ENV YARN_NODE_LINKER=node-modules YARN_ENABLE_GLOBAL_CACHE=false")
	}
	if len(app.Manifests) > 0 {
		f.manifests(app)
		f.run(install(app)...)
	}
}

// tool brings the tool that installs packages. An image may have another version of it.
func (f *file) tool(app detect.App) {
	name := app.Tool
	switch {
	case app.ToolVersion == "": // the one of the image
		return
	case name == "bun":
		image := "docker.io/oven/bun:" + app.ToolVersion
		f.uses(image)
		f.line("COPY --from=%s /usr/local/bin/bun /usr/local/bin/", image)
		return
	case name == "yarn" && !strings.HasPrefix(app.ToolVersion, "1."):
		name = "@yarnpkg/cli-dist"
	}
	f.run("npm install --global --force " + name + "@" + app.ToolVersion)
}

// isLocked says that a lockfile is among the manifests. Where everything is copied first it is not known, and the tools that
// would refuse to do without get by.
func isLocked(app detect.App) bool {
	return slices.ContainsFunc(app.Manifests, func(name string) bool {
		return slices.Contains([]string{"package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb"}, name)
	})
}

// install are the commands that install packages as the lockfile says.
func install(app detect.App) []string {
	locked := isLocked(app)
	switch {
	case app.Tool == "npm" && locked:
		return []string{"npm ci"}
	case app.Tool == "npm":
		return []string{"if [ -f package-lock.json ] || [ -f npm-shrinkwrap.json ]; then npm ci; else npm install; fi"}
	case app.Tool == "pnpm":
		return []string{"pnpm install --frozen-lockfile"}
	case app.Tool == "yarn" && !strings.HasPrefix(app.ToolVersion, "1."):
		return []string{"yarn install --immutable"}
	case app.Tool == "yarn":
		return []string{"yarn install --frozen-lockfile"}
	}
	return []string{"bun install --frozen-lockfile"}
}

// buildNode runs the script that builds. In a workspace the packages that the app needs are built before it, where a tool can tell.
func (f nodeFile) buildNode(app detect.App) {
	switch {
	case app.Build == "":
	case strings.HasPrefix(app.Build, "turbo "):
		f.run("cd /src", "npx "+app.Build+" --filter=./"+app.Folder)
	case app.Build != "build":
		f.run("npx " + app.Build)
	case app.Tool == "pnpm" && app.Folder != ".":
		f.run("cd /src", "pnpm --filter '{./"+app.Folder+"}...' run build")
	default:
		f.run(app.Tool + " run build")
	}
}

// prune are the commands that remove what only the build needed, where a tool can do that.
func prune(app detect.App) []string {
	inWorkspace := app.Folder != "." || slices.ContainsFunc(app.Manifests, func(name string) bool { return path.Base(name) == "package.json" && name != "package.json" })
	switch {
	case inWorkspace:
	case app.Tool == "npm":
		return []string{"npm prune --omit=dev --ignore-scripts"}
	case app.Tool == "pnpm" && len(app.Manifests) > 0:
		return []string{"CI=true pnpm prune --prod --ignore-scripts"}
	case app.Tool == "yarn" && strings.HasPrefix(app.ToolVersion, "1."):
		return []string{"yarn install --production --frozen-lockfile --ignore-scripts --prefer-offline"}
	}
	return nil
}

// nodeTools brings Node into the stage of another language, for what browsers get.
func (f *file) nodeTools(version string) {
	image := hub + "node:" + version + "-" + release + "-slim"
	f.uses(image)
	f.line("COPY --from=%s /usr/local/bin/node /usr/local/bin/", image)
	f.line("COPY --from=%s /usr/local/lib/node_modules /usr/local/lib/node_modules", image)
	f.run("ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm", "ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx")
}

// nginx serves files without rights, at the port that it is told.
const nginx = "docker.io/nginxinc/nginx-unprivileged:1.28-alpine"

// static writes a site of files as they are.
func (f *file) static() {
	f.from(nginx, "files")
	f.line("USER 0:0")
	f.line("WORKDIR /site")
	f.all(path.Join(f.app.Folder, f.app.Output), ".")
	f.serve("COPY --from=files /site /usr/share/nginx/html/")
}

// site writes the stage that serves what was built.
func (f *file) site(root string) {
	f.serve("COPY --from=build " + path.Join(f.folder(root), f.app.Output) + " /usr/share/nginx/html/")
}

// serve writes the stage that serves files. An app of one page answers for all paths; files that begin with a dot are for nobody.
func (f *file) serve(files string) {
	fallback := "=404"
	if framework := f.detection.Framework; framework == frameworks.Vite || framework == frameworks.React {
		fallback = "/index.html"
	}
	f.from(nginx, "")
	f.line("USER 0:0")
	f.run(writes("/etc/nginx/site.conf",
		"pid /tmp/nginx.pid;",
		"error_log /dev/stderr warn;",
		"events { worker_connections 1024; }",
		"http {",
		"  include /etc/nginx/mime.types;",
		"  default_type application/octet-stream;",
		"  access_log /dev/stdout;",
		"  client_body_temp_path /tmp/client; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi;",
		"  uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;",
		"  sendfile on; server_tokens off; absolute_redirect off;",
		"  gzip on; gzip_types text/css application/javascript application/json image/svg+xml;",
		"  server {",
		"    listen __PORT__;",
		"    root /usr/share/nginx/html;",
		"    error_page 404 /404.html;",
		`    location ~ /\.(?!well-known/) { return 404; }`,
		"    location / { try_files $uri $uri.html $uri/ "+fallback+"; }",
		"  }",
		"}"))
	f.line("%s", files)
	f.last("sh", shell(`sed "s/__PORT__/$PORT/" /etc/nginx/site.conf > /tmp/nginx.conf && exec nginx -c /tmp/nginx.conf -g 'daemon off;'`))
}
