// Command go-nethttp is a small server on net/http alone: a short hello, 20 users serialized to
// JSON for each request, and a wait of 1 ms by way of a goroutine and a channel.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// grace is how long requests in flight may take once the server was told to stop.
const grace = time.Second

func main() {
	log.SetFlags(0)
	log.SetPrefix("go-nethttp: ")
	port := flag.Int("port", 8080, "the port on 127.0.0.1; 0 takes a free one")
	path := flag.String("users", "../hyper/users.json", "the file with the users to list")
	flag.Parse()

	users, err := readUsers(*path)
	if err != nil {
		log.Fatalf("cannot read its users: %v", err)
	}
	if err := serve(*port, newHandler(users)); err != nil {
		log.Fatal(err)
	}
}

// readUsers reads the users that /v1/user lists.
func readUsers(path string) ([]user, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var users []user
	if err := json.Unmarshal(text, &users); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return users, nil
}

// serve answers requests until SIGTERM or SIGINT, then finishes those in flight.
func serve(port int, handler http.Handler) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()

	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())

	server := &http.Server{Handler: handler}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}

	limit, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	err = server.Shutdown(limit)
	if errors.Is(err, context.DeadlineExceeded) {
		log.Printf("some requests were still open after %v", grace)
		return server.Close()
	}
	return err
}
