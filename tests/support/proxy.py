#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An HTTP proxy (RFC 9110, 9.3.6) that tunnels, or answers every CONNECT with a failure.

proxy.py LOG [STATUS]

Prints its port. LOG gets a line a CONNECT: the target, and the user and password it was told.
"""
import base64
import http.server
import select
import socket
import sys

log = sys.argv[1]
refusal = int(sys.argv[2]) if len(sys.argv) > 2 else None


class Proxy(http.server.BaseHTTPRequestHandler):
    def do_CONNECT(self):
        word, _, value = self.headers.get("Proxy-Authorization", "").partition(" ")
        told = base64.b64decode(value).decode() if word == "Basic" else "-"
        with open(log, "a", encoding="utf-8") as lines:
            lines.write(f"{self.path} {told}\n")
        if refusal:
            page = b"<html><h1>The proxy says no</h1></html>"
            self.send_response(refusal)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port))) as upstream:
            self.send_response(200)
            self.end_headers()
            ends = {self.connection: upstream, upstream: self.connection}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    ends[end].sendall(data)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
server.daemon_threads = True
print(server.server_address[1], flush=True)
server.serve_forever()
