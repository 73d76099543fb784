// Command app is what the tests of engine direct run in a cluster: it does what its variables say.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	fmt.Println("starting with", os.Getenv("ANSWER"))
	if code := os.Getenv("EXIT"); code != "" {
		fmt.Println("ends as it was told")
		number, _ := strconv.Atoi(code)
		os.Exit(number)
	}
	if len(os.Args) > 1 {
		run(os.Args[1:])
		return
	}
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		if status, err := strconv.Atoi(os.Getenv("STATUS")); err == nil {
			w.WriteHeader(status)
		}
		fmt.Fprint(w, os.Getenv("ANSWER"))
	})
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		if os.Getenv("SICK") != "" {
			http.Error(w, "sick", http.StatusServiceUnavailable)
		}
	})
	http.HandleFunc("/actuator/health/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"status":"UP"}`) })
	http.HandleFunc("/ask", func(w http.ResponseWriter, r *http.Request) { ask(r.Context(), w) })
	server := &http.Server{Addr: ":" + os.Getenv("PORT"), ReadHeaderTimeout: time.Minute}
	ended, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() {
		<-ended.Done()
		_ = server.Shutdown(context.Background())
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		fmt.Println(err)
		os.Exit(1)
	}
	time.Sleep(100 * time.Millisecond)
}

// ask answers with what another service says.
func ask(ctx context.Context, w http.ResponseWriter) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, os.Getenv("OTHER_URL"), http.NoBody)
	if err == nil {
		var response *http.Response
		if response, err = http.DefaultClient.Do(request); err == nil {
			defer response.Body.Close()
			_, err = fmt.Fprint(w, os.Getenv("SPRING_PROFILES_ACTIVE"), " heard: ")
			_, _ = io.Copy(w, response.Body)
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
	}
}

// run is what release commands, workers and cron jobs do: they end with a code, or go on until they are told to end.
func run(command []string) {
	fmt.Println("running", command)
	if command[0] == "end" {
		number, _ := strconv.Atoi(command[1])
		os.Exit(number)
	}
	ended, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	<-ended.Done()
}
