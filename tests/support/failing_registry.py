#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A registry of one OCI layout that fails where it is told to.

failing_registry.py LAYOUT PORT_FILE [ADDRESS]

Listens on ADDRESS (127.0.0.1), writes ADDRESS:PORT to PORT_FILE, and each path that it is asked for to stderr. Any repository has the content
of LAYOUT.
The name of a repository says how all of it fails, and a tag that is named so how that tag fails:

    denied    403                     limited   429, for an hour
    broken    503                     silent    no answer
    large     a manifest of 9 MiB     absent    404
    private   401, for everybody

In the repository `wrong` each blob that is not JSON has another first byte. The repository `astray` redirects each blob to the same path of the
repository `there` at the URL in the environment's ELSEWHERE, and `asking` wants a token from there.
"""
import http.server
import json
import os
import sys
import threading

layout, port_file = sys.argv[1:3]
address = sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1"
elsewhere = os.environ.get("ELSEWHERE", "")
STATUS = {"denied": 403, "limited": 429, "broken": 503, "absent": 404, "private": 401}
FIELDS = {"limited": ("Retry-After", "3600"), "private": ("WWW-Authenticate", 'Basic realm="test"')}


def blob(digest):
    try:
        with open(os.path.join(layout, "blobs", *digest.split(":", 1)), "rb") as file:
            return file.read()
    except OSError:
        return None


with open(os.path.join(layout, "index.json"), encoding="utf-8") as index:
    descriptors = json.load(index)["manifests"]
tags = {entry["annotations"]["org.opencontainers.image.ref.name"]: entry["digest"] for entry in descriptors}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", kind="application/json", fields=()):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for field in fields:
            self.send_header(*field)
        self.end_headers()
        try:
            if self.command == "GET":
                self.wfile.write(body)
        except ConnectionError:  # whoever asked has seen enough
            self.close_connection = True

    def fails(self, how):
        if how == "silent":
            threading.Event().wait()
        if how not in STATUS:
            return False
        self.answer(STATUS[how], fields=[FIELDS[how]] if how in FIELDS else [])
        return True

    def do_GET(self):
        print(self.path, file=sys.stderr, flush=True)
        path = self.path.split("?")[0].strip("/").split("/")
        if path == ["v2"]:
            return self.answer(200, b"{}")
        if path == ["v2", "token"]:
            return self.answer(200, b'{"token": "t"}')
        if len(path) != 4:
            return self.answer(404)
        repository, kind, name = path[1:]
        if self.fails(repository):
            return None
        if repository == "asking" and "Authorization" not in self.headers:
            return self.answer(401, fields=[("WWW-Authenticate", f'Bearer realm="{elsewhere}/v2/token"')])
        if kind == "tags":
            listed = {"name": repository, "tags": [*tags, *STATUS, "large", "silent"]}
            return self.answer(200, json.dumps(listed).encode())
        if kind == "manifests":
            if self.fails(name):
                return None
            if name == "large":
                return self.answer(200, b" " * (9 << 20))
            digest = tags.get(name, name)
            body = blob(digest)
            if body is None:
                return self.answer(404)
            kind = json.loads(body)["mediaType"]
            return self.answer(200, body, kind, [("Docker-Content-Digest", digest)])
        if repository == "astray":
            return self.answer(307, fields=[("Location", f"{elsewhere}/v2/there/blobs/{name}")])
        body = blob(name)
        if body is None:
            return self.answer(404)
        if repository == "wrong" and body[:1] != b"{":
            body = bytes([body[0] ^ 1]) + body[1:]
        return self.answer(200, body, "application/octet-stream")

    do_HEAD = do_GET


server = http.server.ThreadingHTTPServer((address, 0), Handler)
server.daemon_threads = True
with open(port_file + ".new", "w", encoding="ascii") as port:
    port.write(f"{address}:{server.server_port}")
os.rename(port_file + ".new", port_file)
server.serve_forever()
