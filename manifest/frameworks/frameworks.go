// Package frameworks has the words for what a source is, and the customs of such apps.
package frameworks

// The words for what a source is: those of build.framework, of what is found in a source, and of releases.
const (
	Dockerfile = "dockerfile"
	Go         = "go"
	Next       = "nextjs"
	Nuxt       = "nuxt"
	Nest       = "nest"
	Express    = "express"
	Vite       = "vite"
	React      = "create-react-app"
	Node       = "node"
	Static     = "static"
	Django     = "django"
	FastAPI    = "fastapi"
	Flask      = "flask"
	Python     = "python"
	SpringBoot = "spring-boot"
	Quarkus    = "quarkus"
	Micronaut  = "micronaut"
	Java       = "java"
	Laravel    = "laravel"
	PHP        = "php"
	Rails      = "rails"
	Ruby       = "ruby"
	Rust       = "rust"
	Dotnet     = "dotnet"
)

// custom is a word, and the port that such apps usually listen on; 0 where there is no custom.
type custom struct {
	word string
	port int
}

func customs() []custom {
	return []custom{
		{Dockerfile, 0}, {Go, 8080},
		{Next, 3000}, {Nuxt, 3000}, {Nest, 3000}, {Express, 3000}, {Vite, 80},
		{React, 80}, {Node, 3000}, {Static, 80},
		{Django, 8000}, {FastAPI, 8000}, {Flask, 5000}, {Python, 0},
		{SpringBoot, 8080}, {Quarkus, 8080}, {Micronaut, 8080}, {Java, 8080},
		{Laravel, 80}, {PHP, 80}, {Rails, 3000}, {Ruby, 0}, {Rust, 0}, {Dotnet, 8080},
	}
}

// All are what build.framework may name.
func All() []string {
	var words []string
	for _, f := range customs() {
		words = append(words, f.word)
	}
	return words
}

// Port is the port that apps of a framework usually listen on; 0 when there is no custom.
func Port(word string) int {
	for _, f := range customs() {
		if f.word == word {
			return f.port
		}
	}
	return 0
}

// Current is the word of today for one that was written into images and releases earlier.
func Current(word string) string {
	switch word {
	case "nodejs":
		return Node
	case "spring":
		return SpringBoot
	}
	return word
}
