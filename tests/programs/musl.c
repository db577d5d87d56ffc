// Works in its first thread and in another one, to be built with musl: prints `ready`, works for
// ever.

#include <pthread.h>
#include <stdio.h>

#define APART __attribute__((noinline, noclone))

static volatile unsigned long sinks[2];

APART static unsigned long spin(unsigned long steps) {
    unsigned long seed = 1;
    while (steps--) {
        seed = seed * 6364136223846793005 + steps;
        __asm__ volatile("" : "+r"(seed));
    }
    return seed;
}

APART static unsigned long work(unsigned long steps) { return spin(steps) + 1; }

static void *in_thread(void *unused) {
    for (;;) sinks[0] = work(100000);
    return unused;
}

int main(void) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, in_thread, NULL)) return 1;
    puts("ready");
    fflush(stdout);
    for (;;) sinks[1] = work(100000);
}
