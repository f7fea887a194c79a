# SPDX-License-Identifier: Apache-2.0
"""A gRPC server and its callers, on Debian's python3-grpcio: what grpc.sh judges meshd with.

  grpc_peer.py serve ADDRESS[,ADDRESS]
  grpc_peer.py unary ADDRESS CALLS        prints how many had a wrong answer, status or trailer
  grpc_peer.py streams ADDRESS STREAMS    the same for streams up, down and both ways, STREAMS of each
  grpc_peer.py ends ADDRESS CALLS         prints the worst delay in ms of: a deadline, a cancellation at the server
  grpc_peer.py status ADDRESS PATH        prints the status code of one call

Messages are plain bytes. A unary call that says "fail N" ends with status N. Every call has the trailer x-end, which
repeats the call's x-id.
"""
import asyncio
import sys
import time

import grpc

METHODS = {"Unary": grpc.unary_unary_rpc_method_handler, "Up": grpc.stream_unary_rpc_method_handler,
           "Down": grpc.unary_stream_rpc_method_handler, "Both": grpc.stream_stream_rpc_method_handler,
           "Hang": grpc.unary_stream_rpc_method_handler, "Ended": grpc.unary_unary_rpc_method_handler}
CODES = {code.value[0]: code for code in grpc.StatusCode}
PAYLOAD = b"x" * 1000


class Server:
    def __init__(self):
        self.ended = {}  # id of a hanging call: when it ended here, by the clock that all processes share

    @staticmethod
    def mark(context):
        ident = dict(context.invocation_metadata()).get("x-id", "")
        context.set_trailing_metadata((("x-end", ident),))
        return ident

    async def Unary(self, request, context):
        self.mark(context)
        if request.startswith(b"fail "):
            await context.abort(CODES[int(request[5:])], "as asked: 100 %")
        return request

    async def Up(self, requests, context):
        self.mark(context)
        total = 0
        async for message in requests:
            total += len(message)
        return str(total).encode()

    async def Down(self, request, context):
        self.mark(context)
        for n in range(int(request)):
            yield PAYLOAD + str(n).encode()

    async def Both(self, requests, context):
        self.mark(context)
        async for message in requests:
            yield message

    async def Hang(self, request, context):
        ident = self.mark(context)
        try:
            yield b"begun"
            await asyncio.Event().wait()
        finally:
            self.ended[ident] = time.monotonic()

    async def Ended(self, request, context):
        self.mark(context)
        return str(self.ended.get(request.decode(), 0)).encode()


async def serve(address):
    server = grpc.aio.server()
    peer = Server()
    handlers = {name: make(getattr(peer, name)) for name, make in METHODS.items()}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", handlers),))
    for one in address.split(","):
        assert server.add_insecure_port(one)
    await server.start()
    await server.wait_for_termination()


async def in_parallel(count, width, work):
    """work(n) for n < count, `width` at a time; how many said False."""
    numbers = iter(range(count))
    wrong = 0

    async def worker():
        nonlocal wrong
        for n in numbers:
            wrong += not await work(n)

    await asyncio.gather(*(worker() for _ in range(width)))
    return wrong


def trailer(call_trailers, ident):
    return ("x-end", ident) in list(call_trailers)


async def unary(channel, count):
    call = channel.unary_unary("/t.T/Unary")

    async def one(n):
        ident = str(n)
        code = n % 17 if n % 10 == 0 else 0  # each tenth call ends with a status of its own
        message = b"fail %d" % code if code else b"hello " + ident.encode()
        rpc = call(message, metadata=(("x-id", ident),))
        try:
            answer = await rpc
            good = code == 0 and answer == message
        except grpc.aio.AioRpcError as e:
            good = e.code() == CODES[code] and e.details() == "as asked: 100 %"
        return good and trailer(await rpc.trailing_metadata(), ident)

    return await in_parallel(count, 64, one)


async def streams(channel, count):
    up, down = channel.stream_unary("/t.T/Up"), channel.unary_stream("/t.T/Down")
    both = channel.stream_stream("/t.T/Both")

    async def messages(n):
        for i in range(n % 20):
            yield PAYLOAD + str(i).encode()

    async def one(n):
        ident, size = str(n), n % 20
        sent = [PAYLOAD + str(i).encode() for i in range(size)]
        kind = n % 3
        if kind == 0:
            rpc = up(messages(n), metadata=(("x-id", ident),))
            good = int(await rpc) == sum(map(len, sent))
        else:
            rpc = (down(str(size).encode(), metadata=(("x-id", ident),)) if kind == 1
                   else both(messages(n), metadata=(("x-id", ident),)))
            good = [m async for m in rpc] == sent
        return good and await rpc.code() == grpc.StatusCode.OK and trailer(await rpc.trailing_metadata(), ident)

    return await in_parallel(3 * count, 32, one)


async def ends(channel, count):
    hang, ended = channel.unary_stream("/t.T/Hang"), channel.unary_unary("/t.T/Ended")
    worst = {"deadline": 0.0, "cancel": 0.0}

    async def arrival(ident):
        for _ in range(2000):
            at = float(await ended(ident.encode(), metadata=(("x-id", ident),)))
            if at:
                return at
            await asyncio.sleep(0.002)
        return float("inf")

    async def one(n):
        ident, kind = f"{id(channel)}-{n}", "deadline" if n % 2 else "cancel"
        begin = time.monotonic()
        rpc = hang(b"", metadata=(("x-id", ident),), timeout=0.3 if kind == "deadline" else None)
        await rpc.read()
        if kind == "cancel":
            due = time.monotonic()
            rpc.cancel()
        else:
            due = begin + 0.3
            try:
                await rpc.read()
            except grpc.aio.AioRpcError as e:
                if e.code() != grpc.StatusCode.DEADLINE_EXCEEDED:
                    return False
        worst[kind] = max(worst[kind], (await arrival(ident) - due) * 1000)
        return True

    wrong = await in_parallel(count, 4, one)
    return f"{worst['deadline']:.1f} {worst['cancel']:.1f} {wrong}"


async def status(channel, path):
    try:
        await channel.unary_unary(path)(b"hello", timeout=5)
        return 0
    except grpc.aio.AioRpcError as e:
        print(e.details(), file=sys.stderr)
        return e.code().value[0]


async def main(what, address, arg=None):
    if what == "serve":
        return await serve(address)
    async with grpc.aio.insecure_channel(address) as channel:
        work = {"unary": unary, "streams": streams, "ends": ends, "status": status}[what]
        print(await work(channel, arg if what == "status" else int(arg)))


asyncio.run(main(*sys.argv[1:]))
