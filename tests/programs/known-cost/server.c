/*
 * A server whose requests all cost the same, divided 60 : 30 : 10 among three functions.
 *
 *   server PORT         serve on 127.0.0.1; COST_US in the environment is the cost of a request
 *   server --self-test  check that the three functions take the same time for an iteration
 *
 * The three run the same loop, each its own copy of it, so that their shares are those of their
 * iterations, in every cache and at every clock rate. The number of iterations is found once, at
 * the start, and stays.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* How many of ten parts each function has. */
enum { CHECK = 6, RENDER = 3, WRITE = 1 };

/* Iterations of a tenth of a request. */
static uint64_t tenth;

/* The result of a loop depends on all of its steps, and each step on the one before. A macro and
 * no inlined function: the time is the function's own, by name. */
#define BURN(iterations, seed)                                                                     \
    do {                                                                                           \
        uint64_t left_ = (iterations);                                                             \
        __asm__ volatile(".p2align 6" ::: "memory");                                               \
        do {                                                                                       \
            (seed) ^= (seed) << 13;                                                                \
            (seed) ^= (seed) >> 7;                                                                 \
            (seed) ^= (seed) << 17;                                                                \
            __asm__ volatile("" : "+r"(seed));                                                     \
        } while (--left_);                                                                         \
    } while (0)

#define WORKER(name)                                                                               \
    __attribute__((noinline, aligned(64))) static uint64_t name(uint64_t iterations,               \
                                                                uint64_t seed) {                   \
        __asm__ volatile("# " #name); /* or identical functions would be merged */                 \
        BURN(iterations, seed);                                                                    \
        return seed;                                                                               \
    }

WORKER(check_password)
WORKER(render_page)
WORKER(write_audit)

typedef uint64_t (*worker)(uint64_t, uint64_t);
static const worker workers[3] = {check_password, render_page, write_audit};
static const char *const names[3] = {"check_password", "render_page", "write_audit"};

static double cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static volatile uint64_t sink;

/* Rounds in which each function has a turn. */
enum { ROUNDS = 401, ITERATIONS = 100000 };

static int ascending(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

/* Nanoseconds of an iteration of the first function, and how long each takes in terms of it:
 * medians of many rounds. A change of the clock rate, or a neighbour, meets all three of a round. */
static double calibrate(double ratios[3]) {
    static double first[ROUNDS], ratio[3][ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        double ns[3];
        for (int which = 0; which < 3; which++) {
            double start = cpu_ns();
            sink = workers[which](ITERATIONS, 1);
            ns[which] = (cpu_ns() - start) / ITERATIONS;
        }
        first[round] = ns[0];
        for (int which = 0; which < 3; which++) ratio[which][round] = ns[which] / ns[0];
    }
    qsort(first, ROUNDS, sizeof first[0], ascending);
    for (int which = 0; which < 3; which++) {
        qsort(ratio[which], ROUNDS, sizeof ratio[0][0], ascending);
        ratios[which] = ratio[which][ROUNDS / 2];
    }
    return first[ROUNDS / 2];
}

static int self_test(void) {
    double ratios[3], least = 1, most = 1;
    double ns = calibrate(ratios);
    for (int which = 0; which < 3; which++) {
        if (ratios[which] < least) least = ratios[which];
        if (ratios[which] > most) most = ratios[which];
        printf("%s %.6f ns an iteration\n", names[which], ns * ratios[which]);
    }
    double apart = (most - least) / least;
    printf("apart %.4f %%\n", apart * 100);
    return apart <= 0.003 ? 0 : 1;
}

static uint64_t answer_request(uint64_t seed) {
    seed = check_password(CHECK * tenth, seed);
    seed = render_page(RENDER * tenth, seed);
    return write_audit(WRITE * tenth, seed);
}

static int send_all(int socket, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t sent = send(socket, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0) return -1;
        bytes += sent;
        length -= (size_t)sent;
    }
    return 0;
}

static void *serve(void *argument) {
    static const char answer[] = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n";
    int socket = (int)(intptr_t)argument;
    char buffer[8192];
    size_t have = 0;
    uint64_t seed = 88172645463325252u;
    for (;;) {
        ssize_t got = recv(socket, buffer + have, sizeof buffer - have, 0);
        if (got <= 0) break;
        have += (size_t)got;
        char *end;
        while ((end = memmem(buffer, have, "\r\n\r\n", 4)) != NULL) {
            seed = answer_request(seed);
            if (send_all(socket, answer, sizeof answer - 1) != 0) goto done;
            size_t used = (size_t)(end + 4 - buffer);
            memmove(buffer, buffer + used, have - used);
            have -= used;
        }
        if (have == sizeof buffer) break;
    }
done:
    sink = seed;
    close(socket);
    return NULL;
}

static int fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    return 1;
}

int main(int count, char **words) {
    if (count == 2 && strcmp(words[1], "--self-test") == 0) return self_test();
    const char *cost = getenv("COST_US");
    double cost_us = cost ? atof(cost) : 0;
    int port = count == 2 ? atoi(words[1]) : 0;
    if (port <= 0 || !(cost_us >= 1 && cost_us <= 1e6)) {
        fprintf(stderr, "usage: COST_US=MICROSECONDS server PORT | --self-test\n");
        return 2;
    }
    double ratios[3];
    tenth = (uint64_t)(cost_us * 100 / calibrate(ratios) + 0.5);

    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0) return fail("bind");
    if (listen(listener, 1024) != 0) return fail("listen");
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&small, 256 * 1024);
    for (;;) {
        int socket = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (socket < 0) continue;
        setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        pthread_t thread;
        if (pthread_create(&thread, &small, serve, (void *)(intptr_t)socket) != 0) close(socket);
    }
}
