# SPDX-License-Identifier: Apache-2.0
"""h1_strict.py: HTTP/1.1 read as strictly as its grammar allows (RFC 9110, 9112): what a proxy at the edge may hand on.

A Reader is fed bytes and collects complete messages. Whatever needs forgiveness raises Broken: a bare CR or LF, a fold,
a chunk extension, a length with a sign or a leading zero, two framings, a path that is not normal.
"""
import re

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") (\*|/[!\"$-~]*) HTTP/1\.1")
STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-9][0-9][0-9]) [\t -~\x80-\xff]*")
FIELD_LINE = re.compile(rb"(" + TOKEN + rb"):[ \t]*((?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?)[ \t]*")
HOST = re.compile(rb"(?:\[[0-9a-f:.]+\]|[a-z0-9_~-]+(?:\.[a-z0-9_~-]+)*\.?)(?::[0-9]{1,5})?")
LENGTH = re.compile(rb"0|[1-9][0-9]{0,17}")
CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]{1,16}")
# What one hop says to the next, or what only the mesh may say; none of it is forwarded.
HOP_BY_HOP = {b"keep-alive", b"proxy-connection", b"http2-settings", b"expect", b"upgrade"}
TRAILERS_NEVER = {b"host", b"content-length", b"transfer-encoding", b"connection", b"set-cookie", b"authorization"}


class Broken(Exception):
    """The peer sent what the grammar does not allow."""


class Message:
    def __init__(self):
        self.method = self.path = b""
        self.status = 0
        self.fields = []  # (name in lower case, value)
        self.trailers = []
        self.body = bytearray()

    def all(self, name):
        return [value for key, value in self.fields if key == name]

    def one(self, name):
        values = self.all(name)
        if len(values) > 1:
            raise Broken(f"{len(values)} fields {name!r}")
        return values[0] if values else None


def read_fields(lines):
    fields = []
    for line in lines:
        match = FIELD_LINE.fullmatch(line)
        if not match:
            raise Broken(f"field line {line[:80]!r}")
        fields.append((match[1].lower(), match[2]))
    return fields


def check_path(path):
    """Normal: matched and forwarded in one spelling (RFC 3986 section 6.2.2)."""
    path = path.partition(b"?")[0]
    if path == b"*":
        return
    segments = path.split(b"/")[1:]
    if b".." in segments or b"." in segments or b"" in segments[:-1] or b"\\" in path:
        raise Broken(f"path {path!r} is not normal")
    for escape in re.finditer(rb"%(.{0,2})", path):
        if not re.fullmatch(rb"[0-9A-F]{2}", escape[1]):
            raise Broken(f"percent-encoding in {path!r}")
        decoded = bytes([int(escape[1], 16)])
        if re.fullmatch(rb"[A-Za-z0-9._~-]", decoded) or decoded == b"\0":
            raise Broken(f"{escape[0]!r} in {path!r} is not normal")


def check_hop_by_hop(message):
    for name, value in message.fields:
        if name in HOP_BY_HOP and not (name == b"upgrade" and message.status == 101):
            raise Broken(f"forwarded {name!r}")
    connection = message.all(b"connection")
    allowed = [[], [b"te"]] if message.method else [[], [b"close"], [b"keep-alive"], [b"upgrade"]]
    if connection not in allowed:
        raise Broken(f"forwarded connection {connection!r}")
    if connection == [b"te"] and message.all(b"te") != [b"trailers"]:
        raise Broken("forwarded TE")


def check_request(message):
    host = message.one(b"host")
    if host is None or not HOST.fullmatch(host):
        raise Broken(f"host {host!r}")
    check_path(message.path)
    for name, value in message.fields:
        ours = name == b"x-meshd-client-id" and value.startswith(b"spiffe://")
        if name.startswith((b"x-meshd-", b"x-envoy-", b"l5d-", b"x-forwarded-client-cert")) and not ours:
            raise Broken(f"forwarded a forged {name!r}")


class Reader:
    """Feed it; `done` has the complete messages. `asked`, for responses: the methods of the requests, in order."""

    def __init__(self, asked=None):
        self.asked = asked
        self.done = []
        self.buffer = bytearray()
        self.message = None  # its head has come
        self.left = 0
        self.step = self.head

    def feed(self, data):
        self.buffer += data
        while self.step():
            pass

    def end(self):
        """The peer's end. Raises Broken where it cuts a message."""
        if self.step == self.until_end:
            self.finish()
        if self.partial():
            raise Broken("the end comes within a message")

    def partial(self):
        return bool(self.buffer) or self.message is not None

    def finals(self):
        return [m for m in self.done if m.status >= 200 or m.status == 0]

    def finish(self):
        self.done.append(self.message)
        self.message = None
        self.step = self.head
        return True

    def line(self):
        at = self.buffer.find(b"\n")
        if at < 0:
            return None
        line = bytes(self.buffer[:at + 1])
        del self.buffer[:at + 1]
        if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
            raise Broken(f"line end of {line[:80]!r}")
        return line[:-2]

    def head(self):
        at = self.buffer.find(b"\r\n\r\n")
        if at < 0:
            return False
        head = bytes(self.buffer[:at])
        del self.buffer[:at + 4]
        lines = head.split(b"\r\n")
        if any(b"\r" in line or b"\n" in line for line in lines):
            raise Broken("a bare CR or LF")
        m = self.message = Message()
        match = (STATUS_LINE if self.asked is not None else REQUEST_LINE).fullmatch(lines[0])
        if not match:
            raise Broken(f"start line {lines[0][:80]!r}")
        m.fields = read_fields(lines[1:])
        if self.asked is None:
            m.method, m.path = match[1], match[2]
            check_request(m)
        else:
            m.status = int(match[1])
        check_hop_by_hop(m)
        return self.frame(m)

    def frame(self, m):
        coding, length = m.one(b"transfer-encoding"), m.one(b"content-length")
        if coding is not None and length is not None:
            raise Broken("two framings")
        if coding not in (None, b"chunked"):
            raise Broken(f"transfer-encoding {coding!r}")
        if length is not None and not LENGTH.fullmatch(length):
            raise Broken(f"content-length {length!r}")
        if m.status:
            asked = self.asked[min(len(self.finals()), len(self.asked) - 1)]
            if m.status < 200 or m.status in (204, 304) or asked == b"HEAD":
                return self.finish()
            if coding is None and length is None:
                self.step = self.until_end
                return True
        if coding is not None:
            self.step = self.chunk_line
            return True
        self.left = int(length or 0)
        self.step = self.fixed
        return True

    def fixed(self):
        take = self.buffer[:self.left]
        self.message.body += take
        del self.buffer[:len(take)]
        self.left -= len(take)
        return self.finish() if self.left == 0 else False

    def until_end(self):
        self.message.body += self.buffer
        self.buffer.clear()
        return False

    def chunk_line(self):
        line = self.line()
        if line is None:
            return False
        if not CHUNK_SIZE.fullmatch(line):
            raise Broken(f"chunk line {line[:80]!r}")
        self.left = int(line, 16)
        self.step = self.chunk_data if self.left else self.trailer_line
        return True

    def chunk_data(self):
        if len(self.buffer) < self.left + 2:
            return False
        if self.buffer[self.left:self.left + 2] != b"\r\n":
            raise Broken("chunk data has no end")
        self.message.body += self.buffer[:self.left]
        del self.buffer[:self.left + 2]
        self.step = self.chunk_line
        return True

    def trailer_line(self):
        line = self.line()
        if line is None:
            return False
        if line:
            self.message.trailers += read_fields([line])
            if self.message.trailers[-1][0] in TRAILERS_NEVER:
                raise Broken(f"trailer {line[:80]!r}")
            return True
        return self.finish()
