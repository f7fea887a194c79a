# SPDX-License-Identifier: Apache-2.0
"""Programs around the workload-identity point.

    identity_peer.py echo IP PORT LOG     HTTP: answers with the request's fields as JSON; each request is a line of LOG
    identity_peer.py sink IP PORT LOG     takes connections, writes to LOG how many bytes each had sent when it ended
    identity_peer.py gone IP PORT PATH N  connects N times, asks, and closes at once
    identity_peer.py plain IP PORT N      N plaintext tries of several kinds; prints connections made, bytes of HTTP got back
"""
import asyncio
import json
import socket
import sys

mode, ip, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def note(line):
    with open(sys.argv[4], "a") as log:
        log.write(line + "\n")


async def echo(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            body = json.dumps(fields).encode() + b"\n"
            note(head[0] + " " + fields.get("x-meshd-client-id", "-"))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def sink(reader, writer):
    data = b""
    try:
        while chunk := await reader.read(65536):
            data += chunk
    except ConnectionError:
        pass
    note(str(len(data)))
    writer.close()


async def serve(handler):
    server = await asyncio.start_server(handler, ip, port, reuse_address=True)
    async with server:
        await server.serve_forever()


KINDS = [
    b"GET /plain HTTP/1.1\r\nhost: echo\r\nx-meshd-client-id: spiffe://accept.mesh/ns/default/sa/alpha\r\n\r\n",
    b"CONNECT echo:18080 HTTP/1.1\r\nhost: echo:18080\r\n\r\nGET /plain HTTP/1.1\r\nhost: echo\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000"),
    b"\x16\x03\x01\x00\x05hello",
]


async def plain(count):
    gate, got = asyncio.Semaphore(40), [0, 0]

    async def one(i):
        async with gate:
            try:
                reader, writer = await asyncio.open_connection(ip, port)
                got[0] += 1
                writer.write(KINDS[i % len(KINDS)])
                answer = await asyncio.wait_for(reader.read(65536), 8)
                # An alert (type 21) is all that TLS may say.
                got[1] += len(answer) if answer[:1] not in (b"", b"\x15") else 0
                writer.close()
            except (OSError, asyncio.TimeoutError):
                pass

    await asyncio.gather(*(one(i) for i in range(count)))
    print(got[0], got[1])


if mode == "echo":
    asyncio.run(serve(echo))
elif mode == "sink":
    asyncio.run(serve(sink))
elif mode == "gone":
    for _ in range(int(sys.argv[5])):
        with socket.create_connection((ip, port)) as s:
            s.sendall(b"GET %s HTTP/1.1\r\nhost: x\r\n\r\n" % sys.argv[4].encode())
elif mode == "plain":
    asyncio.run(plain(int(sys.argv[4])))
