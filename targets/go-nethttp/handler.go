package main

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/pprof"
	"strconv"
	"time"
)

// A user as /v1/user lists it.
type user struct {
	CreatedAt string `json:"createdAt"`
	Name      string `json:"name"`
	Avatar    string `json:"avatar"`
	ID        string `json:"id"`
}

// newHandler gives what answers each request.
func newHandler(users []user) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", hello)
	mux.HandleFunc("GET /io", wait)
	mux.HandleFunc("GET /v1/user", list(users))
	// Where net/http/pprof puts itself when the default mux serves.
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

func hello(w http.ResponseWriter, _ *http.Request) {
	writeText(w, "Hello, World!\n")
}

// wait asks a goroutine for its answer, which takes a millisecond and comes over a channel.
func wait(w http.ResponseWriter, _ *http.Request) {
	answer := make(chan string)
	go func() {
		time.Sleep(time.Millisecond)
		answer <- "ok"
	}()
	writeText(w, <-answer)
}

// list serializes the users anew for each request: that work is what the study measured.
func list(users []user) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		body, err := json.Marshal(users)
		if err != nil {
			log.Printf("cannot serialize the users: %v", err)
			http.Error(w, "cannot serialize the users", http.StatusInternalServerError)
			return
		}
		header := w.Header()
		header.Set("Content-Type", "application/json")
		header.Set("Content-Length", strconv.Itoa(len(body)))
		header.Set("Engine", "go")
		header.Set("Location", "/v1/user")
		// A client that goes away in mid-response is its own affair.
		_, _ = w.Write(body)
	}
}

func writeText(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, text)
}
