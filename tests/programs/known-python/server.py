"""A server that knows what it spends its time on.

Of the time of /work, two thirds are in alpha, which call_alpha calls, and one third is in beta. With
a second argument it forks that many workers, which share its port.

    python3 server.py PORT [WORKERS]
"""

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# How much one call of work does.
STEPS = 4000


def alpha():
    x = 1
    for _ in range(2 * STEPS):
        x = (x * 5 + 1) & 0xFFFF
    return x


def beta():
    x = 1
    for _ in range(STEPS):
        x = (x * 5 + 1) & 0xFFFF
    return x


def call_alpha():
    return alpha()


def work():
    return call_alpha() + beta()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body go out at once, and wait for nothing.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self):
        if self.path == "/work":
            work()
        body = b"done\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
    for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 0):
        if os.fork() == 0:
            break
    server.serve_forever()


main()
