// Command go-chi-pgx is an API that reads users from PostgreSQL, on chi and pgx.
//
// DATABASE_URL names the database, DB_POOL how many connections it may open.
package main

import (
	"context"
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
	log.SetPrefix("go-chi-pgx: ")
	port := flag.Int("port", 8080, "the port on 127.0.0.1; 0 takes a free one")
	flag.Parse()

	if err := run(*port); err != nil {
		log.Fatal(err)
	}
}

// run serves the users of the database until SIGTERM or SIGINT.
func run(port int) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()

	users, err := openStore(ctx, os.Getenv("DATABASE_URL"), os.Getenv("DB_POOL"))
	if err != nil {
		return err
	}
	defer users.Close()
	return serve(ctx, port, newRouter(users))
}

// serve answers requests until ctx is done, then finishes those in flight.
func serve(ctx context.Context, port int, handler http.Handler) error {
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
