# SPDX-License-Identifier: Apache-2.0
"""h1_limits.py: the limits of HTTP/1 heads and content (src/base/limits.h), each at its last good value and one beyond.

    h1_limits.py LISTENER BACKEND METRICS HTTP-PORT sizes|times

sizes: lengths and counts, and that one connection's pipeline does not starve another. times: deadlines; a minute.
What is refused must be counted: meshd_refused_total where no request came of it, else meshd_errors_total.
"""
import asyncio
import re
import sys
import time
import urllib.request

from h1_backend import Backend
from h1_raw import Peer
from h1_strict import Reader

HEAD = b"Host: a.test\r\n"
CHUNKED = b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
failures = []


def check(name, figure, good):
    print(f"{name}: {figure} {'ok' if good else 'FAILED'}")
    if not good:
        failures.append(name)


class Metrics:
    def __init__(self, url):
        self.url = url

    def read(self):
        with urllib.request.urlopen(self.url, timeout=5) as answer:
            return answer.read().decode()

    async def count(self, family, reason):
        text = await asyncio.to_thread(self.read)
        pattern = rf'^meshd_{family}_total\{{direction="outbound",[^}}]*reason="{reason}"[^}}]*\}} (\d+)'
        return sum(int(n) for n in re.findall(pattern, text, re.MULTILINE))


def statuses(raw, method=b"GET"):
    reader = Reader(asked=[method])
    reader.feed(bytes(raw))
    return [m.status for m in reader.finals()]


def padded(total, lines=1):
    """Field lines of `total` bytes together, Host among them, `lines` lines besides it."""
    rest = total - len(HEAD) - (lines - 1) * len(b"X-A: b\r\n")
    return HEAD + b"X-A: b\r\n" * (lines - 1) + b"X-P: " + b"p" * (rest - 7) + b"\r\n"


def sizes():
    """(name, request, statuses expected, (metric, reason) or None)"""
    def line(size):
        return b"GET /" + b"l" * (size - len(b"GET / HTTP/1.1")) + b" HTTP/1.1\r\n" + HEAD + b"\r\n"

    def chunk_line(size):
        return CHUNKED + b"5;" + b"e" * (size - 4) + b"\r\nhello\r\n0\r\n\r\n"

    def trailers(size):
        return CHUNKED + b"5\r\nhello\r\n0\r\nX-T: " + b"t" * (size - 9) + b"\r\n\r\n"

    get = b"GET / HTTP/1.1\r\n"
    return [
        ("request line 16 KiB", line(16384), [200], None),
        ("request line 16 KiB + 1", line(16385), [414], ("refused", "target-too-long")),
        ("request line without end", b"GET /" + b"l" * 17000, [414], ("refused", "target-too-long")),
        ("100 fields", get + HEAD + b"X-A: b\r\n" * 99 + b"\r\n", [200], None),
        ("101 fields", get + HEAD + b"X-A: b\r\n" * 100 + b"\r\n", [431], ("refused", "head-too-large")),
        ("header section 64 KiB", get + padded(65536) + b"\r\n", [200], None),
        ("header section 64 KiB, 100 fields", get + padded(65536, 99) + b"\r\n", [200], None),
        ("header section 64 KiB + 1", get + padded(65537) + b"\r\n", [431], ("refused", "head-too-large")),
        ("header section without end", get + padded(70000)[:-2], [431], ("refused", "head-too-large")),
        ("chunk line 256", chunk_line(256), [200], None),
        ("chunk line 257", chunk_line(257), [400], ("errors", "protocol")),
        ("trailers 8 KiB", trailers(8192), [200], None),
        ("trailers 8 KiB + 1", trailers(8193), [431], ("errors", "head-too-large")),
        ("malformed", b"GET /\r\n\r\n", [400], ("refused", "protocol")),
        ("version 2.0", b"GET / HTTP/2.0\r\n" + HEAD + b"\r\n", [505], ("refused", "unsupported-version")),
        ("transfer coding gzip", get + HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n", [501], ("refused", "unsupported")),
    ]


async def run_sizes(listener, metrics):
    for name, raw, expected, counted in sizes():
        before = await metrics.count(*counted) if counted else 0
        peer = await Peer.connect(listener)
        await peer.send(raw, "whole")
        closed = expected != [200]
        await peer.until(lambda: not closed and statuses(peer.got) == expected, 5)
        got = statuses(peer.got)
        more = await metrics.count(*counted) - before if counted else 0
        check(name, f"{got}{', closed' if peer.ended else ''}, counted {more}",
              got == expected and peer.ended == closed and more == (1 if counted else 0))
        peer.close()


async def run_pipeline(http_port):
    """One connection asks 60,000 things that meshd answers itself; others call meanwhile."""
    ask = b"GET / HTTP/1.1\r\nHost: nobody.test\r\n\r\n"
    busy = await Peer.connect(http_port)
    sending = asyncio.create_task(busy.send(ask * 60000, "whole"))
    await busy.until(lambda: statuses(busy.got[:2000]), 5)
    one = bytes(busy.got).index(b"HTTP/1.1", 1)
    served, slowest = 0, 0.0
    while len(busy.got) < one * 60000 and not busy.ended and served < 10000:
        began = time.monotonic()
        other = await Peer.connect(http_port)
        await other.send(ask, "whole")
        answered = await other.until(lambda: statuses(other.got) == [404], 5)
        slowest = max(slowest, time.monotonic() - began)
        served += answered
        other.close()
    check("others beside a pipeline of 60000", f"{served} answered meanwhile, the slowest after {slowest * 1000:.0f} ms",
          served >= 3 and slowest < 1)  # one that is starved would be the only one
    await busy.until(lambda: len(busy.got) >= one * 60000, 30)
    check("a pipeline of 60000", f"{busy.got.count(b'HTTP/1.1 404 ')} answers", len(busy.got) == one * 60000)
    await sending
    busy.close()


async def deadline(name, listener, metrics, raw, seconds, expected, counted, first=0):
    """Says `raw` and no more; the answer and the end must come `seconds` later. `first`: answers before that."""
    peer = await Peer.connect(listener)
    await peer.send(raw, "whole")
    if first:
        await peer.until(lambda: len(statuses(peer.got)) == first, 5)
    began = time.monotonic()
    await peer.until(lambda: False, seconds + 10)
    took = time.monotonic() - began
    got = statuses(peer.got)[first:]
    check(name, f"{got} and the end after {took:.1f} s", got == expected and peer.ended and seconds - 0.5 <= took <= seconds + 3)
    peer.close()
    return counted


async def drip(name, listener, seconds):
    """A byte each half second does not move the deadline of a head."""
    peer = await Peer.connect(listener)
    began = time.monotonic()
    for byte in (b"GET / HTTP/1.1\r\nHost: a.test\r\nX-Slow: " + b"z" * 1000):
        if peer.ended:
            break
        await peer.send(bytes([byte]), "whole")
        await peer.until(lambda: False, 0.5)
    took = time.monotonic() - began
    check(name, f"{statuses(peer.got)} and the end after {took:.1f} s", statuses(peer.got) == [408] and seconds - 1 <= took <= seconds + 3)
    peer.close()


async def run_times(listener, metrics):
    get = b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n"
    kinds = [("refused", "slow-head"), ("refused", "idle"), ("errors", "stalled")]
    before = [await metrics.count(*kind) for kind in kinds]
    counted = [k for k in await asyncio.gather(
        deadline("half a head", listener, metrics, b"GET / HTTP/1.1\r\nHos", 10, [408], kinds[0]),
        deadline("half a head after a request", listener, metrics, get + b"GET", 10, [408], kinds[0], first=1),
        deadline("half a preface of HTTP/2", listener, metrics, b"PRI * HT", 10, [], kinds[0]),
        deadline("nothing at all", listener, metrics, b"", 10, [], kinds[1]),
        deadline("nothing after a request", listener, metrics, get, 60, [], kinds[1], first=1),
        deadline("half a content", listener, metrics, b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 9\r\n\r\nhalf", 30, [408], kinds[2]),
        deadline("half a chunk", listener, metrics, CHUNKED + b"9\r\nhalf", 30, [408], kinds[2]),
        drip("a head byte by byte", listener, 10)) if k] + [kinds[0]]
    for kind, was in zip(kinds, before):
        more = await metrics.count(*kind) - was
        check(f"counted {kind[1]}", f"{more} of {counted.count(kind)}", more == counted.count(kind))


async def main():
    def address(text):
        ip, port = text.split(":")
        return ip, int(port)

    listener, backend, metrics, http_port = address(sys.argv[1]), Backend(address(sys.argv[2])), Metrics(sys.argv[3]), address(sys.argv[4])
    await backend.start()
    if sys.argv[5] == "sizes":
        await run_sizes(listener, metrics)
        await run_pipeline(http_port)
    else:
        await run_times(listener, metrics)
    for problem in backend.take()[1]:
        check("backend", problem, False)
    sys.exit(1 if failures else 0)


asyncio.run(main())
