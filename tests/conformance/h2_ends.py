# SPDX-License-Identifier: Apache-2.0
"""h2_ends.py CLIENT-IP:PORT BACKEND-IP:PORT: a raw HTTP/2 client and a raw HTTP/2 server with the mesh between them.

The server does what the path says. Prints `NAME FINDING` lines."""
import socket
import struct
import sys
import threading
import time

from h2_raw import *


class Server(Client):
    """The other end of a connection: frames as they come, answers as the path asks."""

    def __init__(self, app, sock):
        self.app, self.sock, self.timeout = app, sock, 30
        self.buffer, self.decoder, self.frames, self.settings, self.blocks = b"", Decoder(), [], {}, None
        self.heads, self.content, self.lock = {}, {}, threading.Lock()
        self.windows, self.answered = {0: 65535}, 0

    def serve(self):
        try:
            self._fill(len(PREFACE), time.monotonic() + 30)
            self.buffer = self.buffer[len(PREFACE):]
            self.send(setting((4, 1 << 20)), window_update(0, 1 << 24))
            while True:
                self.frame_came(self.receive(time.monotonic() + 60))
        except (Closed, TimeoutError, OSError):
            pass

    def frame_came(self, f):
        now = time.monotonic()
        if f.kind == SETTINGS and not f.flags & ACK:
            self.send(frame(SETTINGS, ACK))
        elif f.kind == PING and not f.flags & ACK:
            self.send(frame(PING, ACK, 0, f.payload))
        elif f.kind == WINDOW_UPDATE:
            self.windows[f.stream] = self.windows.get(f.stream, 0) + struct.unpack(">I", f.payload)[0]
        elif f.kind == RST_STREAM:
            self.app.resets.append((dict(self.heads.get(f.stream, [])).get(":path"), f.code(), now))
        if f.kind == HEADERS and f.stream not in self.heads:
            self.heads[f.stream] = f.fields
        elif f.kind == HEADERS:
            self.app.trailers = f.fields
        elif f.kind == DATA:
            self.content[f.stream] = self.content.get(f.stream, b"") + f.payload
        if f.kind in (DATA, HEADERS) and (f.flags & END_STREAM):
            self.answer(f.stream, dict(self.heads[f.stream]), self.heads[f.stream])

    def head(self, stream, status, flags=END_HEADERS, *more):
        self.send(frame(HEADERS, flags, stream, block([(":status", status), *more])))

    def answer(self, stream, head, fields):
        path = head[":path"]
        self.app.seen.append(path)
        if path == "/hang":
            self.app.hanging.set()
        elif path == "/early":
            self.send(rst(stream, INTERNAL))
        elif path == "/late":
            self.head(stream, "200")
            self.send(frame(DATA, 0, stream, b"half"))
            self.app.half_came.wait(5)
            self.send(rst(stream, INTERNAL))
        elif path == "/refused" and self.app.seen.count(path) == 1:
            self.send(rst(stream, REFUSED))
        elif path == "/no-error":
            self.head(stream, "200")
            self.send(frame(DATA, END_STREAM, stream, b"all of it"), rst(stream, NO_ERROR))
        elif path == "/slow":
            self.head(stream, "200")
            self.pour(stream)
        elif path == "/whole":
            self.app.fields = fields
            self.head(stream, "103", END_HEADERS, ("link", "</a>"))
            self.head(stream, "200", END_HEADERS, ("set-cookie", "a=1"), ("set-cookie", "b=2"), ("x-answer", "yes"))
            self.send(frame(DATA, 0, stream, self.content.get(stream, b"")),
                      frame(HEADERS, END_HEADERS | END_STREAM, stream, block([("sum", "7"), ("grpc-status", "0")])))
        else:
            self.answered += 1
            if path == "/goaway" and self.answered == 40:
                self.send(frame(GOAWAY, 0, 0, struct.pack(">II", stream, 0)))
                self.head(stream, "200", END_HEADERS | END_STREAM)
                return
            if path == "/goaway" and self.answered > 40:
                return  # beyond what GOAWAY named
            self.head(stream, "200", END_HEADERS | END_STREAM)

    def pour(self, stream):
        """DATA as far as windows allow; for two seconds without room."""
        initial = self.settings.get(4, 65535)
        self.windows[stream] = self.windows.get(stream, 0) + initial
        sent, last = 0, time.monotonic()
        while time.monotonic() - last < 2:
            room = min(self.windows[0], self.windows[stream], 16384)
            if room > 0:
                self.send(frame(DATA, 0, stream, b"x" * room))
                self.windows[0] -= room
                self.windows[stream] -= room
                sent += room
                self.app.poured = sent
                last = time.monotonic()
            try:
                f = self.receive(time.monotonic() + 0.1)
            except TimeoutError:
                continue
            self.frame_came(f)


class App:
    def __init__(self, at):
        self.seen, self.resets, self.trailers, self.fields, self.poured = [], [], [], [], 0
        self.hanging, self.half_came = threading.Event(), threading.Event()
        self.listener = socket.create_server(at, backlog=128)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            sock, _ = self.listener.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=Server(self, sock).serve, daemon=True).start()


def request(stream, path, end=True, *more, method=None):
    fields = [(":method", method or ("GET" if end else "POST")), (":scheme", "http"), (":path", path),
              (":authority", "web"), *more]
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block(fields))


def main():
    host, _, port = sys.argv[1].rpartition(":")
    behind = sys.argv[2].rpartition(":")
    target, app = Target((host, int(port))), App((behind[0], int(behind[2])))
    end = time.monotonic() + 10
    while True:  # the mesh may still find out that somebody listens now
        with Client(target) as c:
            c.send(request(1, "/"))
            if c.response(1) == 200 or time.monotonic() > end:
                break
        time.sleep(0.1)

    with Client(target) as c:
        c.send(request(1, "/hang"))
        app.hanging.wait(5)
        began = time.monotonic()
        c.send(rst(1, CANCEL))
        while not app.resets and time.monotonic() < began + 5:
            time.sleep(0.001)
        path, code, at = (app.resets or [(None, INTERNAL, began + 5)])[0]
        print("cancel-code", NAMES[code] if path == "/hang" else path)
        print("cancel-ms %.1f" % (1000 * (at - began)))

    with Client(target) as c:
        c.send(request(1, "/late"))
        c.wait(lambda f: f.stream == 1 and f.kind == DATA)
        app.half_came.set()
        f = c.wait(lambda f: f.stream == 1 and f.kind == RST_STREAM)
        print("late", NAMES[f.code()])
        c.send(request(3, "/early"))
        f = c.wait(lambda f: f.stream == 3 and f.kind in (HEADERS, RST_STREAM))
        head = dict(f.fields or [])
        print("early", head.get(":status"), head.get("x-meshd-error", "").split(";")[0])
        c.send(request(5, "/refused"))
        print("refused", c.response(5), "after", app.seen.count("/refused"))
        c.send(request(7, "/no-error", False))
        c.send(frame(DATA, END_STREAM, 7, b"content"))
        print("no-error", c.response(7), "whole" if c.content(7) == b"all of it" else "cut")

    with Client(target) as c:
        good = 0
        for i in range(0, 200, 50):
            streams = range(1 + 2 * i, 1 + 2 * (i + 50), 2)
            c.send(*(request(s, "/goaway") for s in streams))
            waiting = set(streams)
            while waiting:
                f = c.receive()
                if f.stream in waiting and f.kind in (HEADERS, RST_STREAM):
                    good += f.kind == HEADERS and dict(f.fields)[":status"] == "200"
                    waiting.discard(f.stream)
        print("goaway", good, "of 200")

    with Client(target) as c:
        c.send(request(1, "/whole", False, ("te", "trailers"), ("cookie", "a=1"), ("cookie", "b=2"), ("x-ask", "yes")),
               frame(DATA, 0, 1, b"con"), frame(DATA, 0, 1, b"tent"),
               frame(HEADERS, END_HEADERS | END_STREAM, 1, block([("up-sum", "3")])))
        status, content, frames = c.response(1), c.content(1), c.frames
        heads = [f.fields for f in frames if f.kind == HEADERS]
        up, down = dict(app.fields), dict(heads[-2])
        wrong = [what for what, good in {
            "103": dict(heads[0]).get(":status") == "103" and dict(heads[0]).get("link") == "</a>",
            "content": status == 200 and content == b"content",
            "fields": down.get("x-answer") == "yes" and up.get("x-ask") == "yes",
            "set-cookie": [v for k, v in heads[-2] if k == "set-cookie"] == ["a=1", "b=2"],
            "cookie": up.get("cookie") == "a=1; b=2",
            "te": up.get("te") == "trailers",
            "authority": up.get(":authority") == "web",
            "trailers": dict(heads[-1]) == {"sum": "7", "grpc-status": "0"} and ("up-sum", "3") in app.trailers,
        }.items() if not good]
        print("whole", "yes" if not wrong else wrong)

    with Client(target) as c:
        c.send(request(1, "/slow"))
        c.response(1)
        time.sleep(3)  # the client takes nothing: how far does the server get?
        print("slow", app.poured // 1024)


main()
