# SPDX-License-Identifier: Apache-2.0
"""h2_raw.py: HTTP/2 by hand (RFC 9113, RFC 7541): frames, literal HPACK out, all of HPACK in, and a client over a socket."""
import socket
import ssl
import struct
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 1
END_HEADERS, PADDED, PRIORITY_FLAG = 4, 8, 32
(NO_ERROR, PROTOCOL, INTERNAL, FLOW_CONTROL, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE, REFUSED, CANCEL, COMPRESSION,
 CONNECT, CALM) = range(12)
NAMES = ("NO_ERROR PROTOCOL_ERROR INTERNAL_ERROR FLOW_CONTROL_ERROR SETTINGS_TIMEOUT STREAM_CLOSED FRAME_SIZE_ERROR "
         "REFUSED_STREAM CANCEL COMPRESSION_ERROR CONNECT_ERROR ENHANCE_YOUR_CALM").split()


def frame(kind, flags=0, stream=0, payload=b"", length=None):
    size = len(payload) if length is None else length
    return struct.pack(">I", size)[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def setting(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *p) for p in pairs))


def window_update(stream, n):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", n))


def rst(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def priority(stream, parent, weight=15):
    return frame(PRIORITY, 0, stream, struct.pack(">IB", parent, weight))


def number(value, bits, first=0):
    """An integer with a prefix of `bits` bits (RFC 7541 section 5.1)."""
    top = (1 << bits) - 1
    if value < top:
        return bytes([first | value])
    out, value = bytearray([first | top]), value - top
    while value > 127:
        out.append(128 | value & 127)
        value >>= 7
    return bytes(out + bytes([value]))


def literal(name, value):
    """Literal without indexing, new name, no Huffman coding (section 6.2.2)."""
    name, value = (t.encode("latin-1") if isinstance(t, str) else t for t in (name, value))
    return b"\0" + number(len(name), 7) + name + number(len(value), 7) + value


def block(fields):
    return b"".join(literal(*f) for f in fields)


STATIC = [tuple(f.partition("=")[::2]) for f in (
    ":authority|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|:scheme=https|:status=200|:status=204|"
    ":status=206|:status=304|:status=400|:status=404|:status=500|accept-charset|accept-encoding=gzip, deflate|"
    "accept-language|accept-ranges|accept|access-control-allow-origin|age|allow|authorization|cache-control|"
    "content-disposition|content-encoding|content-language|content-length|content-location|content-range|content-type|"
    "cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|if-unmodified-since|"
    "last-modified|link|location|max-forwards|proxy-authenticate|proxy-authorization|range|referer|refresh|retry-after|"
    "server|set-cookie|strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate").split("|")]

# How long each symbol's code is (A: 5 bits, B: 6, …); the codes themselves follow, for the code is canonical (appendix B).
LENGTHS = ("ISXXXXXXXTZXXZXXXXXXXXZXXXXXXXXXBFFHIBDGFFDGDBBBAAABBBBBBBCDKBHFIBCCCCCCCCCCCCCCCCCCCCCCDCDIOIJBKABABABBBACCBBBABC"
           "BAABCCCCCKGJIXPRPPRRRSRSSSSSTSTTRSTSSSSQRSRSSTRQPRRSSQSRRTQRSSQQRQSRSSPRRRSRRSVVPORSRUVVVWWVTUOQVWWVWTQQVVXWWWPTPQRQQ"
           "SRRUUTTVSVWVVWWWWWXWWWWWVZ")


def _huffman():
    codes, code, size = {}, 0, 0
    for length, symbol in sorted((ord(c) - ord("A") + 5, i) for i, c in enumerate(LENGTHS)):
        code <<= length - size
        size = length
        codes[length, code] = symbol
        code += 1
    return codes


HUFFMAN = _huffman()


def huffman_decode(data):
    out, code, size = bytearray(), 0, 0
    for byte in data:
        for bit in range(7, -1, -1):
            code, size = code << 1 | byte >> bit & 1, size + 1
            symbol = HUFFMAN.get((size, code))
            if symbol is not None:
                out.append(symbol)
                code = size = 0
    return bytes(out)


class Decoder:
    """Header fields of one direction of a connection."""

    def __init__(self):
        self.table, self.size, self.limit = [], 0, 4096

    def decode(self, data):
        self.data, self.at, fields = data, 0, []
        while self.at < len(data):
            first = data[self.at]
            if first & 128:
                fields.append(self.entry(self.integer(7)))
            elif first & 64:
                field = self.field(6)
                fields.append(field)
                self.table.insert(0, field)
                self.size += sum(map(len, field)) + 32
                self.shrink()
            elif first & 32:
                self.limit = self.integer(5)
                self.shrink()
            else:
                fields.append(self.field(4))
        return fields

    def shrink(self):
        while self.size > self.limit:
            self.size -= sum(map(len, self.table.pop())) + 32

    def entry(self, i):
        return STATIC[i - 1] if i <= len(STATIC) else self.table[i - len(STATIC) - 1]

    def field(self, bits):
        i = self.integer(bits)
        return (self.entry(i)[0] if i else self.string()), self.string()

    def integer(self, bits):
        value = self.data[self.at] & (1 << bits) - 1
        self.at += 1
        if value == (1 << bits) - 1:
            shift = 0
            while True:
                byte = self.data[self.at]
                self.at += 1
                value += (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
        return value

    def string(self):
        coded = self.data[self.at] & 128
        length = self.integer(7)
        raw = self.data[self.at:self.at + length]
        self.at += length
        return (huffman_decode(raw) if coded else raw).decode("latin-1")


class Frame:
    def __init__(self, head, payload):
        self.kind, self.flags, self.stream = head[3], head[4], struct.unpack(">I", head[5:9])[0] & 0x7FFFFFFF
        self.payload = payload
        self.fields = None  # of a whole block, on its HEADERS frame

    def code(self):
        at = 4 if self.kind == GOAWAY else 0
        return struct.unpack(">I", self.payload[at:at + 4])[0]

    def __repr__(self):
        kinds = "DATA HEADERS PRIORITY RST_STREAM SETTINGS PUSH_PROMISE PING GOAWAY WINDOW_UPDATE CONTINUATION".split()
        kind = kinds[self.kind] if self.kind < 10 else "type %d" % self.kind
        more = " %d" % self.code() if self.kind in (GOAWAY, RST_STREAM) else ""
        return "%s%s on %d" % (kind, more, self.stream)


class Closed(Exception):
    """The peer ended the connection."""


class Target:
    """A listener: cleartext, or TLS where a context is given."""

    def __init__(self, address, context=None, server_name=None):
        self.address, self.context, self.server_name = address, context, server_name

    def connect(self, timeout):
        sock = socket.create_connection(self.address, timeout=timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.context.wrap_socket(sock, server_hostname=self.server_name) if self.context else sock


def mesh_context(cert, key):
    """TLS as a node speaks it; who is at the other end is not what is tested here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(cert, key)
    context.set_alpn_protocols(["h2"])
    return context


class Client:
    """One connection. Every wait has an end: `timeout` seconds."""

    def __init__(self, target, timeout=5, settings=(), start=True):
        self.sock, self.timeout = target.connect(timeout), timeout
        self.buffer, self.decoder, self.frames, self.settings = b"", Decoder(), [], {}
        self.blocks = None
        if start:
            self.send(PREFACE, setting(*settings))
            self.wait(lambda f: f.kind == SETTINGS and not f.flags & ACK)
            self.send(frame(SETTINGS, ACK))
            self.wait(lambda f: f.kind == SETTINGS and f.flags & ACK)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, *parts):
        try:
            self.sock.sendall(b"".join(parts))
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass  # what it said before that is still read

    def _fill(self, need, deadline):
        while len(self.buffer) < need:
            self.sock.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                got = self.sock.recv(65536)
            except (ConnectionResetError, ssl.SSLError) as e:
                if isinstance(e, ssl.SSLWantReadError):
                    raise TimeoutError from None
                raise Closed("reset") from None
            if not got:
                raise Closed("end")
            self.buffer += got

    def receive(self, deadline=None):
        """The next frame. TimeoutError, Closed."""
        deadline = deadline or time.monotonic() + self.timeout
        self._fill(9, deadline)
        length = int.from_bytes(self.buffer[:3], "big")
        self._fill(9 + length, deadline)
        f = Frame(self.buffer[:9], self.buffer[9:9 + length])
        self.buffer = self.buffer[9 + length:]
        if f.kind == SETTINGS and not f.flags & ACK:
            self.settings.update(struct.iter_unpack(">HI", f.payload))
        if f.kind == HEADERS:
            self.blocks = (f, [f.payload])
        elif f.kind == CONTINUATION:
            self.blocks[1].append(f.payload)
        if f.kind in (HEADERS, CONTINUATION) and f.flags & END_HEADERS:
            self.blocks[0].fields = self.decoder.decode(b"".join(self.blocks[1]))
        self.frames.append(f)
        return f

    def wait(self, want, timeout=None):
        """The first frame that `want` likes."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while True:
            f = self.receive(deadline)
            if want(f):
                return f

    def ping(self, data=b"are you?"):
        """True: the connection lives, and all that was sent before has been looked at."""
        self.send(frame(PING, 0, 0, data))
        self.wait(lambda f: f.kind == PING and f.flags & ACK and f.payload == data)
        return True

    def response(self, stream):
        """Status of the final head on `stream`; -code where it is reset."""
        f = self.wait(lambda f: f.stream == stream and (f.kind == RST_STREAM or f.kind == HEADERS and
                                                        not dict(f.fields)[":status"].startswith("1")))
        return -f.code() if f.kind == RST_STREAM else int(dict(f.fields)[":status"])

    def content(self, stream):
        """All DATA on `stream` up to its end."""
        got = b""
        while True:
            f = self.wait(lambda f: f.stream == stream and f.kind in (DATA, RST_STREAM, HEADERS))
            if f.kind == RST_STREAM:
                raise Closed("stream reset: %d" % f.code())
            if f.kind == DATA:
                got += f.payload
                if f.payload:
                    self.send(window_update(0, len(f.payload)))
            if f.flags & END_STREAM:
                return got
