# SPDX-License-Identifier: Apache-2.0
"""slow-heads.py: many clients that send heads slowly, and one that measures normal ones.

    slow-heads.py drip IP:PORT COUNT    opens COUNT connections, sends a byte of a head on each every 3 s, until all are
                                        closed; says "open" when all are, then how long after its first byte the last
                                        one was closed, and how many got 408
    slow-heads.py hold IP:PORT COUNT    opens COUNT connections, says "open", holds them until its stdin ends
    slow-heads.py probe IP:PORT COUNT   COUNT requests, 10 ms apart, on one connection: the 99th percentile, in us
"""
import resource
import selectors
import socket
import sys
import time

HEAD = b"GET /1k HTTP/1.1\r\nHost: a.test\r\nX-Slow: "


def connect(to):
    sock = socket.socket()
    sock.setblocking(False)
    sock.connect_ex(to)
    return sock


def open_all(to, count, ready):
    """Connects COUNT sockets, some hundred at a time; ready(sock) for each."""
    poll = selectors.DefaultSelector()
    left, pending = count, 0
    while left or pending:
        while left and pending < 256:
            poll.register(connect(to), selectors.EVENT_WRITE)
            left, pending = left - 1, pending + 1
        for key, _ in poll.select(5):
            poll.unregister(key.fileobj)
            pending -= 1
            ready(key.fileobj)


def drip(to, count):
    poll = selectors.DefaultSelector()
    began, got, ages, refused = {}, {}, [], 0

    def ready(sock):
        try:
            sock.send(HEAD)
        except OSError:
            sys.exit("a connection was not accepted")
        began[sock], got[sock] = time.monotonic(), b""
        poll.register(sock, selectors.EVENT_READ)

    open_all(to, count, ready)
    print("open", flush=True)
    beat = time.monotonic()
    waiting = list(began)
    at = 0
    while began and time.monotonic() - beat < 60:
        for key, _ in poll.select(0.05):
            sock = key.fileobj
            try:
                data = sock.recv(4096)
            except OSError:
                data = b""
            if data:
                got[sock] += data
                continue
            ages.append(time.monotonic() - began.pop(sock))
            refused += got.pop(sock).startswith(b"HTTP/1.1 408 ")
            poll.unregister(sock)
            sock.close()
        due = int((time.monotonic() - beat) / 3 * len(waiting))
        for sock in waiting[at % len(waiting):][:max(0, due - at)]:
            if sock in began and not got[sock]:
                try:
                    sock.send(b"z")
                except OSError:
                    pass
        at = max(at, due)
    print(f"{max(ages, default=0):.1f} {refused} {len(began)}", flush=True)


def hold(to, count):
    held = [connect(to) for _ in range(count)]
    print("open", flush=True)
    sys.stdin.read()
    del held


def probe(to, count):
    sock = socket.create_connection(to, timeout=10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    took = []
    for i in range(count):
        began = time.monotonic()
        sock.sendall(b"GET /1k HTTP/1.1\r\nHost: a.test\r\n\r\n")
        got = b""
        while got.count(b"x") < 1024:
            data = sock.recv(65536)
            if not data:
                sys.exit("the connection ended")
            got += data
        took.append(time.monotonic() - began)
        time.sleep(0.01)
    print(int(sorted(took)[count * 99 // 100] * 1e6))


hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
ip, port = sys.argv[2].split(":")
{"drip": drip, "hold": hold, "probe": probe}[sys.argv[1]]((ip, int(port)), int(sys.argv[3]))
