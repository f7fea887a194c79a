# SPDX-License-Identifier: Apache-2.0
"""h1_raw.py: the vectors, and ways to send their bytes so that the receiver really reads them in those pieces."""
import asyncio
import json
import re
import socket
import struct
import time
from pathlib import Path

VECTORS = Path(__file__).with_name("vectors")


def load(name):
    """The vectors of one file, `raw` as bytes and macros expanded."""
    vectors = json.loads((VECTORS / name).read_text())
    for v in vectors:
        raw = v["raw"].encode("latin-1")
        if v.get("macro"):
            raw = re.sub(rb"\{\{(.*?)\*(\d+)\}\}", lambda m: m[1] * int(m[2]), raw, flags=re.DOTALL)
        v["bytes"] = raw
    return vectors


def cuts(raw):
    """Where to cut once: every position of a short text. Of a long one (a macro): everything up to 300 bytes from both
    ends, around the first 40 structural bytes (CR, LF, colon, semicolon) of each 4 KiB, and 40 between."""
    size = len(raw)
    if size <= 1000:
        return list(range(1, size))
    chosen = set(range(1, 300)) | set(range(size - 300, size)) | set(range(1, size, size // 40))
    for start in range(0, size, 32768):
        for match in list(re.finditer(rb"[\r\n:;]", raw[start:start + 32768]))[:10]:
            chosen |= {start + match.start(), start + match.end()}
    return sorted(at for at in chosen if 0 < at < size)


class Diag:
    """Asks the kernel how much of a TCP socket's input its owner has not read (sock_diag(7), inet_diag)."""

    def __init__(self):
        self.netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4)  # NETLINK_SOCK_DIAG
        self.netlink.settimeout(5)

    def unread(self, owner, other):
        """Bytes waiting for the socket bound to `owner` and connected to `other`; 0 where there is none."""
        ends = struct.pack("!HH16s16s", owner[1], other[1], socket.inet_aton(owner[0]), socket.inet_aton(other[0]))
        request = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF) + ends + b"\0" * 4 + b"\xff" * 8
        self.netlink.send(struct.pack("=IHHII", 16 + len(request), 20, 1, 0, 0) + request)
        answer = self.netlink.recv(4096)
        if struct.unpack_from("=H", answer, 4)[0] != 20:
            return 0
        return struct.unpack_from("=I", answer, 16 + 4 + 48 + 4)[0]


DIAG = Diag()


class Peer:
    """One end of a connection: what came is in `got`; `ended` after the other's end or a reset."""

    def __init__(self, sock):
        self.sock = sock
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.own, self.other = sock.getsockname(), sock.getpeername()
        self.got = bytearray()
        self.ended = self.reset = False
        self.news = asyncio.Event()
        self.reader = asyncio.create_task(self.read())

    @classmethod
    async def connect(cls, address):
        sock = socket.socket()
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, address)
        return cls(sock)

    async def read(self):
        loop = asyncio.get_running_loop()
        try:
            while data := await loop.sock_recv(self.sock, 65536):
                self.got += data
                self.news.set()
        except OSError:
            self.reset = True
        self.ended = True
        self.news.set()

    async def until(self, condition, limit):
        """Waits until condition() holds or the other end has gone; false after `limit` seconds."""
        end = time.monotonic() + limit
        while not condition() and not self.ended:
            self.news.clear()
            try:
                await asyncio.wait_for(self.news.wait(), max(0, end - time.monotonic()))
            except asyncio.TimeoutError:
                return False
        return True

    async def settled(self):
        """The other end has read everything sent so far, or reads no more."""
        end = time.monotonic() + 1
        while not self.ended and DIAG.unread(self.other, self.own) and time.monotonic() < end:
            await asyncio.sleep(0)

    async def send(self, raw, way):
        """`way`: "whole", "bytes", or a position to cut at. Stops where the other end has gone.
        Byte by byte, of a long text: a pause for the reader after each of the first and last 2000 bytes only."""
        pieces = [raw] if way == "whole" else [raw[i:i + 1] for i in range(len(raw))] if way == "bytes" else [raw[:way], raw[way:]]
        loop = asyncio.get_running_loop()
        try:
            for i, piece in enumerate(pieces):
                if self.ended:
                    return
                await loop.sock_sendall(self.sock, piece)
                if i + 1 < len(pieces) and (i < 2000 or i + 2000 > len(pieces)):
                    await self.settled()
                elif i % 64 == 0:
                    await asyncio.sleep(0)
        except OSError:
            pass

    def finish(self):
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        # First out of the loop: the descriptor's number is used again at once.
        asyncio.get_running_loop().remove_reader(self.sock)
        self.reader.cancel()
        self.sock.close()
