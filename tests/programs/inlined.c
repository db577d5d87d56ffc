// Works in a function that is inlined, for ever.

#include <stdio.h>

static volatile unsigned long sink;

static inline __attribute__((always_inline)) unsigned long mix(unsigned long seed, unsigned long step) {
    seed = seed * 6364136223846793005 + step;
    __asm__ volatile("" : "+r"(seed));
    return seed;
}

__attribute__((noinline, noclone)) static unsigned long sum(unsigned long steps) {
    unsigned long seed = 1;
    while (steps--) seed = mix(seed, steps);
    return seed;
}

__attribute__((noinline, noclone)) static void serve(void) {
    sink = sum(1000000);
    sink++;
}

int main(void) {
    puts("ready");
    fflush(stdout);
    for (;;) serve();
}
