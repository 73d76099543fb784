package detect

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest/frameworks"
	"github.com/plateform/plateform/reconciler/blame"
)

// pythonFiles say what a Python app needs.
func pythonFiles() []string {
	return []string{"requirements.txt", "pyproject.toml", "Pipfile", "setup.py", "setup.cfg", "requirements/base.txt", "requirements/production.txt"}
}

func (t tree) django() (framework, reason string) {
	if t.exists("manage.py") && strings.Contains(strings.ToLower(t.text("manage.py")), "django") {
		return frameworks.Django, "manage.py is django's"
	}
	return "", ""
}

func (t tree) python() (framework, reason string) {
	for _, known := range []known{
		{"django", frameworks.Django}, {"fastapi", frameworks.FastAPI}, {"flask", frameworks.Flask},
	} {
		for _, file := range pythonFiles() {
			if requires(t.text(file), known.name) {
				if framework, reason := t.server(); framework != "" {
					return framework, reason
				}
				return known.framework, file + " names " + known.name
			}
		}
	}
	if t.exists("package.json") {
		return "", "" // a few scripts beside an app of Node
	}
	for _, file := range append(pythonFiles(), "app.py", "main.py") {
		if t.exists(file) {
			return frameworks.Python, "there is a " + file
		}
	}
	return "", ""
}

// requires says that one of the files of Python names a package: at the beginning of a line, or in quotes. Comments and
// packages that only begin alike do not count.
func requires(text, name string) bool {
	pattern := regexp.MustCompile(`(?im)^[^#\n]*?(?:^\s*|["'])` + regexp.QuoteMeta(name) + `\s*(?:[\["'<>=~!;,@#\s]|$)`)
	return pattern.MatchString(text)
}

// pythonRecipe is the search for how an app of Python is built.
type pythonRecipe struct{ *recipe }

// needs says that the app names a package of Python in any of its files.
func (r pythonRecipe) needs(name string) bool {
	return slices.ContainsFunc(append(pythonFiles(), "poetry.lock", "uv.lock"), func(file string) bool { return requires(r.t.text(file), name) })
}

var (
	requiresPython = regexp.MustCompile(`(?m)^\s*requires-python\s*=\s*["']([^"']+)["']`)
	poetryPython   = regexp.MustCompile(`(?m)^\s*python\s*=\s*["']([^"']+)["']`)
	pipfilePython  = regexp.MustCompile(`(?m)^\s*python_(?:full_)?version\s*=\s*["']([^"']+)["']`)
	poetrySection  = regexp.MustCompile(`(?m)^\s*\[tool\.poetry(?:\.dependencies)?\]`)
	projectSection = regexp.MustCompile(`(?m)^\s*\[project\]`)
	otherFile      = regexp.MustCompile(`(?m)^\s*(?:-r|--requirement|-c|--constraint|-e|--editable|\.|file:)|@\s*file:`)
	otherFolder    = regexp.MustCompile(`(?m)^\s*\[tool\.uv\.(?:sources|workspace)|\bpath\s*=\s*["']|\bfile:`)
	staticRoot     = regexp.MustCompile(`(?m)^\s*STATIC_ROOT\s*=`)
	settingsModule = regexp.MustCompile(`DJANGO_SETTINGS_MODULE["']\s*,\s*["']([A-Za-z_][A-Za-z0-9_.]*)["']`)
	pythonName     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	fastAPI        = regexp.MustCompile(`(?m)^([A-Za-z_]\w*)\s*(?::[^=\n]+)?=\s*(?:\w+\.)?FastAPI\(`)
	flask          = regexp.MustCompile(`(?m)^([A-Za-z_]\w*)\s*(?::[^=\n]+)?=\s*(?:\w+\.)?Flask\(`)
	madeByFlask    = regexp.MustCompile(`(?m)^([A-Za-z_]\w*)\s*=\s*(?:create_app|make_app)\(`)
	factory        = regexp.MustCompile(`(?m)^def (create_app|make_app)\(`)
)

// mostPackages bounds the folders in which an app is looked for.
const mostPackages = 50

// systemLibraries are what packages of Python load that were compiled here.
func systemLibraries() []systemLibrary {
	return []systemLibrary{{"psycopg2", "libpq5"}, {"psycopg", "libpq5"}, {"mysqlclient", "libmariadb3"}}
}

type systemLibrary struct{ needs, library string }

// Servers of Python that are installed beside an app that names none.
const (
	gunicorn = "gunicorn==23.0.0"
	uvicorn  = "uvicorn[standard]==0.35.0"
)

// python says how a Dockerfile installs and starts an app of Python.
func (r pythonRecipe) python(framework string) *blame.Fault {
	app := &App{Language: "python"}
	pyproject := r.t.text("pyproject.toml")
	r.version(app, pythonVersions(),
		from{line.FindStringSubmatch(r.t.text(".python-version")), ".python-version"},
		from{line.FindStringSubmatch(r.t.text("runtime.txt")), "runtime.txt"},
		from{toolVersions("python").FindStringSubmatch(r.t.text(".tool-versions")), ".tool-versions"},
		from{pipfilePython.FindStringSubmatch(r.t.text("Pipfile")), "Pipfile"},
		from{requiresPython.FindStringSubmatch(pyproject), "requires-python in pyproject.toml"},
		from{poetryPython.FindStringSubmatch(pyproject), "python in pyproject.toml"},
	)
	r.installPython(app, pyproject)
	for _, l := range systemLibraries() {
		if r.needs(l.needs) && !slices.Contains(app.Needs, l.library) {
			app.Needs = append(app.Needs, l.library)
			r.because("needs", l.library, l.needs+" is named")
		}
	}
	if app.Start = r.web(); app.Start == nil {
		if missing := r.startPython(app, framework); missing != nil {
			return missing
		}
	}
	return r.take(app)
}

// installPython says by which tool packages are installed. All but pip go by a pyproject.toml or Pipfile.
func (r pythonRecipe) installPython(app *App, pyproject string) {
	locked := func(tool, lock string, files ...string) {
		app.Tool, app.Manifests = tool, r.present(append(files, lock)...)
		r.because("packages", tool, lock)
		if otherFolder.MatchString(r.t.text(files[0])) {
			app.Manifests = nil
			r.because("install", "everything is copied first", files[0]+" names folders of the source")
		}
	}
	t := r.t
	switch {
	case t.exists("uv.lock"):
		locked("uv", "uv.lock", "pyproject.toml")
	case t.exists("poetry.lock") && pyproject != "":
		locked("poetry", "poetry.lock", "pyproject.toml")
	case t.exists("Pipfile.lock"):
		locked("pipenv", "Pipfile.lock", "Pipfile")
	case t.first("requirements.txt", "requirements/production.txt", "requirements/base.txt") != "":
		file := t.first("requirements.txt", "requirements/production.txt", "requirements/base.txt")
		app.Tool, app.Build = "pip", file
		if folder := path.Dir(file); folder != "." {
			app.Manifests = []string{folder + "/"}
		} else {
			app.Manifests = []string{file}
		}
		if otherFile.MatchString(t.text(file)) && path.Dir(file) == "." {
			app.Manifests = nil
			r.because("install", "everything is copied first", file+" names other files")
		}
		r.because("packages", "pip", file)
	case poetrySection.MatchString(pyproject) && !projectSection.MatchString(pyproject):
		locked("poetry", "pyproject.toml", "pyproject.toml")
	case pyproject != "":
		app.Tool, app.Build, app.Manifests = "uv pip", "pyproject.toml", r.present("pyproject.toml")
		r.because("packages", "uv pip", "pyproject.toml, without a lockfile")
	case t.exists("Pipfile"):
		locked("pipenv", "Pipfile", "Pipfile")
		app.Build = "lock"
	case t.exists("setup.py"), t.exists("setup.cfg"):
		app.Tool, app.Build = "pip", "."
		r.because("packages", "pip", t.first("setup.py", "setup.cfg"))
	default:
		r.because("packages", "none", "no file names any")
	}
}

// startPython finds what answers requests.
func (r pythonRecipe) startPython(app *App, framework string) *blame.Fault {
	switch framework {
	case frameworks.Django:
		return r.startDjango(app)
	case frameworks.FastAPI:
		dir, module, name := r.object(fastAPI)
		if module == "" {
			return &blame.Fault{What: "nothing says how the app is started: no file that is usual for it has app = FastAPI()",
				Fix: "write web: uvicorn MODULE:app --host 0.0.0.0 --port $PORT into a Procfile, or " + addDockerfile}
		}
		r.server(app, "uvicorn", uvicorn, "uvicorn "+inFolder("--app-dir", dir)+module+":"+name+" --host 0.0.0.0 --port $PORT")
	case frameworks.Flask:
		dir, module, name := r.object(flask, madeByFlask)
		if module == "" {
			if dir, module, name = r.object(factory); module != "" {
				name = "'" + name + "()'"
			}
		}
		if module == "" {
			return &blame.Fault{What: "nothing says how the app is started: no file that is usual for it has app = Flask() or create_app()",
				Fix: "write web: gunicorn MODULE:app --bind 0.0.0.0:$PORT into a Procfile, or " + addDockerfile}
		}
		if quoted, found := strings.CutPrefix(name, "'"); found {
			module, name = "'"+module, quoted
		}
		r.server(app, "gunicorn", gunicorn, "gunicorn "+inFolder("--chdir", dir)+module+":"+name+" --bind 0.0.0.0:$PORT")
	default:
		file := r.t.first("main.py", "app.py", "server.py", "run.py", "src/main.py")
		if file == "" {
			return &blame.Fault{What: "nothing says how the app is started: there is no main.py or app.py, and no Procfile",
				Fix: "write web: and the command into a Procfile, or " + addDockerfile}
		}
		app.Start = []string{"python", file}
		r.because("start", "python "+file, "there is a "+file)
	}
	return nil
}

func inFolder(flag, dir string) string {
	if dir == "." {
		return ""
	}
	return flag + " " + dir + " "
}

// server has the app started by a server, and that installed where the app does not do so itself.
func (r pythonRecipe) server(app *App, name, version, command string) {
	reason := name + " is among what the app needs"
	if !r.needs(name) && (name != "uvicorn" || !r.bringsServer()) {
		app.Needs = append(app.Needs, version)
		reason = name + " is installed, as the app names no server"
	}
	app.Start = []string{"sh", "-c", "exec " + command}
	r.because("start", command, reason)
}

// bringsServer says that FastAPI brings its server along.
func (r pythonRecipe) bringsServer() bool {
	return slices.ContainsFunc(pythonFiles(), func(file string) bool {
		return regexp.MustCompile(`fastapi\[(?:standard|all)`).MatchString(r.t.text(file))
	})
}

func (r pythonRecipe) startDjango(app *App) *blame.Fault {
	var packages []string
	if m := settingsModule.FindStringSubmatch(r.t.text("manage.py")); m != nil {
		packages = append(packages, strings.Split(m[1], ".")[0])
	}
	for _, name := range append(packages, r.t.folders(mostPackages)...) {
		if !pythonName.MatchString(name) {
			continue
		}
		switch {
		case r.t.exists(name + "/wsgi.py"):
			r.server(app, "gunicorn", gunicorn, "gunicorn "+name+".wsgi:application --bind 0.0.0.0:$PORT")
		case r.t.exists(name + "/asgi.py"):
			r.server(app, "uvicorn", uvicorn, "uvicorn "+name+".asgi:application --host 0.0.0.0 --port $PORT")
		default:
			continue
		}
		if r.t.exists("manage.py") && r.needs("whitenoise") && staticRoot.MatchString(r.djangoSettings(name)) {
			app.Output = "collectstatic"
			r.because("build", "manage.py collectstatic", "whitenoise serves what STATIC_ROOT has")
		}
		return nil
	}
	return &blame.Fault{What: "nothing says how the app is started: there is no wsgi.py or asgi.py in a folder of the app",
		Fix: "write web: gunicorn PACKAGE.wsgi --bind 0.0.0.0:$PORT into a Procfile, or " + addDockerfile}
}

// djangoSettings are the settings of a project.
func (r pythonRecipe) djangoSettings(name string) string {
	return r.t.text(name+"/settings.py") + r.t.text(name+"/settings/base.py") + r.t.text(name+"/settings/production.py")
}

// object finds the file that makes the app: the folder to look for modules in, the module, and the name of the app in it.
func (r pythonRecipe) object(patterns ...*regexp.Regexp) (dir, module, name string) {
	usual := []string{"main", "app", "wsgi", "asgi", "api", "server", "application", "run", "app/main", "app/app", "app/__init__", "api/main", "api/__init__"}
	for _, folder := range r.t.folders(mostPackages) {
		if pythonName.MatchString(folder) && folder != "src" && folder != "app" && folder != "api" {
			usual = append(usual, folder+"/main", folder+"/app", folder+"/__init__")
		}
	}
	for _, dir := range []string{".", "src"} {
		files := usual
		if dir == "src" {
			for _, folder := range r.t.in("src").folders(mostPackages) {
				if pythonName.MatchString(folder) {
					files = append(files, folder+"/main", folder+"/app", folder+"/__init__")
				}
			}
		}
		for _, file := range files {
			text := r.t.text(path.Join(dir, file+".py"))
			for _, pattern := range patterns {
				if m := pattern.FindStringSubmatch(text); m != nil {
					return dir, strings.ReplaceAll(strings.TrimSuffix(file, "/__init__"), "/", "."), m[1]
				}
			}
		}
	}
	return ".", "", ""
}
