# SPDX-License-Identifier: Apache-2.0
"""An HTTP/1.1 server that answers in the ways few servers do: what protocols.sh judges meshd with.

  protocols_backend.py ADDRESS PORT

  /events    server-sent events, after a second one each 100 ms, each with the moment it was written; chunked
  /early     103 with a link, then 200
  /trailers  chunked, with a trailer field
  /close     content that ends with the connection
  /size      how much was sent, when all has come
  /echo      what was sent, in chunks as it comes, with the request's trailer x-sum as a trailer of its own
"""
import asyncio
import sys
import time


async def head(reader):
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = lines[0].split(" ")
    return method, path, {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:] if line)}


async def chunks(reader, fields, trailers):
    """The request's content, piece by piece."""
    if "content-length" in fields:
        left = int(fields["content-length"])
        while left:
            piece = await reader.read(min(left, 65536))
            left -= len(piece)
            yield piece
        return
    while "transfer-encoding" in fields:
        size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
        if size:
            yield await reader.readexactly(size)
            await reader.readexactly(2)
            continue
        while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
            name, _, value = line.decode().partition(":")
            trailers[name.lower()] = value.strip()
        return


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


async def serve(reader, writer):
    try:
        while True:
            method, path, fields = await head(reader)
            ok = b"HTTP/1.1 200 OK\r\n"
            if path == "/events":
                writer.write(ok + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
                await writer.drain()
                await asyncio.sleep(1)  # who measures has begun to read by then
                for _ in range(20):
                    writer.write(chunk(b"data: %.6f\n\n" % time.monotonic()))
                    await writer.drain()
                    await asyncio.sleep(0.1)
                writer.write(b"0\r\n\r\n")
            elif path == "/early":
                writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n")
                writer.write(ok + b"Content-Length: 2\r\n\r\nok")
            elif path == "/trailers":
                writer.write(ok + b"Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n")
                writer.write(chunk(b"body") + b"0\r\nX-Sum: 42\r\n\r\n")
            elif path == "/close":
                writer.write(ok + b"Connection: close\r\n\r\n" + b"until the end")
                await writer.drain()
                return
            elif path == "/size":
                size = sum([len(piece) async for piece in chunks(reader, fields, {})])
                writer.write(ok + b"Content-Length: %d\r\n\r\n%d" % (len(str(size)), size))
            else:
                trailers = {}
                writer.write(ok + b"Transfer-Encoding: chunked\r\n\r\n")
                async for piece in chunks(reader, fields, trailers):
                    writer.write(chunk(piece))
                    await writer.drain()
                said = "".join(f"{k}: {v}\r\n" for k, v in trailers.items())
                writer.write(b"0\r\n" + said.encode() + b"\r\n")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main(address, port):
    server = await asyncio.start_server(serve, address, int(port))
    await server.serve_forever()


asyncio.run(main(*sys.argv[1:]))
