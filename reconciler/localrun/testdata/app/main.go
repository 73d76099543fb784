// Command app is what the tests of engine local run: it does what its variables say. It is the shim above itself, too.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/plateform/plateform/reconciler/localrun/shim"
)

// grown is kept.
var grown []byte

func main() {
	if len(os.Args) == 2 && os.Args[1] == shim.Argument {
		os.Exit(shim.Main())
	}
	fmt.Println("starting with", os.Getenv("ANSWER"))
	number, _ := strconv.Atoi(os.Getenv("EXIT"))
	if os.Getenv("EXIT") != "" {
		fmt.Println("ends as it was told")
		os.Exit(number)
	}
	port := os.Getenv("PORT")
	if fixed := os.Getenv("LISTEN"); fixed != "" {
		port = fixed
	}
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	if os.Getenv("IGNORE_TERM") != "" {
		signal.Ignore(syscall.SIGTERM)
	}
	var sick atomic.Bool
	sick.Store(os.Getenv("SICK") != "")
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getenv("ANSWER")) })
	mux.HandleFunc("/pid", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getpid()) })
	mux.HandleFunc("/uid", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getuid()) })
	mux.HandleFunc("/env", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, os.Getenv(r.URL.Query().Get("name"))) })
	mux.HandleFunc("/environ", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, strings.Join(os.Environ(), "\x00"))
	})
	mux.HandleFunc("/fetch", func(w http.ResponseWriter, r *http.Request) {
		response, err := http.Get(os.Getenv(r.URL.Query().Get("name")))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer response.Body.Close()
		w.WriteHeader(response.StatusCode)
		io.Copy(w, response.Body)
	})
	mux.HandleFunc("/redis", func(w http.ResponseWriter, r *http.Request) {
		answer, err := redis(os.Getenv("REDIS_URL"), r.URL.Query().Get("do"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		fmt.Fprint(w, answer)
	})
	mux.HandleFunc("/sicken", func(http.ResponseWriter, *http.Request) { sick.Store(true) })
	mux.HandleFunc("/grow", func(http.ResponseWriter, *http.Request) {
		grown = make([]byte, 100<<20)
		for n := range grown {
			grown[n] = 1
		}
	})
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		if os.Getenv("SICK") == "hangs up" {
			panic(http.ErrAbortHandler)
		}
		if sick.Load() {
			http.Error(w, "sick", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		time.Sleep(time.Second)
		fmt.Fprint(w, os.Getenv("ANSWER"))
	})
	mux.HandleFunc("/crash", func(http.ResponseWriter, *http.Request) { fmt.Println("crashes"); os.Exit(7) })
	go func() {
		<-terminated
		if os.Getenv("IGNORE_TERM") == "" {
			fmt.Println("ends, as it is asked to")
			os.Exit(0)
		}
	}()
	if err := http.ListenAndServe(":"+port, mux); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// redis asks one thing, after it has logged in.
func redis(address, command string) (string, error) {
	at, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	connection, err := net.Dial("tcp", at.Host)
	if err != nil {
		return "", err
	}
	defer connection.Close()
	password, _ := at.User.Password()
	fmt.Fprintf(connection, "AUTH %s %s\r\n%s\r\n", at.User.Username(), password, command)
	answers := bufio.NewScanner(connection)
	answers.Scan()
	if answers.Text() != "+OK" {
		return answers.Text(), nil
	}
	answers.Scan()
	if strings.HasPrefix(answers.Text(), "$") { // a length, and the value in the next line
		answers.Scan()
	}
	return answers.Text(), answers.Err()
}
