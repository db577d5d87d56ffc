// Command go-gin is a small REST service on gin: posts that are kept in memory.
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

	"github.com/gin-gonic/gin"
)

// grace is how long requests in flight may take once the server was told to stop.
const grace = time.Second

func main() {
	log.SetFlags(0)
	log.SetPrefix("go-gin: ")
	port := flag.Int("port", 8080, "the port on 127.0.0.1; 0 takes a free one")
	flag.Parse()

	gin.SetMode(gin.ReleaseMode)
	if err := serve(*port, newRouter(&store{})); err != nil {
		log.Fatal(err)
	}
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
