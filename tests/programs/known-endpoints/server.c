/* A server of one thread, of which each endpoint is known to cost a certain CPU time.
 *
 * Usage: known-endpoints PORT
 *
 * /light takes 40 us, /medium 120 us and /heavy 400 us, each in a function of its own, beside what
 * receiving and answering takes, which is the same for all. All calls of one kind are alike.
 * /truth answers what each function really took, by that clock: its name, its calls, nanoseconds.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 1024, BUFFER = 8192 };

static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

struct connection {
    char bytes[BUFFER];
    size_t length;
};

static struct pollfd watched[CONNECTIONS + 1];
static struct connection connections[CONNECTIONS + 1];
static nfds_t count = 1;
static volatile uint64_t sink;

static uint64_t cpu_nanos(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

struct truth {
    uint64_t calls, nanos;
};

/* So many steps take a microsecond; found once. Calls then do the same work, and not work for the
 * same time: what slows a server down slows all of it down. */
static uint64_t steps_of_us;

static __attribute__((noinline)) uint64_t mix(uint64_t mixed, uint64_t steps) {
    for (uint64_t step = 0; step < steps; step++) {
        mixed = (mixed ^ (mixed >> 7)) * 0x9e3779b97f4a7c15;
    }
    return mixed;
}

static void calibrate(void) {
    uint64_t least = UINT64_MAX;
    for (int round = 0; round < 20; round++) {
        uint64_t start = cpu_nanos();
        sink = mix(sink, 1000000);
        uint64_t took = cpu_nanos() - start;
        least = took < least ? took : least;
    }
    steps_of_us = 1000000000 / (least > 0 ? least : 1) + 1;
}

#define WORK(name)                                                   \
    static struct truth truth_of_##name;                             \
    static __attribute__((noinline)) void name(uint64_t us) {        \
        uint64_t start = cpu_nanos();                                \
        uint64_t mixed = sink;                                       \
        for (uint64_t left = us * steps_of_us; left > 0; left--) {   \
            mixed = (mixed ^ (mixed >> 7)) * 0x9e3779b97f4a7c15;     \
        }                                                            \
        sink = mixed;                                                \
        truth_of_##name.calls += 1;                                  \
        truth_of_##name.nanos += cpu_nanos() - start;                \
    }

WORK(work_light)
WORK(work_medium)
WORK(work_heavy)

static int is_for(const struct connection *connection, const char *path) {
    return strncmp(connection->bytes, path, strlen(path)) == 0;
}

static void tell(int socket) {
    const struct truth *truths[] = {&truth_of_work_light, &truth_of_work_medium, &truth_of_work_heavy};
    const char *names[] = {"work_light", "work_medium", "work_heavy"};
    char body[256], text[512];
    int length = 0;
    for (int i = 0; i < 3; i++) {
        length += snprintf(body + length, sizeof body - (size_t)length, "%s %llu %llu\n", names[i],
                           (unsigned long long)truths[i]->calls, (unsigned long long)truths[i]->nanos);
    }
    int whole = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", length, body);
    (void)!write(socket, text, (size_t)whole);
}

static void answer(int socket, const struct connection *connection) {
    if (is_for(connection, "GET /truth ")) {
        tell(socket);
        return;
    }
    if (is_for(connection, "GET /light ")) {
        work_light(40);
    } else if (is_for(connection, "GET /medium ")) {
        work_medium(120);
    } else if (is_for(connection, "GET /heavy ")) {
        work_heavy(400);
    }
    /* A peer that is gone is seen at the next read. */
    (void)!write(socket, ANSWER, sizeof ANSWER - 1);
}

static void drop(nfds_t place) {
    close(watched[place].fd);
    count -= 1;
    watched[place] = watched[count];
    connections[place] = connections[count];
}

static void welcome(void) {
    int socket = accept(watched[0].fd, NULL, NULL);
    if (socket < 0) {
        return;
    }
    if (count > CONNECTIONS) {
        close(socket);
        return;
    }
    int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watched[count] = (struct pollfd){.fd = socket, .events = POLLIN};
    connections[count].length = 0;
    count += 1;
}

/* Reads what has come; returns whether the connection goes on. */
static int serve(nfds_t place) {
    struct connection *connection = &connections[place];
    size_t room = BUFFER - 1 - connection->length;
    ssize_t got = read(watched[place].fd, connection->bytes + connection->length, room);
    if (got <= 0) {
        return 0;
    }
    connection->length += (size_t)got;
    connection->bytes[connection->length] = '\0';
    char *end;
    while ((end = strstr(connection->bytes, "\r\n\r\n")) != NULL) {
        answer(watched[place].fd, connection);
        size_t taken = (size_t)(end + 4 - connection->bytes);
        connection->length -= taken;
        memmove(connection->bytes, end + 4, connection->length + 1);
    }
    return connection->length < BUFFER - 1;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "known-endpoints PORT\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    calibrate();
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(argv[1])),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, CONNECTIONS) < 0) {
        perror("known-endpoints");
        return 1;
    }
    watched[0] = (struct pollfd){.fd = listener, .events = POLLIN};
    for (;;) {
        if (poll(watched, count, -1) < 0) {
            continue;
        }
        /* From the end, as one that is dropped gives its place to the last. */
        for (nfds_t place = count - 1; place > 0; place--) {
            if (watched[place].revents != 0 && !serve(place)) {
                drop(place);
            }
        }
        if (watched[0].revents != 0) {
            welcome();
        }
    }
}
