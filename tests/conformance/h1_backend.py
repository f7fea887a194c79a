# SPDX-License-Identifier: Apache-2.0
"""h1_backend.py: the raw application behind the mesh: reads strictly, counts, and answers with what it is told."""
import asyncio
import re

from h1_raw import Peer
from h1_strict import Broken, Reader

OWN = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nown"


def reaches_admin(path):
    """What some server might make of a path: one decoding, slashes merged, dot segments removed."""
    def first(text):
        kept = []
        for segment in text.split(b"/"):
            if segment == b".." and kept:
                kept.pop()
            elif segment not in (b"", b".", b".."):
                kept.append(segment)
        return kept[:1] == [b"admin"]

    path = path.partition(b"?")[0]
    decoded = re.sub(rb"%([0-9A-Fa-f]{2})", lambda m: bytes([int(m[1], 16)]), path)
    return first(path) or first(decoded)


class Backend:
    """Serves one port. `requests`: complete ones since take(). `problems`: what should never have come."""

    def __init__(self, address):
        self.address = address
        self.requests, self.problems = [], []
        self.connections = set()
        self.script = None    # (raw, way): the answer to the next request
        self.answered = None  # the connection that gave it

    async def start(self):
        self.server = await asyncio.start_server(lambda r, w: None, *self.address)
        sock = self.server.sockets[0]
        asyncio.get_running_loop().remove_reader(sock)  # accepts are ours: the connections are raw
        self.listener = sock.dup()
        self.listener.setblocking(False)
        self.task = asyncio.create_task(self.accept())

    async def accept(self):
        while True:
            sock, _ = await asyncio.get_running_loop().sock_accept(self.listener)
            try:
                peer = Peer(sock)
            except OSError:  # reset already
                continue
            task = asyncio.create_task(self.serve(peer))
            task.add_done_callback(lambda t: t.cancelled() or t.exception() and self.problems.append(repr(t.exception())))

    async def serve(self, peer):
        reader = Reader()
        peer.strict = reader
        self.connections.add(peer)
        try:
            while True:
                await peer.until(lambda: peer.got, 1e6)
                if not peer.got and peer.ended:
                    break
                data = bytes(peer.got)
                peer.got.clear()
                before = len(reader.done)
                reader.feed(data)
                for request in reader.done[before:]:
                    await self.answer(peer, request)
        except Broken as why:
            self.problems.append(f"strictly read: {why}")
        self.connections.discard(peer)
        peer.close()

    async def answer(self, peer, request):
        self.requests.append(request)
        if request.path.startswith(b"/smuggled"):
            self.problems.append("/smuggled was served")
        if reaches_admin(request.path):
            self.problems.append(f"the policy did not see {request.path!r}")
        for name in (b"x-forwarded-for", b"x-forwarded-proto", b"x-request-id", b"x-meshd-client-id"):
            if not request.one(name):
                self.problems.append(f"no {name!r}")
        script, self.script = self.script, None
        if script is None:
            await peer.send(OWN, "whole")
            return
        self.answered = peer
        await peer.send(*script)
        await peer.settled()

    async def quiet(self):
        """No request is half there: the rest has come, or its connection has ended. False after 5 s."""
        for peer in list(self.connections):
            if not await peer.until(lambda: not peer.got and not peer.strict.partial(), 5):
                return False
        return True

    def take(self):
        taken = self.requests, self.problems
        self.requests, self.problems = [], []
        return taken
