package manifest

// The words for what a source is: those of build.framework, of what is found in a source, and of releases.
const (
	FrameworkDockerfile = "dockerfile"
	FrameworkGo         = "go"
	FrameworkNext       = "nextjs"
	FrameworkNuxt       = "nuxt"
	FrameworkNest       = "nest"
	FrameworkExpress    = "express"
	FrameworkVite       = "vite"
	FrameworkReact      = "create-react-app"
	FrameworkNode       = "node"
	FrameworkStatic     = "static"
	FrameworkDjango     = "django"
	FrameworkFastAPI    = "fastapi"
	FrameworkFlask      = "flask"
	FrameworkPython     = "python"
	FrameworkSpringBoot = "spring-boot"
	FrameworkQuarkus    = "quarkus"
	FrameworkMicronaut  = "micronaut"
	FrameworkJava       = "java"
	FrameworkLaravel    = "laravel"
	FrameworkPHP        = "php"
	FrameworkRails      = "rails"
	FrameworkRuby       = "ruby"
	FrameworkRust       = "rust"
	FrameworkDotnet     = "dotnet"
)

// framework is a word, and the port that such apps usually listen on; 0 where there is no custom.
type framework struct {
	word string
	port int
}

func frameworks() []framework {
	return []framework{
		{FrameworkDockerfile, 0}, {FrameworkGo, 8080},
		{FrameworkNext, 3000}, {FrameworkNuxt, 3000}, {FrameworkNest, 3000}, {FrameworkExpress, 3000}, {FrameworkVite, 80},
		{FrameworkReact, 80}, {FrameworkNode, 3000}, {FrameworkStatic, 80},
		{FrameworkDjango, 8000}, {FrameworkFastAPI, 8000}, {FrameworkFlask, 5000}, {FrameworkPython, 0},
		{FrameworkSpringBoot, 8080}, {FrameworkQuarkus, 8080}, {FrameworkMicronaut, 8080}, {FrameworkJava, 8080},
		{FrameworkLaravel, 80}, {FrameworkPHP, 80}, {FrameworkRails, 3000}, {FrameworkRuby, 0}, {FrameworkRust, 0}, {FrameworkDotnet, 8080},
	}
}

// Frameworks are what build.framework may name.
func Frameworks() []string {
	var words []string
	for _, f := range frameworks() {
		words = append(words, f.word)
	}
	return words
}

// CheckFramework says what is wrong with a word for a framework.
func CheckFramework(word string) error {
	if current := CurrentFramework(word); current != word {
		return refuse("write "+current, "the framework %s has another name", quote(word))
	}
	return oneOf("framework", word, Frameworks())
}

// FrameworkPort is the port that apps of a framework usually listen on; 0 when there is no custom.
func FrameworkPort(word string) int {
	for _, f := range frameworks() {
		if f.word == word {
			return f.port
		}
	}
	return 0
}

// CurrentFramework is the word of today for one that was written into images and releases earlier.
func CurrentFramework(word string) string {
	switch word {
	case "nodejs":
		return FrameworkNode
	case "spring":
		return FrameworkSpringBoot
	}
	return word
}
