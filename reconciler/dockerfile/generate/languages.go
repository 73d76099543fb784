package generate

import (
	"path"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest/frameworks"
)

// golang writes a static program. The last image has certificate authorities and a shell, and nothing else.
func (f *file) golang() {
	f.from(hub+"golang:"+f.app.Version+"-"+release, "build")
	f.line("ENV CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=-buildvcs=false")
	f.begin("/src")
	if len(f.app.Manifests) > 0 {
		f.manifests(f.app)
		f.run("go mod download")
	}
	f.line("COPY . .")
	if f.app.ToolVersion == "none" {
		f.run("go mod init app")
	}
	if dir := path.Join("/src", f.app.Build); dir != "/src" { // it may be in a module of its own, below where the context begins
		f.line("WORKDIR %s", dir)
	}
	f.run(`go build -trimpath -ldflags='-s -w' -o /out/app .`)
	f.from(alpine, "")
	f.line("COPY --from=build /out/app /app")
	f.last("sh", []string{"/app"})
}

// Tools of Python that nothing in a source gives a version of.
const (
	uv     = "uv==0.8.3"
	poetry = "poetry==2.1.3"
	pipenv = "pipenv==2025.0.4"
)

// python writes an app of Python: everything is installed into one folder, which the last image takes over.
func (f *file) python() {
	app := f.app
	tools := map[string]string{"uv": uv, "uv pip": uv, "poetry": poetry, "pipenv": pipenv}
	f.from(hub+"python:"+app.Version+"-"+release, "build")
	f.line("ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore")
	if tools[app.Tool] != "" {
		f.run("pip install " + tools[app.Tool])
	}
	f.run("python -m venv /venv")
	f.line("ENV VIRTUAL_ENV=/venv PATH=/venv/bin:$PATH UV_PROJECT_ENVIRONMENT=/venv UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_NO_CACHE=1")
	f.begin("/app")
	if len(app.Manifests) > 0 {
		f.manifests(app)
		f.run(f.pythonPackages(false)...)
		f.all(".", ".")
		if app.Tool == "uv" { // the app itself, where it is a package
			f.run("uv sync --frozen --no-dev")
		}
	} else {
		f.all(".", ".")
		f.enter("/app")
		f.run(f.pythonPackages(true)...)
	}
	installer := "pip install "
	if app.Tool == "uv" {
		installer = "uv pip install " // it has removed what the lockfile does not name, and pip with it
	}
	var libraries []string
	for _, name := range app.Needs {
		if strings.Contains(name, "==") {
			f.run(installer + quoted(name))
		} else {
			libraries = append(libraries, name)
		}
	}
	if app.Output == "collectstatic" {
		f.run("python manage.py collectstatic --noinput")
	}
	f.from(hub+"python:"+app.Version+"-slim-"+release, "")
	f.apt(libraries...)
	f.line("ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1")
	f.line("WORKDIR /app")
	f.line("COPY --from=build /venv /venv")
	f.line("COPY --from=build /app ./")
	f.enter("/app")
	f.last("bash", app.Start)
}

// pythonPackages are the commands that install what the app names.
func (f *file) pythonPackages(all bool) []string {
	switch app := f.app; {
	case app.Tool == "uv" && all:
		return []string{"uv sync --frozen --no-dev"}
	case app.Tool == "uv":
		return []string{"uv sync --frozen --no-dev --no-install-project"}
	case app.Tool == "uv pip":
		return []string{"uv pip install -r pyproject.toml"}
	case app.Tool == "poetry":
		return []string{"poetry install --only main --no-root --no-interaction"}
	case app.Tool == "pipenv" && app.Build == "":
		return []string{"pipenv requirements > /tmp/requirements.txt", "pip install -r /tmp/requirements.txt"}
	case app.Tool == "pipenv":
		return []string{"pipenv lock", "pipenv requirements > /tmp/requirements.txt", "pip install -r /tmp/requirements.txt"}
	case app.Tool == "pip" && app.Build == ".":
		return []string{"pip install ."}
	case app.Tool == "pip" && (all || len(app.Manifests) > 0):
		return []string{"pip install -r " + app.Build}
	}
	return nil
}

// php writes an app of PHP behind Apache, which listens where it is told.
func (f *file) php() {
	app := f.app
	const installer = "docker.io/mlocati/php-extension-installer:2.7"
	const composer = hub + "composer:2.8"
	root := path.Join(f.folder("/app"), app.Output)
	f.from(hub+"php:"+app.Version+"-apache-"+release, "base")
	if len(app.Needs) > 0 {
		f.uses(installer)
		f.line("COPY --from=%s /usr/bin/install-php-extensions /usr/local/bin/", installer)
		f.run("install-php-extensions " + strings.Join(app.Needs, " "))
	}
	f.run("a2enmod rewrite headers",
		writes("/etc/apache2/ports.conf", "ServerName localhost", "Listen ${PORT}"),
		writes("/etc/apache2/sites-available/000-default.conf", "<VirtualHost *:${PORT}>", "  DocumentRoot "+root, "  <Directory "+root+">",
			"    AllowOverride All", "    Require all granted", "  </Directory>", `  <LocationMatch "/\.(?!well-known/)">`, "    Require all denied", "  </LocationMatch>", "</VirtualHost>"))
	f.from("base", "build")
	f.begin("/app")
	if app.Assets != nil {
		f.nodeTools(app.Assets.Version)
	}
	if app.Tool == "composer" {
		f.apt("git", "unzip")
		f.uses(composer)
		f.line("ENV COMPOSER_ALLOW_SUPERUSER=1")
		f.line("COPY --from=%s /usr/bin/composer /usr/local/bin/", composer)
	}
	if app.Tool == "composer" && len(app.Manifests) > 0 && app.Folder == "." {
		f.manifests(app)
		f.run("composer install --no-dev --no-scripts --no-autoloader --prefer-dist --no-interaction")
	}
	f.all(".", ".")
	f.enter("/app")
	if app.Tool == "composer" {
		f.run("composer install --no-dev --optimize-autoloader --prefer-dist --no-interaction")
	}
	if app.Assets != nil {
		f.tool(*app.Assets)
		f.run(append(install(*app.Assets), app.Assets.Tool+" run build", "rm -rf node_modules")...)
	}
	writable := f.phpFolders()
	f.from("base", "")
	f.line("WORKDIR /app")
	f.line("COPY --from=build /app ./")
	f.enter("/app")
	f.own(writable)
	f.last("bash", []string{"apache2-foreground"})
}

// phpFolders makes the folders that Laravel writes to, and returns them.
func (f *file) phpFolders() []string {
	if f.detection.Framework != frameworks.Laravel {
		return nil
	}
	f.run("mkdir -p bootstrap/cache storage/app/public storage/logs storage/framework/cache storage/framework/sessions storage/framework/views")
	return []string{"bootstrap/cache", "storage"}
}

// own gives folders of the build to the user that the app runs as.
func (f *file) own(folders []string) {
	for _, name := range folders {
		f.line("COPY --from=build --chown=%s %s ./%s", nobody, path.Join(f.folder("/app"), name), name)
	}
}

// ruby writes an app of Ruby.
func (f *file) ruby() {
	app := f.app
	settings := "ENV BUNDLE_PATH=/usr/local/bundle BUNDLE_WITHOUT=development:test RAILS_ENV=production RACK_ENV=production"
	if slices.Contains(app.Manifests, "Gemfile.lock") {
		settings += " BUNDLE_FROZEN=1"
	}
	f.from(hub+"ruby:"+app.Version+"-"+release, "build")
	f.line("%s", settings)
	f.begin("/app")
	if app.Assets != nil {
		f.nodeTools(app.Assets.Version)
		f.run("npm install --global yarn@1.22.22")
	}
	if len(app.Manifests) > 0 && app.Folder == "." {
		f.manifests(app)
		f.run("bundle install")
	}
	f.all(".", ".")
	f.enter("/app")
	if len(app.Manifests) == 0 || app.Folder != "." {
		f.run("bundle install")
	}
	rails := f.detection.Framework == frameworks.Rails
	if app.Build != "" {
		f.run("SECRET_KEY_BASE_DUMMY=1 bundle exec rails " + app.Build)
	}
	var writable []string
	if rails {
		writable = []string{"db", "log", "storage", "tmp"}
		f.run("mkdir -p "+strings.Join(writable, " "), "rm -rf node_modules")
	}
	f.from(hub+"ruby:"+app.Version+"-slim-"+release, "")
	f.apt(app.Needs...)
	f.line("%s", settings)
	if rails {
		f.line("ENV RAILS_LOG_TO_STDOUT=1 RAILS_SERVE_STATIC_FILES=1")
	}
	f.line("WORKDIR /app")
	f.line("COPY --from=build /usr/local/bundle /usr/local/bundle")
	f.line("COPY --from=build /app ./")
	f.enter("/app")
	f.own(writable)
	f.last("bash", app.Start)
}

// dotnet writes an app of .NET.
func (f *file) dotnet() {
	app := f.app
	const images = "mcr.microsoft.com/dotnet/"
	f.from(images+"sdk:"+app.Version, "build")
	f.begin("/src")
	if len(app.Manifests) > 0 && app.Folder == "." {
		f.manifests(app)
		f.run("dotnet restore " + app.Build)
	}
	f.line("COPY . .")
	f.enter("/src")
	f.run("dotnet publish " + app.Build + " --configuration Release --output /out -p:UseAppHost=false")
	f.from(images+"aspnet:"+app.Version, "")
	f.line("WORKDIR /app")
	f.line("COPY --from=build /out ./")
	f.last("bash", shell("export ASPNETCORE_URLS=http://0.0.0.0:$PORT; exec "+strings.Join(app.Start, " ")))
}

// rust writes a program of Rust.
func (f *file) rust() {
	app := f.app
	locked := ""
	if slices.Contains(app.Manifests, "Cargo.lock") {
		locked = " --locked"
	}
	f.from(hub+"rust:"+app.Version+"-"+release, "build")
	f.line("ENV CARGO_TARGET_DIR=/target")
	f.begin("/src")
	if len(app.Manifests) > 0 && app.Folder == "." {
		f.manifests(app)
		// Cargo fetches nothing for a package without a program.
		f.run("mkdir src", "touch src/main.rs", "cargo fetch"+locked)
	}
	f.line("COPY . .")
	f.enter("/src")
	f.run("cargo build --release"+locked+" --bin "+app.Build, "mkdir /out", "cp /target/release/"+app.Build+" /out/app")
	f.from(debian, "")
	f.apt("ca-certificates", "libssl3")
	f.line("COPY --from=build /out/app /app")
	f.last("bash", []string{"/app"})
}
