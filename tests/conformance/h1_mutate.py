# SPDX-License-Identifier: Apache-2.0
"""h1_mutate.py: mutations of the request vectors, each a function of (seed, case) alone."""
import random
import re

from h1_raw import load

HOSTILE = [
    b"Content-Length: 0", b"Content-Length: 5", b"Content-Length: 6", b"Content-Length: 005", b"Content-Length: 5, 5", b"content-length:\t40",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", b"transfer-encoding:chunked ", b"Transfer-Encoding:\x0bchunked",
    b"TE: trailers", b"Connection: close", b"Connection: keep-alive", b"Connection: content-length", b"Connection: te, x-a, , ",
    b"Expect: 100-continue", b"Upgrade: websocket", b"Upgrade: h2c", b"Host: b.test", b"Trailer: x", b"X-A: b", b"Range: bytes=0-1",
    b"X-Long: " + b"a" * 9000, b": v", b"X-Utf: \xc3\xa9", b"Proxy-Connection: keep-alive", b"Max-Forwards: 0",
]
BYTES = b"\r\n\t \0\x0b\x7f\x80\xff:;,\"/\\%#?.0123456789aAfFxX-+_G"
TOKENS = [b"\r\n", b"\r\n\r\n", b"\n", b"\r", b" ", b"\t", b"0\r\n\r\n", b"5\r\n", b"5;a=b\r\n", b"5 ;\r\n", b"%2f", b"%2e", b"//", b"/../",
          b"GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n", b"HTTP/1.0", b"HTTP/1.1", b"\0", b": ", b","]
CHUNK_LINES = [b"5", b"05", b"0000000005", b"5;x", b"5;x=\"y\"", b"5 ", b" 5", b"0x5", b"+5", b"6", b"4", b"FFFFFFFFFFFFFFFF", b"", b"5\n", b"00"]


def corpus():
    """(good, bad): vectors that pass in some way, and those that do not; the largest left out."""
    good, bad = [], []
    for v in load("malformed_http1.json"):
        if len(v["bytes"]) <= 4096:
            (bad if v["expect"] == "reject" else good).append(v["bytes"])
    return good, bad


def change(raw, rng, other):
    """One mutation."""
    kind = rng.randrange(12)
    at = rng.randrange(len(raw) + 1)
    if kind == 0:
        at = min(at, len(raw) - 1)
        return raw[:at] + bytes([raw[at] ^ 1 << rng.randrange(8)]) + raw[at + 1:]
    if kind == 1:
        return raw[:at] + bytes([rng.choice(BYTES)]) + raw[at + 1:]
    if kind == 2:
        return raw[:at] + bytes([rng.choice(BYTES)]) + raw[at:]
    if kind == 3:
        return raw[:at] + raw[at + rng.choice((1, 1, 1, 2, 4, 16)):]
    if kind == 4:
        return raw[:at] + rng.choice(TOKENS) + raw[at:]
    if kind == 5:  # splice
        return raw[:at] + other[rng.randrange(len(other)):]
    lines = raw.split(b"\r\n")
    if kind == 6:  # a header line twice
        i = rng.randrange(len(lines))
        return b"\r\n".join(lines[:i] + lines[i:i + 1] + lines[i:])
    if kind in (7, 8):  # a hostile one more
        i = min(1 + rng.randrange(3), len(lines))
        return b"\r\n".join(lines[:i] + [rng.choice(HOSTILE)] + lines[i:])
    if kind == 9:  # two lines change places
        i, k = rng.randrange(len(lines)), rng.randrange(len(lines))
        lines[i], lines[k] = lines[k], lines[i]
        return b"\r\n".join(lines)
    if kind == 10:  # another chunk line
        sizes = list(re.finditer(rb"\r\n(5|0)(?=\r\n)", raw))
        if not sizes:
            return raw + b"0\r\n\r\n"
        size = rng.choice(sizes)
        return raw[:size.start(1)] + rng.choice(CHUNK_LINES) + raw[size.end(1):]
    ends = [m.start() for m in re.finditer(rb"\r\n", raw)]  # another line end
    at = rng.choice(ends) if ends else 0
    return raw[:at] + rng.choice((b"\n", b"\r", b"\r\r\n", b"\r\n ", b" \r\n", b"\n\r\n")) + raw[at + 2:]


def case(seed, number, good, bad):
    """What one connection sends: one to three mutations, and mostly a marker request behind them."""
    rng = random.Random(seed * 1_000_003 + number)
    raw = rng.choice(good if rng.random() < 0.7 else bad)
    if rng.random() < 0.3:
        raw += rng.choice(good)  # a pipelined pair
    for _ in range(rng.choice((0, 1, 1, 1, 1, 2, 3))):
        raw = change(raw, rng, rng.choice(good + bad)) or b"G"
    if rng.random() < 0.8:
        raw += b"GET /marker?%d HTTP/1.1\r\nHost: a.test\r\n\r\n" % number
    return raw
