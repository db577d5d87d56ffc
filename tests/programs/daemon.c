// A server that goes into the background as daemons do, and takes nothing along: it forks twice,
// leads a session of its own, and starts itself again with an environment of nothing.
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int serve(int port) {
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    char request[1024];
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&to, sizeof to) || listen(listener, 16)) return 1;
    for (;;) {
        int peer = accept(listener, NULL, NULL);
        if (read(peer, request, sizeof request) > 0) (void)!write(peer, answer, strlen(answer));
        close(peer);
    }
}

// daemon PORT [stay]: with `stay`, the first process serves as well, at no port.
int main(int count, char **words) {
    char *again[] = {words[0], "serve", count > 1 ? words[1] : NULL, NULL}, *nothing[] = {NULL};
    if (count > 2 && !strcmp(words[1], "serve")) return serve(atoi(words[2]));
    if (fork()) {
        if (count > 2) pause();
        return 0;
    }
    setsid();
    if (fork()) return 0;
    execve(words[0], again, nothing);
    return 1;
}
