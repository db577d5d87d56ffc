// Command known-cost is a server whose requests all cost the same, divided 60 : 30 : 10 among
// three functions. COST_US in the environment is the cost of a request in microseconds.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"sort"
	"strconv"
	"time"
)

// How many of ten parts each function has.
const (
	checkParts  = 6
	renderParts = 3
	writeParts  = 1
)

var sink uint64

// The three functions have the same loop, each its own copy, so that the time is the function's
// own, by name. Each step depends on the one before.

//go:noinline
func checkPassword(iterations, seed uint64) uint64 {
	for ; iterations > 0; iterations-- {
		seed ^= seed << 13
		seed ^= seed >> 7
		seed ^= seed << 17
	}
	return seed
}

//go:noinline
func renderPage(iterations, seed uint64) uint64 {
	for ; iterations > 0; iterations-- {
		seed ^= seed << 13
		seed ^= seed >> 7
		seed ^= seed << 17
	}
	return seed
}

//go:noinline
func writeAudit(iterations, seed uint64) uint64 {
	for ; iterations > 0; iterations-- {
		seed ^= seed << 13
		seed ^= seed >> 7
		seed ^= seed << 17
	}
	return seed
}

// nanosOfIteration is the median of many batches.
func nanosOfIteration() float64 {
	const rounds, iterations = 401, 100_000
	each := make([]float64, rounds)
	for round := range each {
		start := time.Now()
		sink = checkPassword(iterations, 1)
		each[round] = float64(time.Since(start).Nanoseconds()) / iterations
	}
	sort.Float64s(each)
	return each[rounds/2]
}

func main() {
	port := flag.Int("port", 0, "the port on 127.0.0.1")
	flag.Parse()
	cost, err := strconv.ParseFloat(os.Getenv("COST_US"), 64)
	if err != nil || cost < 1 || cost > 1e6 {
		log.Fatal("COST_US is to be a number of microseconds")
	}
	tenth := uint64(cost*100/nanosOfIteration() + 0.5)
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		seed := checkPassword(checkParts*tenth, 88172645463325252)
		seed = renderPage(renderParts*tenth, seed)
		if writeAudit(writeParts*tenth, seed) == 0 {
			log.Print("never: the generator has no zero")
		}
		fmt.Fprintln(w, "ok")
	})
	log.Fatal(http.ListenAndServe(fmt.Sprintf("127.0.0.1:%d", *port), nil))
}
