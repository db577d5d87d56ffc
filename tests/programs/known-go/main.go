// A program that knows what it spends its time on: of its own code's, two thirds in alpha and one
// third in inlined, which the compiler inlines into beta; and some in the kernel, which system
// calls.
//
//	known-go serve PORT         serves /work, and profiles as net/http/pprof does
//	known-go write FILE SPAN    writes a CPU profile of working for a while
package main

import (
	"fmt"
	"log"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime/pprof"
	"syscall"
	"time"
)

// How much one call of work does.
const steps = 100_000

// What was computed, so that it must be.
var sink uint64

//go:noinline
func alpha(rounds int) {
	x := sink
	for i := 0; i < rounds; i++ {
		x = x*6364136223846793005 + 1442695040888963407
	}
	sink = x
}

func inlined(x uint64, rounds int) uint64 {
	for i := 0; i < rounds; i++ {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return x
}

//go:noinline
func beta(rounds int) {
	sink = inlined(sink, rounds)
}

//go:noinline
func callerOfAlpha() {
	alpha(2 * steps)
	sink++
}

//go:noinline
func system() {
	for i := 0; i < 200; i++ {
		// A call that the C library or the runtime could answer by themselves would not do.
		syscall.Syscall(syscall.SYS_GETPPID, 0, 0, 0)
	}
}

//go:noinline
func work() {
	callerOfAlpha()
	beta(steps)
	system()
}

func serve(port string) error {
	http.HandleFunc("/work", func(w http.ResponseWriter, _ *http.Request) {
		work()
		fmt.Fprintln(w, "done")
	})
	return http.ListenAndServe("127.0.0.1:"+port, nil)
}

func write(path, span string) error {
	duration, err := time.ParseDuration(span)
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return err
	}
	for end := time.Now().Add(duration); time.Now().Before(end); {
		work()
	}
	pprof.StopCPUProfile()
	return file.Close()
}

func main() {
	var err error
	switch {
	case len(os.Args) == 3 && os.Args[1] == "serve":
		err = serve(os.Args[2])
	case len(os.Args) == 4 && os.Args[1] == "write":
		err = write(os.Args[2], os.Args[3])
	default:
		err = fmt.Errorf("usage: known-go serve PORT | write FILE SPAN")
	}
	if err != nil {
		log.Fatal(err)
	}
}
