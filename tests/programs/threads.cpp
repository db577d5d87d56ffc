// Threads of the standard library that work for ever.

#include <cstdint>
#include <cstdio>
#include <thread>

static volatile uint64_t sink;

__attribute__((noinline)) static void handle() {
    uint64_t seed = 1;
    for (int step = 0; step < 100000; step++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
    }
    sink = seed;
}

__attribute__((noinline)) static void serve() {
    for (;;) {
        handle();
        // So that the call is no jump.
        asm volatile("" ::: "memory");
    }
}

int main() {
    std::thread one(serve), other(serve);
    std::puts("ready");
    std::fflush(stdout);
    one.join();
    other.join();
}
