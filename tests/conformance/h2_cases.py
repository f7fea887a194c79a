# SPDX-License-Identifier: Apache-2.0
"""h2_cases.py EXPLICIT-PORT MESH-PORT AUTHORITY CERT KEY BACKEND-PORT: every case of RFC 9113 and RFC 7541 that a server
must answer in one way, each named by its section, against the explicit listener and, as far as frames go, the mesh port.

Ports are ADDRESS:PORT. AUTHORITY is what CONNECT names on the mesh port. Exit 1 where a case fails."""
import concurrent.futures
import http.server
import struct
import sys
import threading

from h2_raw import *

CASES = []  # (section, title, check(client, way), on the mesh port too, already started)


def case(section, title, http=False, start=True):
    def add(check):
        CASES.append((section, title, check, not http, start))
        return check
    return add


class Failed(Exception):
    pass


# ---- what must come back

def connection_error(c, *codes, silent=False):
    """GOAWAY with one of `codes` and then the end; `silent`: the end alone is enough."""
    try:
        f = c.wait(lambda f: f.kind == GOAWAY and f.code() != NO_ERROR)
    except Closed:
        if silent:
            return
        raise Failed("closed without GOAWAY, after %s" % c.frames[-3:]) from None
    if f.code() not in codes:
        raise Failed("GOAWAY %s" % NAMES[f.code()])
    try:
        while True:
            c.receive()
    except Closed:
        pass


def stream_error(c, stream, *codes):
    """RST_STREAM with one of `codes`, and the connection goes on; or all of it ends so (section 5.4.2)."""
    f = c.wait(lambda f: f.kind == GOAWAY and f.code() != NO_ERROR or f.kind == RST_STREAM and f.stream == stream)
    if f.code() not in codes:
        raise Failed("%s %s" % (f, NAMES[f.code()]))
    if f.kind == RST_STREAM:
        c.ping()


def refused(c, stream):
    """A malformed request: reset as such, or answered with 400 (section 8.1.1)."""
    f = c.wait(lambda f: f.kind == GOAWAY and f.code() != NO_ERROR or
               f.stream == stream and f.kind in (RST_STREAM, HEADERS))
    if f.kind == HEADERS:
        if dict(f.fields)[":status"] not in ("400", "501"):
            raise Failed("status %s" % dict(f.fields)[":status"])
    elif f.code() != PROTOCOL:
        raise Failed("%s %s" % (f, NAMES[f.code()]))


def expect(what, got, *wanted):
    if got not in wanted:
        raise Failed("%s is %s, wanted %s" % (what, got, wanted))


# ---- requests

class Way:
    """How a request is begun on a listener."""

    def __init__(self, target, authority, mesh):
        self.target, self.authority, self.mesh = target, authority, mesh
        self.path = "/"  # of this case alone, so that the backend can tell

    def fields(self, method="GET", *more, without=()):
        if self.mesh:
            return [(":method", "CONNECT"), (":authority", self.authority), *more]
        pseudo = [(":method", method), (":scheme", "http"), (":path", self.path), (":authority", "web")]
        return [f for f in pseudo if f[0] not in without] + list(more)

    def open(self, stream=1, end=False, *more, method=None, flags=END_HEADERS):
        """HEADERS of a good request, with or without END_STREAM."""
        fields = self.fields(method or ("GET" if end else "POST"), *more)
        return frame(HEADERS, flags | (END_STREAM if end else 0), stream, block(fields))


def conn(section, title, make, *codes, http=False):
    @case(section, title, http)
    def check(c, w):
        c.send(make(w))
        connection_error(c, *codes)


def strm(section, title, make, *codes, http=False):
    @case(section, title, http)
    def check(c, w):
        c.send(make(w))
        stream_error(c, 1, *codes)


def alive(section, title, make, http=False):
    @case(section, title, http)
    def check(c, w):
        c.send(make(w))
        c.ping()


def malformed(section, title, *more, without=(), method="GET"):
    @case(section, title, http=True)
    def check(c, w):
        c.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, block(w.fields(method, *more, without=without))))
        refused(c, 1)
        c.ping()
        if w.path in BACKEND.seen:
            raise Failed("it reached the application")


# ---- 3.4 preface

@case("3.4", "the server's first frame is SETTINGS", start=False)
def _(c, w):
    c.send(PREFACE, setting())
    f = c.receive()
    expect("the first frame", f.kind, SETTINGS)
    expect("its flags", f.flags & ACK, 0)


@case("3.4", "a bad preface ends the connection", start=False)
def _(c, w):
    c.send(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", setting())
    try:
        connection_error(c, PROTOCOL, silent=True)
    except Failed:
        pass  # an HTTP/1 answer read as a frame


@case("3.4", "SETTINGS must be the first frame", start=False)
def _(c, w):
    c.send(PREFACE, frame(PING, 0, 0, b"too soon"))
    connection_error(c, PROTOCOL)


# ---- 4.1, 4.2, 4.3, 5.5 frames

alive("4.1", "unknown frame types are ignored", lambda w: frame(0x16, 0, 0, b"x" * 100) + frame(0xFA, 0xFF, 7, b""))
alive("4.1", "undefined flags are ignored", lambda w: frame(PING, 0xFE, 0, b"12345678"))
alive("4.1", "the reserved bit of the stream id is ignored", lambda w: frame(PING, 0, 0x80000000, b"12345678"))
conn("4.2", "DATA longer than SETTINGS_MAX_FRAME_SIZE", lambda w: w.open() + frame(DATA, 0, 1, b"x" * 16385), FRAME_SIZE)
conn("4.2", "HEADERS longer than SETTINGS_MAX_FRAME_SIZE",
     lambda w: frame(HEADERS, END_HEADERS, 1, b"x" * 16385), FRAME_SIZE)
conn("4.2", "an unknown frame longer than SETTINGS_MAX_FRAME_SIZE", lambda w: frame(0x16, 0, 0, b"x" * 16385), FRAME_SIZE)
conn("4.3", "a field block that cannot be decoded",
     lambda w: frame(HEADERS, END_HEADERS, 1, block(w.fields()) + b"\xff\xff\xff\xff\xff\xff"), COMPRESSION)
conn("4.3", "a field block interrupted by PRIORITY", lambda w: w.open(flags=0) + priority(1, 0), PROTOCOL)
conn("4.3", "a field block interrupted by HEADERS of another stream", lambda w: w.open(flags=0) + w.open(3), PROTOCOL)
conn("4.3", "a field block cut short: CONTINUATION of another stream",
     lambda w: w.open(flags=0) + frame(CONTINUATION, END_HEADERS, 3, literal("x", "y")), PROTOCOL)
conn("5.5", "an unknown frame within a field block", lambda w: w.open(flags=0) + frame(0x16, 0, 0, b""), PROTOCOL)

# ---- 5.1 stream states

conn("5.1", "idle: DATA", lambda w: frame(DATA, END_STREAM, 1, b"x"), PROTOCOL)
conn("5.1", "idle: RST_STREAM", lambda w: rst(1), PROTOCOL)
conn("5.1", "idle: WINDOW_UPDATE", lambda w: window_update(1, 100), PROTOCOL)
conn("5.1", "idle: CONTINUATION", lambda w: frame(CONTINUATION, END_HEADERS, 1, literal("x", "y")), PROTOCOL)
alive("5.1", "idle: PRIORITY is fine", lambda w: priority(1, 0) + priority(9, 1))
strm("5.1", "half-closed (remote): DATA", lambda w: w.open(1, True) + frame(DATA, END_STREAM, 1, b"x"), STREAM_CLOSED)
strm("5.1", "half-closed (remote): HEADERS", lambda w: w.open(1, True) + w.open(1, True), STREAM_CLOSED)
conn("5.1", "half-closed (remote): CONTINUATION",
     lambda w: w.open(1, True) + frame(CONTINUATION, END_HEADERS, 1, literal("x", "y")), PROTOCOL, STREAM_CLOSED)
alive("5.1", "half-closed (remote): WINDOW_UPDATE, PRIORITY and RST_STREAM are fine",
      lambda w: w.open(1, True) + window_update(1, 100) + priority(1, 0) + rst(1))
strm("5.1", "closed by RST_STREAM: DATA", lambda w: w.open() + rst(1) + frame(DATA, END_STREAM, 1, b"x"), STREAM_CLOSED)
strm("5.1", "closed by RST_STREAM: DATA without a byte", lambda w: w.open() + rst(1) + frame(DATA, 0, 1), STREAM_CLOSED)
strm("5.1", "closed by RST_STREAM: HEADERS", lambda w: w.open() + rst(1) + w.open(1, True), STREAM_CLOSED)
conn("5.1", "closed by RST_STREAM: CONTINUATION",
     lambda w: w.open() + rst(1) + frame(CONTINUATION, END_HEADERS, 1, literal("x", "y")), PROTOCOL, STREAM_CLOSED)
alive("5.1", "closed by RST_STREAM: WINDOW_UPDATE, PRIORITY and RST_STREAM are fine",
      lambda w: w.open() + rst(1) + window_update(1, 100) + priority(1, 0) + rst(1))


def finished(c, w, stream=1):
    """A stream that has ended both ways."""
    c.send(w.open(stream, True))
    c.response(stream)
    while not any(f.stream == stream and (f.kind == RST_STREAM or f.flags & END_STREAM and f.kind in (DATA, HEADERS))
                  for f in c.frames):
        c.receive()


@case("5.1", "closed by END_STREAM: DATA", http=True)
def _(c, w):
    finished(c, w)
    c.send(frame(DATA, END_STREAM, 1, b"x"))
    connection_error(c, STREAM_CLOSED)


@case("5.1", "closed by END_STREAM: HEADERS", http=True)
def _(c, w):
    finished(c, w)
    c.send(w.open(1, True))
    connection_error(c, STREAM_CLOSED)


@case("5.1", "closed by END_STREAM: CONTINUATION")
def _(c, w):
    finished(c, w)
    c.send(frame(CONTINUATION, END_HEADERS, 1, literal("x", "y")))
    connection_error(c, STREAM_CLOSED, PROTOCOL)


@case("5.1", "closed by END_STREAM: WINDOW_UPDATE, PRIORITY and RST_STREAM are fine")
def _(c, w):
    finished(c, w)
    c.send(window_update(1, 100), priority(1, 0), rst(1))
    c.ping()


@case("5.1", "closed by the server's RST_STREAM: what was on its way is ignored")
def _(c, w):
    c.send(w.open(1, False, ("Upper", "case")))
    stream_error(c, 1, PROTOCOL)
    c.send(frame(DATA, 0, 1, b"x"), frame(HEADERS, END_HEADERS | END_STREAM, 1, literal("sum", "1")))
    c.ping()


conn("5.1.1", "a stream with an even id", lambda w: w.open(2, True), PROTOCOL)
conn("5.1.1", "HEADERS on stream 0", lambda w: frame(HEADERS, END_HEADERS, 0, block(w.fields())), PROTOCOL)
conn("5.1.1", "an id that was passed over", lambda w: w.open(5, True) + w.open(3, True), PROTOCOL)


@case("5.1.2", "streams over the limit that the client cannot know yet are refused, the others go on", http=True, start=False)
def _(c, w):
    c.send(PREFACE, setting(), *(w.open(1 + 2 * i) for i in range(101)))
    stream_error(c, 201, REFUSED)
    c.send(frame(DATA, END_STREAM, 1, b"x"), frame(DATA, END_STREAM, 201, b"x"))
    expect("the first answer", c.response(1), 200)
    expect("the limit", c.settings[3], 100)


conn("5.1.2", "streams over the limit that the client knows", lambda w: b"".join(w.open(1 + 2 * i) for i in range(1001)),
     PROTOCOL, REFUSED)


# ---- 5.3, 6.3 PRIORITY

conn("5.3.1", "PRIORITY: a stream that depends on itself", lambda w: w.open() + priority(1, 1), PROTOCOL)
conn("5.3.1", "PRIORITY: an idle stream that depends on itself", lambda w: priority(7, 0x80000007), PROTOCOL)
strm("5.3.1", "HEADERS: a stream that depends on itself",
     lambda w: frame(HEADERS, END_HEADERS | PRIORITY_FLAG, 1, struct.pack(">IB", 1, 9) + block(w.fields())), PROTOCOL)
alive("5.3.1", "HEADERS with a priority are fine",
      lambda w: frame(HEADERS, END_HEADERS | PRIORITY_FLAG, 1, struct.pack(">IB", 0, 9) + block(w.fields())))
conn("6.3", "PRIORITY on stream 0", lambda w: priority(0, 1), PROTOCOL)
for n in (0, 4, 6):
    strm("6.3", "PRIORITY of %d bytes" % n, lambda w, n=n: w.open() + frame(PRIORITY, 0, 1, b"\0" * n), FRAME_SIZE)

# ---- 6.1 DATA, 6.2 HEADERS

conn("6.1", "DATA on stream 0", lambda w: frame(DATA, 0, 0, b"x"), PROTOCOL)
conn("6.1", "DATA padded beyond its payload", lambda w: w.open() + frame(DATA, PADDED, 1, b"\x06hello"), PROTOCOL)
conn("6.1", "padded DATA without a pad length", lambda w: w.open() + frame(DATA, PADDED, 1, b""), PROTOCOL, FRAME_SIZE)
conn("6.2", "HEADERS padded beyond their payload",
     lambda w: frame(HEADERS, END_HEADERS | PADDED, 1, b"\xff" + block(w.fields())), PROTOCOL)
conn("6.2", "HEADERS without END_HEADERS, then DATA", lambda w: w.open(flags=0) + frame(DATA, 0, 1, b"x"), PROTOCOL)
conn("6.2", "padded HEADERS without a pad length",
     lambda w: frame(HEADERS, END_HEADERS | PADDED, 1, b""), PROTOCOL, FRAME_SIZE)


@case("6.1", "padding is no content, and is counted in the window", http=True)
def _(c, w):
    for stream in range(1, 51, 2):  # together more than the connection's window
        c.send(w.open(stream), *(frame(DATA, PADDED, stream, bytes([255]) + b"ab" + b"\0" * 255) for _ in range(200)),
               frame(DATA, END_STREAM | PADDED, stream, b"\x02c\0\0"))
        expect("the answer", c.response(stream), 200)
        expect("its content", c.content(stream), b"ab" * 200 + b"c")


@case("6.2", "padded HEADERS with a priority are understood", http=True)
def _(c, w):
    body = b"\x03" + struct.pack(">IB", 0, 1) + block(w.fields()) + b"\0\0\0"
    c.send(frame(HEADERS, END_HEADERS | END_STREAM | PADDED | PRIORITY_FLAG, 1, body))
    expect("the answer", c.response(1), 200)


# ---- 6.4 RST_STREAM, 6.5 SETTINGS, 6.6 PUSH_PROMISE

conn("6.4", "RST_STREAM on stream 0", lambda w: rst(0), PROTOCOL)
for n in (3, 5):
    conn("6.4", "RST_STREAM of %d bytes" % n, lambda w, n=n: w.open() + frame(RST_STREAM, 0, 1, b"\0" * n), FRAME_SIZE)
conn("6.5", "SETTINGS with ACK and content", lambda w: frame(SETTINGS, ACK, 0, b"\0\3\0\0\0\1"), FRAME_SIZE)
conn("6.5", "SETTINGS on a stream", lambda w: frame(SETTINGS, 0, 1, b""), PROTOCOL)
conn("6.5", "SETTINGS of five bytes", lambda w: frame(SETTINGS, 0, 0, b"\0" * 5), FRAME_SIZE)
conn("6.5.2", "SETTINGS_ENABLE_PUSH of 2", lambda w: setting((2, 2)), PROTOCOL)
conn("6.5.2", "SETTINGS_INITIAL_WINDOW_SIZE over its maximum", lambda w: setting((4, 1 << 31)), FLOW_CONTROL)
conn("6.5.2", "SETTINGS_MAX_FRAME_SIZE under its minimum", lambda w: setting((5, 16383)), PROTOCOL)
conn("6.5.2", "SETTINGS_MAX_FRAME_SIZE over its maximum", lambda w: setting((5, 1 << 24)), PROTOCOL)
alive("6.5.2", "unknown settings are ignored", lambda w: setting((0xFF, 1), (0xFA, 0xFFFFFFFF)))
alive("6.5.2", "a header table of no bytes is fine", lambda w: setting((1, 0)))


@case("6.5.3", "SETTINGS are acknowledged, each once")
def _(c, w):
    before = sum(f.kind == SETTINGS and f.flags & ACK for f in c.frames)
    c.send(setting((3, 10)), setting((3, 20)), setting())
    c.ping()
    expect("acknowledgements", sum(f.kind == SETTINGS and f.flags & ACK for f in c.frames) - before, 3)


conn("6.6", "PUSH_PROMISE by a client",
     lambda w: w.open() + frame(PUSH_PROMISE, END_HEADERS, 1, struct.pack(">I", 2) + block(w.fields())), PROTOCOL)

# ---- 6.7 PING, 6.8 GOAWAY


@case("6.7", "PING is answered with its own bytes")
def _(c, w):
    for data in (b"12345678", bytes(range(248, 256))):
        c.ping(data)


@case("6.7", "PING with ACK is not answered")
def _(c, w):
    c.send(frame(PING, ACK, 0, b"unasked!"))
    c.ping()
    expect("answers", sum(f.kind == PING for f in c.frames), 1)


conn("6.7", "PING on a stream", lambda w: frame(PING, 0, 1, b"12345678"), PROTOCOL)
for n in (7, 9):
    conn("6.7", "PING of %d bytes" % n, lambda w, n=n: frame(PING, 0, 0, b"1" * n), FRAME_SIZE)
conn("6.8", "GOAWAY on a stream", lambda w: frame(GOAWAY, 0, 1, struct.pack(">II", 0, 0)), PROTOCOL)
conn("6.8", "GOAWAY of seven bytes", lambda w: frame(GOAWAY, 0, 0, b"\0" * 7), FRAME_SIZE)


@case("6.8", "a request under way when the client says GOAWAY is answered", http=True)
def _(c, w):
    c.send(w.open(), frame(GOAWAY, 0, 0, struct.pack(">II", 0, 0)), frame(DATA, END_STREAM, 1, b"late"))
    expect("the answer", c.response(1), 200)
    expect("its content", c.content(1), b"late")


# ---- 6.9 WINDOW_UPDATE

conn("6.9", "WINDOW_UPDATE of nothing, connection", lambda w: window_update(0, 0), PROTOCOL)
strm("6.9", "WINDOW_UPDATE of nothing, stream", lambda w: w.open() + window_update(1, 0), PROTOCOL)
for n in (3, 5):
    conn("6.9", "WINDOW_UPDATE of %d bytes" % n, lambda w, n=n: frame(WINDOW_UPDATE, 0, 0, b"\1" * n), FRAME_SIZE)
conn("6.9.1", "a connection window beyond its maximum",
     lambda w: window_update(0, 0x7FFFFFFF) + window_update(0, 0x7FFFFFFF), FLOW_CONTROL)
strm("6.9.1", "a stream window beyond its maximum",
     lambda w: w.open() + window_update(1, 0x7FFFFFFF) + window_update(1, 0x7FFFFFFF), FLOW_CONTROL)
conn("6.9.2", "SETTINGS that take a stream window beyond its maximum",
     lambda w: w.open() + window_update(1, 0x7FFFFFFF - 65535) + setting((4, 65536)), FLOW_CONTROL)


def take(c, stream, n):
    """DATA on `stream` until `n` bytes came; not one more may."""
    got = sum(len(f.payload) for f in c.frames if f.kind == DATA and f.stream == stream)
    while got < n:
        f = c.receive()
        got += len(f.payload) if f.kind == DATA and f.stream == stream else 0
    c.ping()
    expect("bytes", sum(len(f.payload) for f in c.frames if f.kind == DATA and f.stream == stream), n)


@case("6.9.1", "no more is sent than the windows allow", http=True)
def _(c, w):
    c.send(setting((4, 1)), w.open(1, True))
    expect("the answer", c.response(1), 200)
    take(c, 1, 1)
    c.send(window_update(1, 4))
    take(c, 1, 5)


@case("6.9.2", "windows of open streams follow SETTINGS_INITIAL_WINDOW_SIZE, also below zero", http=True)
def _(c, w):
    c.send(setting((4, 0)), w.open(1, True))
    expect("the answer", c.response(1), 200)
    take(c, 1, 0)
    c.send(setting((4, 3)))
    take(c, 1, 3)
    c.send(setting((4, 1)))  # two bytes below nothing
    c.send(window_update(1, 2))
    take(c, 1, 3)
    c.send(window_update(1, 2))
    take(c, 1, 5)


# ---- 6.10 CONTINUATION, 7 error codes

conn("6.10", "CONTINUATION on stream 0", lambda w: w.open(flags=0) + frame(CONTINUATION, END_HEADERS, 0), PROTOCOL)
conn("6.10", "CONTINUATION after END_HEADERS", lambda w: w.open() + frame(CONTINUATION, END_HEADERS, 1), PROTOCOL)
conn("6.10", "CONTINUATION, END_HEADERS, CONTINUATION",
     lambda w: w.open(flags=0) + frame(CONTINUATION, END_HEADERS, 1, literal("x", "y")) +
     frame(CONTINUATION, END_HEADERS, 1), PROTOCOL)
conn("6.10", "CONTINUATION after DATA",
     lambda w: w.open() + frame(DATA, 0, 1, b"x") + frame(CONTINUATION, END_HEADERS, 1), PROTOCOL)


@case("6.10", "a field block in four frames is one block", http=True)
def _(c, w):
    raw = block(w.fields("GET", ("x-long", "y" * 500)))
    cut = [raw[:10], raw[10:11], b"", raw[11:]]
    c.send(frame(HEADERS, END_STREAM, 1, cut[0]), frame(CONTINUATION, 0, 1, cut[1]), frame(CONTINUATION, 0, 1, cut[2]),
           frame(CONTINUATION, END_HEADERS, 1, cut[3]))
    expect("the answer", c.response(1), 200)


alive("7", "an unknown error code in RST_STREAM is fine", lambda w: w.open() + rst(1, 0xFF))


@case("7", "an unknown error code in GOAWAY is fine", http=True)
def _(c, w):
    c.send(w.open(1, True), frame(GOAWAY, 0, 0, struct.pack(">II", 0, 0xFF)))
    expect("the answer", c.response(1), 200)


# ---- 8 messages

@case("8.1", "content and trailers reach the application", http=True)
def _(c, w):
    c.send(w.open(1, False, ("te", "trailers")), frame(DATA, 0, 1, b"con"), frame(DATA, 0, 1, b"tent"),
           frame(HEADERS, END_HEADERS | END_STREAM, 1, literal("sum", "7")))
    expect("the answer", c.response(1), 200)
    expect("the content", c.content(1), b"content")
    expect("the trailer", BACKEND.seen[w.path][-1].get("trailer-sum"), "7")


strm("8.1", "a second head without END_STREAM",
     lambda w: w.open() + frame(HEADERS, END_HEADERS, 1, literal("sum", "7")), PROTOCOL, http=True)
strm("8.1", "trailers with a pseudo-header field",
     lambda w: w.open() + frame(HEADERS, END_HEADERS | END_STREAM, 1, literal(":method", "GET")), PROTOCOL, http=True)


@case("8.1", "HEAD has no content", http=True)
def _(c, w):
    c.send(w.open(1, True, method="HEAD"))
    f = c.wait(lambda f: f.kind == HEADERS and f.stream == 1)
    expect("the status", dict(f.fields)[":status"], "200")
    expect("END_STREAM", f.flags & END_STREAM, END_STREAM)


for length, data in (("5", b"1234"), ("5", b"123456"), ("0", b"1"), ("1", b"")):
    @case("8.1.1", "content-length %s with %d bytes of DATA" % (length, len(data)), http=True)
    def _(c, w, length=length, data=data):
        c.send(w.open(1, False, ("content-length", length)), frame(DATA, END_STREAM, 1, data))
        refused(c, 1)
        c.ping()

malformed("8.1.1", "content-length of a request that ends with its head", ("content-length", "3"), method="POST")
malformed("8.1.1", "two different content-lengths", ("content-length", "3"), ("content-length", "4"), method="POST")
malformed("8.2", "a field name in upper case", ("X-Test", "1"))
for char in ("\0", "\r", "\n", "\r\nx: y"):
    malformed("8.2.1", "%r in a field value" % char, ("x-test", "a%sb" % char))
for name in ("x test", "x:test", "x\0", "x\r\n", "", "\x7f", "x\u00e4"):
    malformed("8.2.1", "field name %r" % name, (name, "1"))
for value in (" a", "a ", "\ta"):
    malformed("8.2.1", "white space around a field value: %r" % value, ("x-test", value))
for name, value in (("connection", "close"), ("connection", "keep-alive"), ("proxy-connection", "keep-alive"),
                    ("keep-alive", "timeout=5"), ("transfer-encoding", "chunked"), ("upgrade", "websocket"),
                    ("te", "gzip"), ("te", "trailers, deflate")):
    malformed("8.2.2", "%s: %s" % (name, value), (name, value))


@case("8.2.3", "cookies in pieces are one field for the application", http=True)
def _(c, w):
    c.send(w.open(1, True, ("cookie", "a=1"), ("cookie", "b=2"), ("cookie", "c=3")))
    expect("the answer", c.response(1), 200)
    expect("the cookie", BACKEND.seen[w.path][-1].get("cookie"), "a=1; b=2; c=3")


malformed("8.3", "an unknown pseudo-header field", (":test", "1"))
malformed("8.3", "a response's pseudo-header field", (":status", "200"))
for name, value in ((":method", "POST"), (":scheme", "https"), (":path", "/b"), (":authority", "b")):
    malformed("8.3", "%s twice" % name, (name, value))
for name in (":method", ":scheme", ":path"):
    malformed("8.3.1", "no %s" % name, without=(name,))
malformed("8.3.1", "an empty :path", (":path", ""), without=(":path",))
malformed("8.3.1", "a :path that is none", (":path", "nowhere"), without=(":path",))
malformed("8.3.1", "userinfo in :authority", (":authority", "me@web"), without=(":authority",))
malformed("8.3.1", "Host and :authority differ", ("host", "other"))


@case("8.3", "a pseudo-header field after another field", http=True)
def _(c, w):
    c.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, literal("x-test", "1") + block(w.fields())))
    refused(c, 1)


@case("8.3.1", "Host takes the place of :authority", http=True)
def _(c, w):
    c.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, block(w.fields("GET", ("host", "web"), without=(":authority",)))))
    expect("the answer", c.response(1), 200)
    expect("Host", BACKEND.seen[w.path][-1].get("host"), "web")


@case("8.5", "CONNECT is no open relay here", http=True)
def _(c, w):
    c.send(frame(HEADERS, END_HEADERS, 1, block([(":method", "CONNECT"), (":authority", "127.0.1.2:22")])))
    expect("the answer", c.response(1), 400, 403, 501, -PROTOCOL, -REFUSED)


malformed("8.5", ":protocol without CONNECT (RFC 8441)", (":protocol", "websocket"))


@case("8.5", "extended CONNECT is offered (RFC 8441)", http=True)
def _(c, w):
    expect("SETTINGS_ENABLE_CONNECT_PROTOCOL", c.settings.get(8), 1)


# ---- RFC 7541

def hpack(section, title, make):
    conn("HPACK " + section, title, lambda w: frame(HEADERS, END_HEADERS | END_STREAM, 1, make(block(w.fields()))),
         COMPRESSION)


hpack("2.3.3", "an index beyond both tables", lambda b: b + number(70, 7, 0x80))
hpack("2.3.3", "a name's index beyond both tables", lambda b: b + number(70, 4) + number(1, 7) + b"x")
hpack("4.2", "a table size update at the end of a block", lambda b: b + number(1, 5, 0x20))
hpack("4.2", "a table size update beyond SETTINGS_HEADER_TABLE_SIZE", lambda b: number(4097, 5, 0x20) + b)
hpack("5.1", "an integer that does not end", lambda b: b + b"\xff" + b"\xff" * 12)
hpack("5.2", "a string longer than its block", lambda b: b + b"\0" + number(200, 7) + b"x")
hpack("5.2", "Huffman padding of more than seven bits", lambda b: b + b"\0" + b"\x01x" + b"\x82\x07\xff")
hpack("5.2", "Huffman padding of zeros", lambda b: b + b"\0" + b"\x01x" + b"\x81\x00")
hpack("5.2", "the Huffman code for the end of a string", lambda b: b + b"\0" + b"\x01x" + b"\x84\xff\xff\xff\xff")
hpack("6.1", "index 0", lambda b: b + b"\x80")
alive("HPACK 4.2", "two table size updates begin a block", lambda w: frame(
    HEADERS, END_HEADERS | END_STREAM, 1, number(0, 5, 0x20) + number(4096, 5, 0x20) + block(w.fields())))


@case("HPACK 6.2.1", "a field that was indexed can be named by its index, until it is evicted", http=True)
def _(c, w):
    field = b"\x40" + number(6, 7) + b"x-test" + number(3, 7) + b"abc"
    c.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, block(w.fields()) + field))
    c.response(1)
    c.send(frame(HEADERS, END_HEADERS | END_STREAM, 3, block(w.fields()) + number(62, 7, 0x80)))
    expect("the answer", c.response(3), 200)
    expect("the field", BACKEND.seen[w.path][-1].get("x-test"), "abc")
    c.send(frame(HEADERS, END_HEADERS | END_STREAM, 5, number(0, 5, 0x20) + block(w.fields()) + number(62, 7, 0x80)))
    connection_error(c, COMPRESSION)


# ---- the application behind the mesh

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        seen = {k.lower(): v for k, v in self.headers.items()}
        content = b""
        if seen.get("transfer-encoding") == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                content += self.rfile.read(size)
                self.rfile.readline()
            while (line := self.rfile.readline().strip()):
                name, _, value = line.decode().partition(":")
                seen["trailer-" + name.lower()] = value.strip()
        else:
            content = self.rfile.read(int(seen.get("content-length", 0)))
        self.server.seen.setdefault(self.path, []).append(seen)
        self.send_response(200)
        content = content or b"some content"
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_HEAD = answer

    def log_message(self, *_):
        pass


class Backend(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 128

    def handle_error(self, *_):
        pass  # a request that was reset


def run(number, listed, way):
    section, title, check, _, start = listed
    way.path = "/case-%d" % number
    try:
        with Client(way.target, start=start) as c:
            check(c, way)
    except Failed as e:
        return str(e)
    except TimeoutError:
        return "nothing came"
    except Closed as e:
        return "the connection ended (%s)" % e
    return None


def address(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


def main():
    explicit, mesh, authority, cert, key, backend = sys.argv[1:7]
    global BACKEND
    BACKEND = Backend(address(backend), Handler)
    BACKEND.seen = {}
    threading.Thread(target=BACKEND.serve_forever, daemon=True).start()
    ways = [("explicit listener", lambda: Way(Target(address(explicit)), "web", False)),
            ("mesh port", lambda: Way(Target(address(mesh), mesh_context(cert, key)), authority, True))]
    failed = 0
    for name, make in ways:
        listed = [(i, c) for i, c in enumerate(CASES) if c[3] or name == "explicit listener"]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda c: (c[1], run(c[0], c[1], make())), listed))
        bad = [(c, why) for c, why in found if why]
        for c, why in bad:
            print("FAILED %s, %s: %s: %s" % (name, c[0], c[1], why))
        print("%s: %d of %d cases" % (name, len(listed) - len(bad), len(listed)))
        failed += len(bad)
    sys.exit(1 if failed else 0)


main()
