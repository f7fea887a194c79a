# SPDX-License-Identifier: Apache-2.0
"""h1_differential.py: does a real server count the requests that meshd forwarded, connection by connection?

    h1_differential.py send SEED COUNT LISTENER > answers, one line per connection
    h1_differential.py judge SEED ANSWERS MESH-LOG BACKEND-LOG NAME

Case N comes from an address of its own, which meshd writes into x-forwarded-for and the server into its log: so the
server's count belongs to a connection. meshd gives each request an id, which both log: so each request that the server
saw is one that meshd forwarded, once, with the same method and path. The client counts the answers of the server.
"""
import json
import re
import selectors
import socket
import sys
import time
from collections import Counter, defaultdict

from h1_mutate import case, corpus
from h1_strict import Broken, Reader

OPEN_MAX = 64
LIMIT = 15  # seconds for one connection


def source(number):
    """The address that case `number` calls from."""
    return f"127.{16 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def number_of(xff):
    """The case of an x-forwarded-for, whatever other hops added; -1: none."""
    for address in reversed(xff.split(",")):
        if match := re.fullmatch(r" *127\.(1[6-9]|[2-9]\d)\.(\d+)\.(\d+)", address):
            return (int(match[1]) - 16) << 16 | int(match[2]) << 8 | int(match[3])
    return -1


def unescaped(line):
    """What was before both servers escaped their log: \\x22, \\" and the like."""
    return re.sub(r"\\(?:x([0-9A-F]{2})|(.))", lambda m: chr(int(m[1], 16)) if m[1] else m[2], line)


class Call:
    def __init__(self, number, raw, to):
        self.number, self.raw, self.left = number, raw, memoryview(raw)
        self.got = bytearray()
        self.cut = False
        self.end = time.monotonic() + LIMIT
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        self.sock.bind((source(number), 0))
        self.sock.connect_ex(to)

    def step(self, events):
        """Sends and reads what it can. True: over."""
        try:
            if events & selectors.EVENT_WRITE:
                self.left = self.left[self.sock.send(self.left):]
                if not self.left:
                    self.sock.shutdown(socket.SHUT_WR)
            if events & selectors.EVENT_READ:
                data = self.sock.recv(65536)
                self.got += data
                return not data
        except BlockingIOError:
            pass
        except OSError:
            # It takes no more. What it said before is still there to read.
            if events & selectors.EVENT_READ or not self.left:
                self.cut = True
                return True
            self.left = memoryview(b"")
            self.cut = True
        return False

    def wants(self):
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if self.left else 0)

    def outcome(self):
        """[answers of the server, answers of meshd, the end was clean], or why it cannot be said."""
        if b"HEAD" in self.raw or b"*" in self.raw:
            return None  # which answer has content? And nginx refuses OPTIONS * before it knows whose it is
        reader = Reader(asked=[b"GET"])
        try:
            reader.feed(bytes(self.got))
            clean = not self.cut and not reader.partial()
        except Broken as why:
            return str(why)
        ours = sum(1 for m in reader.finals() if m.all(b"x-meshd-error"))
        return [len(reader.finals()) - ours, ours, clean]


def send(seed, count, to):
    good, bad = corpus()
    poll = selectors.DefaultSelector()
    numbers, calls = iter(range(count)), set()
    more = True
    while calls or more:
        while more and len(calls) < OPEN_MAX:
            number = next(numbers, None)
            more = number is not None
            if more:
                call = Call(number, case(seed, number, good, bad), to)
                calls.add(call)
                poll.register(call.sock, call.wants(), call)
        over = []
        for key, events in poll.select(1):
            if key.data.step(events):
                over.append((key.data, key.data.outcome()))
            elif key.events != key.data.wants():
                poll.modify(key.fileobj, key.data.wants(), key.data)
        now, done = time.monotonic(), {call for call, _ in over}
        over += [(call, "no end") for call in calls if call.end < now and call not in done]
        for call, outcome in over:
            poll.unregister(call.sock)
            call.sock.close()
            calls.discard(call)
            sys.stdout.write(json.dumps([call.number, outcome]) + "\n")


def judge(seed, answers, mesh_log, backend_log, name):
    """`backend_log`: lines of x-request-id TAB x-forwarded-for TAB request line TAB status."""
    client = dict(json.loads(line) for line in open(answers))
    forwarded, answered, failed = defaultdict(list), {}, set()
    for line in open(mesh_log, errors="surrogateescape"):
        r = json.loads(line)
        if r["direction"] == "inbound" and r["service"] == name:
            forwarded[r["request_id"]].append((r["method"], r["path"]))
            answered[r["request_id"]] = r.get("status")
            if "error" in r or "status" not in r:
                failed.add(r["request_id"])
    seen, per_case, unnamed, problems = defaultdict(list), Counter(), [], []
    for line in open(backend_log, errors="surrogateescape"):
        request_id, rest = unescaped(line.rstrip("\n")).split("\t", 1)
        xff, start, status = rest.rsplit("\t", 2)
        method, path = (start.split(" ") + ["", ""])[:2]
        number = number_of(xff)
        per_case[number] += 1
        if request_id in ("", "-"):
            unnamed.append((method, path, status))
            continue
        seen[request_id].append((method, path))
        if request_id not in forwarded:
            problems.append((number, f"{name} saw {method} {path} ({status}), which was never forwarded"))
        elif (method, path) not in forwarded[request_id]:
            problems.append((number, f"{name} read {method} {path} where {forwarded[request_id]} was forwarded"))
        elif len(seen[request_id]) > len(forwarded[request_id]):
            problems.append((number, f"{name} saw {method} {path} twice"))
    # A server that refuses a request at its first line (nginx: OPTIONS *) has read no id.
    unseen = defaultdict(list)
    for request_id, requests in sorted(forwarded.items(), key=lambda item: item[0] not in failed):
        if request_id not in seen:
            unseen[requests[0]].append(request_id)
    for method, path, status in unnamed:
        if status == "400" and unseen[method, path]:
            seen[unseen[method, path].pop()].append((method, path))
        else:
            problems.append((-1, f"{name} saw {method} {path} ({status}), which was never forwarded"))
    for request_id, requests in forwarded.items():
        if len(seen[request_id]) < len(requests) and request_id not in failed:
            problems.append((-1, f"{name} never saw {requests}, id {request_id}, status {answered[request_id]}"))
    for number, outcome in client.items():
        if isinstance(outcome, str):
            problems.append((number, f"the client: {outcome}"))
        elif outcome and (outcome[0] > per_case[number] or (outcome[0] < per_case[number] and outcome[2] and not outcome[1])):
            problems.append((number, f"{outcome[0]} answers for {per_case[number]} requests at {name}"))
    if len(seen) < len(client) // 10:
        problems.append((-1, "too few requests came through for a comparison"))
    good, bad = corpus()
    for number, what in problems[:20]:
        print(f"DIFFERENCE seed {seed} case {number}: {what}")
        if number >= 0:
            print(f"    {case(seed, number, good, bad)!r}")
    print(f"{len(problems)} differences in {len(client)} connections: {sum(map(len, forwarded.values()))} requests forwarded "
          f"({len(failed)} of them cut short), {sum(map(len, seen.values()))} seen by {name}")
    sys.exit(1 if problems else 0)


if sys.argv[1] == "send":
    ip, port = sys.argv[4].split(":")
    send(int(sys.argv[2]), int(sys.argv[3]), (ip, int(port)))
else:
    judge(int(sys.argv[2]), *sys.argv[3:7])
