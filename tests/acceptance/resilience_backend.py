# SPDX-License-Identifier: Apache-2.0
"""resilience_backend.py DIRECTORY ADDRESS PORT:FAULT…: HTTP/1.1 servers that fail on TCP's level, one per port.

    accept   resets each connection as soon as it is there
    middle   resets in the middle of each answer's content
    hang     takes requests and never answers

Each failure is a line in DIRECTORY/PORT.events: the time in ms (Unix), and `bad`. From SIGUSR1 on all answer as they
should; such a request is a line with `good`.
"""
import asyncio
import signal
import socket
import struct
import sys
import time

healed = False


def reset(writer):
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def server(fault, events):
    def note(what):
        events.write("%d %s\n" % (time.time_ns() // 1_000_000, what))

    async def serve(reader, writer):
        if fault == "accept" and not healed:
            note("bad")
            return reset(writer)
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                if healed:
                    note("good")
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")
                    continue
                note("bad")
                if fault == "hang":
                    await reader.read()
                    return writer.close()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly so much")
                # Reset at once, the kernel would throw away what it has not sent.
                await asyncio.sleep(0.005)
                return reset(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    return serve


async def main():
    directory, address = sys.argv[1:3]
    def heal():
        global healed
        healed = True
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, heal)
    for word in sys.argv[3:]:
        port, fault = word.split(":")
        events = open("%s/%s.events" % (directory, port), "w", buffering=1)
        await asyncio.start_server(server(fault, events), address, int(port), backlog=1024)
    await asyncio.Event().wait()


asyncio.run(main())
