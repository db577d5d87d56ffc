// Loads a library, works in it, and then in another one that has taken its place.
//
// Built with -DPLUGIN=1 and -DPLUGIN=2 it is the library, whose functions have other names at the
// same places. Usage of the program: `reload renamed|written FOLDER`, where the folder has
// `live.so` and `next.so`; prints `ready`, works for a while in the first, then for ever in the
// second.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <time.h>
#include <unistd.h>

#define APART __attribute__((noinline, noclone))

#ifdef PLUGIN
APART static unsigned long spin(unsigned long steps) {
    unsigned long seed = PLUGIN;
    while (steps--) {
        seed = seed * 6364136223846793005 + steps;
        __asm__ volatile("" : "+r"(seed));
    }
    return seed;
}
#if PLUGIN == 1
APART unsigned long first_parse(unsigned long steps) { return spin(steps) + 1; }
unsigned long handle(unsigned long steps) { return first_parse(steps) + 1; }
#else
APART unsigned long second_sign(unsigned long steps) { return spin(steps) + 3; }
APART unsigned long second_pack(unsigned long steps) { return second_sign(steps) + 2; }
unsigned long handle(unsigned long steps) { return second_pack(steps) + 1; }
#endif
#else

static volatile unsigned long sink;
static unsigned long (*handle)(unsigned long);

static double used(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

APART static void before(void) {
    sink = handle(100000);
    sink++;
}

// Unlike the other one, lest the compiler makes one of both.
APART static void after(void) {
    sink = handle(100000);
    sink += 2;
}

static void *load(const char *path) {
    void *library = dlopen(path, RTLD_NOW);
    if (!library) {
        puts(dlerror());
        exit(1);
    }
    *(void **)&handle = dlsym(library, "handle");
    return library;
}

// Other contents, and the same file.
static void write_over(const char *path, const char *with) {
    int from = open(with, O_RDONLY), to = open(path, O_WRONLY | O_TRUNC);
    while (sendfile(to, from, 0, 1 << 20) > 0) {
    }
    close(from);
    close(to);
}

int main(int argc, char **argv) {
    char live[4096], next[4096];
    if (argc < 3) return 2;
    snprintf(live, sizeof live, "%s/live.so", argv[2]);
    snprintf(next, sizeof next, "%s/next.so", argv[2]);
    void *library = load(live);
    puts("ready");
    fflush(stdout);
    double start = used();
    while (used() < start + 1) before();
    dlclose(library);
    if (!strcmp(argv[1], "renamed")) rename(next, live);
    else write_over(live, next);
    load(live);
    for (;;) after();
}
#endif
