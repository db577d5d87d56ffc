// A program whose stacks change places: a goroutine allocates, starts others, waits for them and
// asks for the time, so that Go's runtime is seen on goroutines' stacks and on threads' own.
//
// It prints "ready" and works until it is ended.
package main

import (
	"os"
	"time"
)

type node struct {
	next *node
	data [64]byte
}

//go:noinline
func allocate() *node {
	var head *node
	for i := 0; i < 256; i++ {
		head = &node{next: head}
	}
	return head
}

//go:noinline
func askTime() (sum int64) {
	for i := 0; i < 64; i++ {
		sum += time.Now().UnixNano()
	}
	return sum
}

//go:noinline
func startOthers() {
	done := make(chan *node)
	for i := 0; i < 4; i++ {
		go func() { done <- allocate() }()
	}
	for i := 0; i < 4; i++ {
		<-done
	}
}

//go:noinline
func compute() (sum uint64) {
	for i := uint64(0); i < 20_000; i++ {
		sum = sum*31 + i
	}
	return sum
}

//go:noinline
func work() {
	for {
		allocate()
		askTime()
		startOthers()
		compute()
	}
}

func main() {
	os.Stdout.WriteString("ready\n")
	work()
}
