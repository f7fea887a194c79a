# SPDX-License-Identifier: Apache-2.0
# 10,000 messages each way: a WebSocket client over HTTP/2 (python3-h2, RFC 8441), and one over HTTP/1.1, reach a server
# over HTTP/1.1 (python3-websockets) through two nodes; what the server refuses is refused; a client that goes is noticed.
. "$(dirname "$0")/mesh-web.inc.sh"
one_web_file

cat >"$WORK/backend.py" <<'PY'
import asyncio, http, websockets
gone = 0
async def serve(socket, path):
    global gone
    try:
        async for message in socket:
            await socket.send(message if message != "gone?" else str(gone))
    finally:
        if socket.close_code == 1006:
            gone += 1
async def refuse(path, headers):
    return (http.HTTPStatus.FORBIDDEN, [], b"no\n") if path == "/no" else None
async def main():
    async with websockets.serve(serve, "127.0.1.2", 18080, process_request=refuse, subprotocols=["chat"], max_size=None):
        await asyncio.Future()
asyncio.run(main())
PY

cat >"$WORK/client.py" <<'PY'
# client.py ADDRESS PORT: prints what it found, one word a line.
import socket, sys, h2.config, h2.connection, h2.events, h2.settings
import wsproto, wsproto.frame_protocol as frames

class Client:
    def __init__(self):
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self.socket = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10)
        self.h2.initiate_connection()
        self.status, self.data, self.ended = {}, {}, set()
        self.flush()
        self.until(lambda: self.h2.remote_settings.get(h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL) == 1)
    def flush(self):
        self.socket.sendall(self.h2.data_to_send())
    def until(self, done):
        while not done():
            received = self.socket.recv(65536)
            assert received, "the connection ended"
            for e in self.h2.receive_data(received):
                if isinstance(e, h2.events.ResponseReceived):
                    self.status[e.stream_id] = dict(e.headers)
                elif isinstance(e, h2.events.DataReceived):
                    self.data[e.stream_id] = self.data.get(e.stream_id, b"") + e.data
                    self.h2.acknowledge_received_data(e.flow_controlled_length, e.stream_id)
                elif isinstance(e, (h2.events.StreamEnded, h2.events.StreamReset)):
                    self.ended.add(e.stream_id)
            self.flush()
    def open(self, path):
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, [
            (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", path),
            (":authority", "web"), ("sec-websocket-version", "13"), ("sec-websocket-protocol", "chat")])
        self.flush()
        self.until(lambda: stream in self.status)
        return stream, int(self.status[stream][b":status"] if b":status" in self.status[stream] else self.status[stream][":status"])
    def send(self, stream, data):
        while data:
            self.until(lambda: self.h2.local_flow_control_window(stream) > 0)
            n = min(len(data), self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            self.h2.send_data(stream, data[:n])
            self.flush()
            data = data[n:]

class Talk:
    def __init__(self, client, stream):
        self.client, self.stream = client, stream
        self.codec = frames.FrameProtocol(client=True, extensions=[])
    def ask(self, text):
        self.client.send(self.stream, self.codec.send_data(text, fin=True))
        got = ""
        while True:
            self.client.until(lambda: self.client.data.get(self.stream))
            self.codec.receive_bytes(self.client.data.pop(self.stream))
            for f in self.codec.received_frames():
                if f.opcode is frames.Opcode.PING:
                    self.client.send(self.stream, self.codec.pong(f.payload))
                    continue
                got += f.payload
                if f.message_finished:
                    return got

c = Client()
stream, status = c.open("/chat")
print("open", status)
names = {(k.decode() if isinstance(k, bytes) else k): v for k, v in c.status[stream].items()}
print("protocol", names.get("sec-websocket-protocol"), "accept" if "sec-websocket-accept" in names else "none")
talk = Talk(c, stream)
print("echo", sum(talk.ask("hello %d" % i) == "hello %d" % i for i in range(10_000)))
long = "x" * 1_000_000
print("long", talk.ask(long) == long)
print("no", c.open("/no")[1])
# Another client is cut off: the server hears of it, our socket goes on.
other, _ = c.open("/chat")
c.h2.reset_stream(other, 8)
c.flush()
for _ in range(200):
    if talk.ask("gone?") == "1":
        break
print("gone", talk.ask("gone?"))
c.send(stream, talk.codec.close(1000))
c.until(lambda: stream in c.ended)
print("closed", True)
PY

start backend /usr/bin/python3 "$WORK/backend.py"
wait_until 10 "the WebSocket server" port_open 127.0.1.2 18080
mesh_up 2
opens() { /usr/bin/python3 "$WORK/client.py" 127.0.1.1 9001 >"$WORK/found" 2>"$WORK/client.log"; }
wait_until 60 "a WebSocket through the mesh" opens
found() { awk -v w="$1" '$1 == w {print $2}' "$WORK/found"; }
verdict websocket-h2-open "status $(found open), $(found echo) of 10000 echoes, a megabyte $(found long)" "200, 10000, True" \
  test "$(found open) $(found echo) $(found long)" = "200 10000 True"
verdict websocket-h2-refused "what the server refuses is $(found no)" 403 test "$(found no)" = 403
verdict websocket-h2-reset "connections that the server saw cut: $(found gone)" "1" test "$(found gone)" -ge 1
verdict websocket-h2-closed "closed in order: $(found closed)" True test "$(found closed)" = True

# ---- over HTTP/1.1: both directions at once, while the other end does not wait
cat >"$WORK/h1.py" <<'PY'
import asyncio, websockets
N = 10_000
async def main():
    async with websockets.connect("ws://127.0.1.1:9001/chat", max_size=None) as socket:
        async def send():
            for i in range(N):
                await socket.send("message %d" % i + "x" * (i % 500))
        sending = asyncio.create_task(send())
        right = 0
        for i in range(N):
            right += await socket.recv() == "message %d" % i + "x" * (i % 500)
        await sending
        print(right)
asyncio.run(asyncio.wait_for(main(), 60))
PY
right=$(/usr/bin/python3 "$WORK/h1.py")
verdict websocket-h1 "$right of 10000 messages there and back, in order" 10000 test "$right" = 10000

# curl's own client, as everybody's HTTP/1.1 one does it.
accept=$(curl -s -i --max-time 5 -N -H 'connection: Upgrade' -H 'upgrade: websocket' -H 'sec-websocket-version: 13' \
  -H 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==' http://127.0.1.1:9001/ 2>/dev/null | tr -d '\r' |
  sed -n 's/^[Ss]ec-[Ww]eb[Ss]ocket-[Aa]ccept: //p' || :)
verdict websocket-h1-accept "accept of an HTTP/1.1 client: $accept" "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" \
  test "$accept" = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
exit $SHORT
