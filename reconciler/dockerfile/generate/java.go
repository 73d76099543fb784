package generate

import (
	"path"
	"strings"

	"github.com/plateform/plateform/manifest/frameworks"
)

// javaFile is the Dockerfile of an app of Java.
type javaFile struct{ *file }

// java writes an app of Java: built by the wrapper of the source, or by a tool of the image.
func (f javaFile) java() {
	app := f.app
	f.from(f.javaImage(), "build")
	f.begin("/src")
	if len(app.Manifests) > 0 {
		f.manifests(app)
		f.run(f.javaFetch()) // what it cannot fetch by itself is fetched when it builds
	}
	f.line("COPY . .")
	f.run(f.javaBuild())
	out := path.Join(f.folder("/src"), app.Output)
	start := "exec java -XX:MaxRAMPercentage=75 -jar app.jar"
	switch {
	case f.detection.Framework == frameworks.Quarkus:
		f.run("cp -r " + out + " /out")
		start = "exec java -XX:MaxRAMPercentage=75 -jar quarkus-run.jar"
	case app.Output == "build/install":
		f.run("cp -r "+out+"/* /out", "rm -f /out/bin/*.bat", `ln -s "$(ls /out/bin | head -n 1)" /out/bin/start`)
		start = "exec bin/start"
	default: // the largest is the one with everything in it
		f.run("mkdir /out", `cp "$(ls -S `+out+`/*.[jw]ar | grep -v -e '-plain\.[jw]ar$' -e '-sources\.jar$' -e '-javadoc\.jar$' -e '/original-' | head -n 1)" /out/app.jar`)
	}
	f.from(hub+"eclipse-temurin:"+app.Version+"-jre", "")
	f.line("WORKDIR /app")
	f.line("COPY --from=build /out ./")
	f.last("bash", shell(f.javaPort()+start))
}

// javaPort says by a variable where a framework listens.
func (f javaFile) javaPort() string {
	switch f.detection.Framework {
	case frameworks.SpringBoot:
		return "export SERVER_PORT=$PORT; "
	case frameworks.Quarkus:
		return "export QUARKUS_HTTP_PORT=$PORT QUARKUS_HTTP_HOST=0.0.0.0; "
	case frameworks.Micronaut:
		return "export MICRONAUT_SERVER_PORT=$PORT; "
	}
	return ""
}

// javaImage has the tool that builds, unless the source brings it along.
func (f javaFile) javaImage() string {
	switch version := f.app.Version; f.app.Tool {
	case "maven":
		return hub + "maven:3.9-eclipse-temurin-" + version
	case "gradle":
		if version == "25" {
			return hub + "gradle:9.1-jdk25"
		}
		return hub + "gradle:8.14-jdk" + version
	default:
		return hub + "eclipse-temurin:" + version + "-jdk"
	}
}

// javaTool is how the tool is called. A wrapper need not be executable.
func (f javaFile) javaTool() string {
	switch f.app.Tool {
	case "mvnw":
		return "sh ./mvnw --batch-mode"
	case "maven":
		return "mvn --batch-mode"
	case "gradlew":
		return "sh ./gradlew --no-daemon"
	}
	return "gradle --no-daemon"
}

func (f javaFile) isMaven() bool { return f.app.Tool == "maven" || f.app.Tool == "mvnw" }

func (f javaFile) javaFetch() string {
	if f.isMaven() {
		return f.javaTool() + " dependency:go-offline || true"
	}
	return f.javaTool() + " dependencies || true"
}

func (f javaFile) javaBuild() string {
	build := f.javaTool()
	if f.isMaven() {
		if build += " -DskipTests package"; f.app.Folder != "." {
			build += " --projects " + f.app.Folder + " --also-make"
		}
		return build
	}
	task := f.app.Build
	if f.app.Folder != "." && !strings.HasPrefix(task, ":") { // it is a build of its own
		build += " --project-dir " + f.app.Folder
	}
	return build + " " + task + " --exclude-task test"
}
