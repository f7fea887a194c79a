# SPDX-License-Identifier: Apache-2.0
"""h1_edge.py: every HTTP/1 vector through a real mesh: client -> explicit listener -> mTLS tunnel -> strict raw backend.

    h1_edge.py CLIENT-IP:PORT BACKEND-IP:PORT LANES WAY...      WAY: whole | bytes | cuts

Lane i calls port PORT+i and has the backend at PORT+i to itself, one case at a time: what the backend sees belongs to
that case. Request vectors go in and response vectors come back in each way; cuts: one connection per position.
Prints one line per vector that failed and one with the totals; exit 1 if one failed.
"""
import asyncio
import sys
import time
from collections import Counter

from h1_backend import Backend
from h1_raw import Peer, cuts, load
from h1_strict import Broken, Reader

REFUSALS = {400, 405, 414, 417, 431, 501, 505}
# Requests whose end never comes: not even a lenient reading makes them complete.
UNFINISHED = {"CL-26", "CH-27"}
PROBE = b"GET /probe HTTP/1.1\r\nHost: a.test\r\n\r\n"


class Lane:
    def __init__(self, listener, backend):
        self.listener = listener
        self.backend = Backend(backend)

    async def exchange(self, raw, way, expect, finals):
        """Sends `raw`, waits, half-closes, reads to the end. Gives what came, strictly read, and the problems."""
        peer = await Peer.connect(self.listener)
        reader = Reader(asked=[raw.split(b" ", 1)[0]])
        problems = []

        def read():
            data = bytes(peer.got)
            peer.got.clear()
            try:
                reader.feed(data)
            except Broken as why:
                problems.append(f"answered: {why}")
            return len(reader.finals()) >= finals or problems

        await peer.send(raw, way)
        if expect == "reject":  # and closed, without our end
            if not await peer.until(lambda: False, 5):
                problems.append("the connection stays open")
        elif expect == "accept" and not await peer.until(read, 5):
            problems.append("no answer")
        elif expect == "reject_or_normalise" and way in ("whole", "bytes"):
            await peer.until(read, 0.3)
        peer.finish()
        if not await peer.until(lambda: False, 5):
            problems.append("no end after ours")
        read()
        if not problems and not peer.reset:
            try:
                reader.end()
            except Broken:
                peer.reset = True
        peer.close()
        return reader, peer.reset, problems

    async def request_case(self, v, way):
        """What is wrong with the outcome; empty: nothing."""
        reader, _, problems = await self.exchange(v["bytes"], way, v["expect"], 1)
        if not await self.backend.quiet():
            problems.append("a request that cannot end stays open at the backend")
        requests, more = self.backend.take()
        problems += more
        statuses = [m.status for m in reader.finals()]
        if len(requests) > v["max_backend"]:
            problems.append(f"{len(requests)} requests at the backend")
        if v["expect"] == "accept":
            if len(requests) != v["max_backend"] or not statuses or statuses[0] // 100 != 2:
                problems.append(f"statuses {statuses}, {len(requests)} requests at the backend")
        elif v["expect"] == "reject":
            if requests or (statuses and statuses[0] not in REFUSALS):
                problems.append(f"statuses {statuses}, {len(requests)} complete requests at the backend")
        elif len(statuses) < len(requests):
            problems.append(f"{len(requests)} requests, statuses {statuses}")
        if v["id"] in UNFINISHED and requests:
            problems.append("an unfinished request looks complete")
        claimed = b"127.0.0.1" if v["id"] == "HD-33" else b"1.2.3.4" if v["id"] == "HD-27" else None
        if claimed and requests and requests[0].all(b"x-forwarded-for") != [claimed + b", 127.0.0.1"]:
            problems.append(f"x-forwarded-for {requests[0].all(b'x-forwarded-for')}")
        return problems

    async def response_case(self, v, way):
        backend = self.backend
        backend.script = (v["bytes"], way)
        reader, cut, problems = await self.exchange(PROBE, "whole", "reject_or_normalise", 1)
        if backend.script is not None:
            backend.script = None
            problems.append("the request did not reach the backend")
        if backend.answered:  # meshd has read all of it, too much as it may be
            await backend.answered.settled()
        answer = reader.finals()[0] if reader.finals() else reader.message
        if answer is None:
            if not (cut and v["id"] == "UR-18"):  # it broke after the head, which a reset may take along
                problems.append("no answer")
        elif v["expect"] == "accept" and (answer.status != 200 or answer.body != b"ok" or cut):
            problems.append(f"answered {answer.status} {bytes(answer.body)!r}")
        elif v["expect"] == "reject" and answer.status != 502:
            problems.append(f"answered {answer.status}")
        elif b"x-secret" in dict(answer.fields) or answer.trailers:
            problems.append("forwarded what was for one hop, or a trailer that must not be one")
        if v["id"] == "UR-18" and not cut and answer is not None and answer.status == 200:
            problems.append("a broken transfer looks complete")
        after, _, more = await self.exchange(PROBE, "whole", "accept", 1)
        problems += more
        if [(m.status, bytes(m.body)) for m in after.finals()] != [(200, b"own")]:
            problems.append("the next request got another's answer")
        await backend.quiet()
        problems += backend.take()[1]
        return problems


async def warm(lane):
    """Until the mesh answers."""
    for _ in range(200):
        reader, _, _ = await lane.exchange(PROBE, "whole", "reject_or_normalise", 1)
        if [m.status for m in reader.finals()] == [200]:
            break
        await asyncio.sleep(0.05)
    lane.backend.take()


async def main():
    listener, backend, lanes, ways = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]

    def address(text, i):
        ip, port = text.split(":")
        return ip, int(port) + i

    lanes = [Lane(address(listener, i), address(backend, i)) for i in range(lanes)]
    for lane in lanes:
        await lane.backend.start()
    await asyncio.gather(*map(warm, lanes))

    cases = []
    for name, judge in (("malformed_http1.json", Lane.request_case), ("malformed_http1_responses.json", Lane.response_case)):
        for v in load(name):
            for way in ways:
                cases += [(judge, v, at) for at in (cuts(v["bytes"]) if way == "cuts" else [way])]
    failed, ran, began = {}, Counter(), time.monotonic()
    queue = iter(cases)

    async def work(lane):
        for judge, v, way in queue:
            problems = await judge(lane, v, way)
            ran[way if isinstance(way, str) else "cut"] += 1
            if problems:
                failed.setdefault(v["id"], (v["why"], way, problems))

    await asyncio.gather(*map(work, lanes))
    for lane in lanes:
        requests, problems = lane.backend.take()
        if requests or problems:
            failed["after"] = ("no request comes later", "", [r.path for r in requests] + problems)
    for name, (why, way, problems) in sorted(failed.items()):
        print(f"FAILED {name} ({why}), sent {way}: {'; '.join(map(str, problems))}")
    vectors = len({v["id"] for _, v, _ in cases})
    print(f"{vectors - len(failed)} of {vectors} vectors as expected in {sum(ran.values())} cases "
          f"({', '.join(f'{n} {way}' for way, n in ran.items())}), {time.monotonic() - began:.1f} s")
    sys.exit(1 if failed else 0)


asyncio.run(main())
