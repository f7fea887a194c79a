# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 servers that can be made slow, bad or unhealthy while they run: what balance.sh puts behind meshd.

  balance_backend.py ADDRESS:PORT[:DELAY_MS] …

Every path is answered 200 with the port, but: /health 200 or 503; and to be asked directly, /set?delay=MS, /set?bad=N
(of 100 requests N are answered 500), /set?health=503, and /most: the most requests that were under way at once.
"""
import asyncio
import sys
from urllib.parse import parse_qsl, urlsplit


class Backend:
    def __init__(self, port, delay):
        self.port, self.delay, self.bad, self.health = port, delay, 0, 200
        self.now = self.most = self.seen = 0

    async def answer(self, target):
        url = urlsplit(target)
        if url.path == "/health":
            return self.health, "health"
        if url.path == "/most":
            return 200, str(self.most)
        if url.path == "/set":
            for key, value in parse_qsl(url.query):
                setattr(self, key, int(value))
            return 200, "set"
        self.now += 1
        self.seen += 1
        self.most = max(self.most, self.now)
        try:
            if self.delay:
                await asyncio.sleep(self.delay / 1000)
        finally:
            self.now -= 1
        return (500 if self.seen * 37 % 100 < self.bad else 200), str(self.port)

    async def serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                status, text = await self.answer(head.split(b" ", 2)[1].decode())
                writer.write(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%s" % (status, len(text), text.encode()))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def main(places):
    servers = []
    for place in places:
        address, port, delay = (place.split(":") + ["0"])[:3]
        backend = Backend(int(port), int(delay))
        servers.append(await asyncio.start_server(backend.serve, address, int(port), backlog=1024))
    await asyncio.gather(*(s.serve_forever() for s in servers))


asyncio.run(main(sys.argv[1:]))
