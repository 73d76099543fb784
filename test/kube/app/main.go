// Command app is what is in the images of tests on clusters whose nodes really run them. Its argument says how it does.
package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	how := ""
	if len(os.Args) == 2 {
		how = os.Args[1]
	}
	switch how {
	case "runs":
		serve(http.StatusOK)
	case "never-ready":
		serve(http.StatusServiceUnavailable)
	case "ends":
		fmt.Println("done")
	case "crash-loop":
		fmt.Fprintln(os.Stderr, "ends with 1, as it was told to")
		os.Exit(1)
	default:
		fmt.Fprintf(os.Stderr, "there is no behaviour %q\n", how)
		os.Exit(2)
	}
}

// serve answers all requests with a status, at the port that probes of apps ask.
func serve(status int) {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	err := http.ListenAndServe(":"+port, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
