// Goroutines that work in Go, and in C that they call; for ever.
package main

/*
#cgo CFLAGS: -O2 -g -fomit-frame-pointer
#include <stdint.h>

__attribute__((noinline)) static uint64_t spin_in_c(long steps) {
	uint64_t seed = 1;
	while (steps--) {
		seed = seed * 6364136223846793005u + (uint64_t)steps;
		__asm__ volatile("" : "+r"(seed));
	}
	return seed;
}

__attribute__((noinline)) static uint64_t work_in_c(long steps) { return spin_in_c(steps) + 1; }
*/
import "C"

import "fmt"

var sink uint64

//go:noinline
func callC(steps int) uint64 { return uint64(C.work_in_c(C.long(steps))) + 1 }

//go:noinline
func spinInGo(steps int) uint64 {
	seed := uint64(1)
	for i := 0; i < steps; i++ {
		seed = seed*6364136223846793005 + uint64(i)
	}
	return seed
}

//go:noinline
func callGo(steps int) uint64 { return spinInGo(steps) + 1 }

func serve() {
	for {
		sink = callC(300_000)
		sink = callGo(300_000)
	}
}

func main() {
	go serve()
	fmt.Println("ready")
	select {}
}
