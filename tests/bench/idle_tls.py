# SPDX-License-Identifier: Apache-2.0
"""idle_tls.py ADDRESS:PORT CERTIFICATE KEY COUNT: holds COUNT mTLS connections that say nothing until stdin ends."""
import socket
import ssl
import sys

address, certificate, key, count = sys.argv[1:5]
host, port = address.rsplit(":", 1)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE  # whom we reach is not what is measured
context.load_cert_chain(certificate, key)
context.set_alpn_protocols(["h2", "http/1.1"])
held = []
for _ in range(int(count)):
    raw = socket.create_connection((host, int(port)), timeout=30)
    held.append(context.wrap_socket(raw, server_hostname="b.bench.test"))
print(f"open={len(held)}", flush=True)
sys.stdin.read()
