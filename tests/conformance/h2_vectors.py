# SPDX-License-Identifier: Apache-2.0
"""h2_vectors.py: the HTTP/2 vectors from outside, through a real mesh, each lane with an application of its own.

    h2_vectors.py vectors CLIENT-IP:PORT BACKEND-IP:PORT LANES WAY...     WAY: whole | bytes | cuts
    h2_vectors.py floods CLIENT-IP:PORT BACKEND-IP:PORT METRICS-IP:PORT

vectors: one line per vector that failed and one with the totals; exit 1 if one failed.
floods: each with a second connection beside it; for each a line `ID frames seconds end` and at the end `p99 BEFORE DURING`
in milliseconds, `flood COUNT` of meshd_refused_total, `alive WORD`.
"""
import concurrent.futures
import http.server
import json
import re
import socket
import struct
import sys
import threading
import time
import urllib.request
from pathlib import Path

from h1_raw import Diag
from h2_raw import CALM, GOAWAY, HEADERS, NAMES, RST_STREAM, Client, Closed, Target

VECTORS = json.loads((Path(__file__).with_name("vectors") / "malformed_http2.json").read_text())


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        if self.headers.get("transfer-encoding"):
            while size := int(self.rfile.readline().split(b";")[0], 16):
                self.rfile.read(size + 2)
            while self.rfile.readline().strip():
                pass
        else:
            self.rfile.read(int(self.headers.get("content-length", 0)))
        with self.server.lock:
            self.server.complete += self.path != "/beside"
            self.server.smuggled |= "smuggled" in self.path
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    do_GET = do_POST = do_PUT = do_HEAD = do_OPTIONS = do_DELETE = answer

    def log_message(self, *_):
        pass


class Backend(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 1024
    complete, smuggled, lock = 0, False, threading.Lock()

    def handle_error(self, *_):
        pass  # a request that was reset


def backend(at):
    server = Backend(at, Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Talk(Client):
    """What came back, judged as the vectors do."""

    def __init__(self, target):
        super().__init__(target, start=False)
        self.own, self.other = self.sock.getsockname(), self.sock.getpeername()
        self.goaway = self.closed = False
        self.refused = self.answered = 0

    def look(self, timeout):
        """One more frame; False where none comes."""
        try:
            f = self.receive(time.monotonic() + timeout)
        except (TimeoutError, socket.timeout):
            return False
        except Closed:
            self.closed = True
            return False
        self.goaway |= f.kind == GOAWAY and f.code() != 0
        self.refused += f.kind == RST_STREAM
        if f.kind == HEADERS and f.fields:
            status = int(dict(f.fields)[":status"])
            self.refused += status >= 400
            self.answered += 200 <= status < 300
        return True

    def until(self, done, limit):
        end = time.monotonic() + limit
        while not done() and not self.closed and time.monotonic() < end:
            self.look(min(0.5, max(0.001, end - time.monotonic())))
        return done()


def verdict(v, t):
    expect, most = v["expect"], v["max_backend"]
    if expect == "accept":
        t.until(lambda: t.answered >= most or t.goaway, 5)
        return t.answered >= most and not t.goaway
    if expect == "reject_connection":
        return t.until(lambda: t.goaway or t.closed, 5)
    if expect == "reject_stream":
        return t.until(lambda: t.refused or t.goaway or t.closed, 5) and not (most == 0 and t.answered)
    return t.until(lambda: t.answered or t.refused or t.goaway or t.closed, 5)


def run(v, at, diag, way):
    raw = bytes.fromhex(v["hex"])
    pieces = [raw] if way == "whole" else [raw[i:i + 1] for i in range(len(raw))] if way == "bytes" else [raw[:way], raw[way:]]
    with Talk(Target(at)) as t:
        for i, piece in enumerate(pieces):
            t.send(piece)
            end = time.monotonic() + 1
            while i + 1 < len(pieces) and diag.unread(t.other, t.own) and time.monotonic() < end:
                pass
        return verdict(v, t)


def address(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


def vectors(client, behind, lanes, *ways):
    client, behind, lanes = address(client), address(behind), int(lanes)
    free = [((client[0], client[1] + i), backend((behind[0], behind[1] + i)), Diag()) for i in range(lanes)]
    todo = [v for v in VECTORS if v["expect"] != "bounded"]

    def judge(v):
        at, app, diag = free.pop()
        app.complete, bad, count = 0, [], 0
        size = len(v["hex"]) // 2
        for way in [w for name in ways for w in (range(1, size) if name == "cuts" else [name])]:
            count += 1
            if not run(v, at, diag, way):
                bad.append(way)
        time.sleep(0.2)  # what was let through by mistake has time to arrive
        if app.complete > v["max_backend"] * count or app.smuggled:
            bad.append("%d of at most %d requests reached the application" % (app.complete, v["max_backend"] * count))
        app.smuggled = False
        free.append((at, app, diag))
        return v, bad, count

    with concurrent.futures.ThreadPoolExecutor(lanes) as pool:
        found = list(pool.map(judge, todo))
    for v, bad, _ in found:
        if bad:
            print("FAILED %s (%s; %s): %s" % (v["id"], v["expect"], v["why"], bad[:5]))
    good = sum(not bad for _, bad, _ in found)
    print("%d of %d vectors as expected, %d connections" % (good, len(found), sum(n for _, _, n in found)))
    return good == len(found)


class Beside(threading.Thread):
    """Asks one request after the other on a connection of its own, and takes the time."""

    def __init__(self, at):
        super().__init__(daemon=True)
        self.at, self.times, self.stop, self.failed = at, [], False, 0

    def run(self):
        s = socket.create_connection(self.at, timeout=10)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while not self.stop:
            begin = time.monotonic()
            s.sendall(b"GET /beside HTTP/1.1\r\nHost: web\r\n\r\n")
            got = b""
            while not got.endswith(b"ok"):
                piece = s.recv(4096)
                if not piece:
                    self.failed += 1
                    return
                got += piece
            self.times.append(time.monotonic() - begin)
            time.sleep(0.002)
        s.close()


def p99(times):
    return 1000 * sorted(times)[int(len(times) * 0.99)]


def shifted(raw, by):
    """`repeat_hex` with its stream ids moved on."""
    out, at = bytearray(raw), 0
    while by and at + 9 <= len(raw):
        out[at + 5:at + 9] = struct.pack(">I", struct.unpack(">I", raw[at + 5:at + 9])[0] + by)
        at += 9 + int.from_bytes(raw[at:at + 3], "big")
    return bytes(out)


def flood(v, at, limit):
    """Sends until the other end has enough, or there is no more, or `limit` seconds are over. How much, and the end."""
    again, n, began = bytes.fromhex(v["repeat_hex"]), 0, time.monotonic()
    with Talk(Target(at)) as t:
        t.send(bytes.fromhex(v["hex"]))
        while n < v["repeat"] and not t.closed and not t.goaway and time.monotonic() - began < limit:
            count = min(200, v["repeat"] - n)
            step = v["sid_step"]
            t.sock.settimeout(1)
            try:
                t.sock.sendall(again * count if step == 0 else b"".join(shifted(again, (n + i) * step) for i in range(count)))
            except socket.timeout:
                pass  # it reads no more
            except OSError:
                break
            n += count
            while t.look(0.0005):
                pass
        t.until(lambda: t.goaway or t.closed, 2)
        codes = [f.code() for f in t.frames if f.kind == GOAWAY and f.code()]
        end = NAMES[codes[0]] if codes else "closed" if t.closed else "open"
    return n, time.monotonic() - began, end


def refused_for(metrics, reason):
    text = urllib.request.urlopen("http://%s/metrics" % metrics).read().decode()
    return sum(int(n) for n in re.findall(r'meshd_refused_total\{.*reason="%s"\} (\d+)' % reason, text))


def counted(metrics, had):
    """A connection is counted when it has ended, at the latest after the time its peer has to read the end."""
    end = time.monotonic() + 5
    while refused_for(metrics, "flood") == had and time.monotonic() < end:
        time.sleep(0.02)
    return refused_for(metrics, "flood") > had


def floods(client, behind, metrics):
    at, app = address(client), backend(address(behind))
    beside = Beside(at)
    beside.start()
    while len(beside.times) < 1300:
        time.sleep(0.1)
    before, beside.times = beside.times[300:], []  # without its first ones, which connect
    bad = 0
    for v in (v for v in VECTORS if v["expect"] == "bounded"):
        app.complete, had = 0, refused_for(metrics, "flood")
        n, seconds, end = flood(v, at, 6)
        # Stalled answers are bounded by their stall time (30 s); the others end.
        fits = end in ("ENHANCE_YOUR_CALM", "PROTOCOL_ERROR", "closed") or v["id"] == "H2-DOS-13"
        if end == "ENHANCE_YOUR_CALM" and not counted(metrics, had):
            fits, end = False, end + " but not counted"
        # What is complete when the flood is noticed still goes to the application: a burst, and one window of streams.
        if app.complete > max(v["max_backend"], 700):
            fits, end = False, "%s, but %d requests reached the application" % (end, app.complete)
        bad += not fits
        print("%s%s: %d frames or groups, %.2f s, %s" % ("" if fits else "FAILED ", v["id"], n, seconds, end))
    time.sleep(0.5)
    during = beside.times
    beside.stop = True
    beside.join(5)
    print("p99 %.2f %.2f" % (p99(before), p99(during)))
    print("beside %d %d" % (len(during), beside.failed))
    print("flood %d" % refused_for(metrics, "flood"))
    return not bad and not beside.failed


sys.exit(0 if {"vectors": vectors, "floods": floods}[sys.argv[1]](*sys.argv[2:]) else 1)
