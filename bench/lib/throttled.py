# SPDX-License-Identifier: Apache-2.0
"""A small registry of one image, `slow:t`, whose connections are slow each by itself.

It answers ranges (206, with an ETag) as object stores do. docker-registry cannot be slowed down.
"""

import http.server
import json
import os
import re
import threading
import time

from lib.registry import OCI, json_descriptor

PART = 128 << 10


class ThrottledRegistry:
    def __init__(self, layer, rate):
        """`rate` is in bytes per second and connection."""
        rootfs = {"type": "layers", "diff_ids": [layer.diff_id]}
        config, self.config = json_descriptor(
            "config.v1+json", {"architecture": "amd64", "os": "linux", "rootfs": rootfs}
        )
        size = os.path.getsize(layer.blob)
        described = {"mediaType": layer.media_type, "digest": layer.digest, "size": size}
        manifest, self.manifest = json_descriptor(
            "manifest.v1+json",
            {
                "schemaVersion": 2,
                "mediaType": OCI + "manifest.v1+json",
                "config": config,
                "layers": [described],
            },
        )
        self.digest = manifest["digest"]
        self.documents = {
            "/v2/": (b"{}", "application/json"),
            "/v2/slow/tags/list": (b'{"name":"slow","tags":["t"]}', "application/json"),
            "/v2/slow/manifests/t": (self.manifest, manifest["mediaType"]),
            f"/v2/slow/manifests/{self.digest}": (self.manifest, manifest["mediaType"]),
            f"/v2/slow/blobs/{config['digest']}": (self.config, "application/octet-stream"),
        }
        self.blob_path, self.blob, self.size, self.rate = (
            f"/v2/slow/blobs/{layer.digest}", layer.blob, size, rate,
        )
        handler = type("Handler", (Handler,), {"registry": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.address = "127.0.0.1:%d" % self.server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    registry = None  # set by ThrottledRegistry

    def log_message(self, format, *args):
        pass

    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        self.answer(with_body=True)

    def answer(self, with_body):
        if self.path == self.registry.blob_path:
            return self.answer_blob(with_body)
        body, media_type = self.registry.documents.get(self.path, (None, None))
        if body is None:
            self.head(404, {"Content-Length": 2})
            body = b"{}"
        else:
            fields = {"Content-Type": media_type, "Content-Length": len(body)}
            if "/manifests/" in self.path:
                fields["Docker-Content-Digest"] = self.registry.digest
            self.head(200, fields)
        if with_body:
            self.wfile.write(body)

    def answer_blob(self, with_body):
        size = self.registry.size
        first, last = 0, size - 1
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        fields = {"Accept-Ranges": "bytes", "ETag": '"it"', "Content-Type": "application/octet-stream"}
        if asked:
            first = int(asked[1])
            last = min(int(asked[2] or last), last)
            if first > last:
                return self.head(416, {"Content-Length": 0, "Content-Range": f"bytes */{size}"})
            fields["Content-Range"] = f"bytes {first}-{last}/{size}"
        self.head(206 if asked else 200, fields | {"Content-Length": last - first + 1})
        if with_body:
            self.send(first, last + 1 - first)

    def head(self, status, fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, str(value))
        self.end_headers()

    def send(self, offset, count):
        """Sends a part of the blob, at the rate of a connection."""
        began = time.monotonic()
        sent = 0
        with open(self.registry.blob, "rb") as file:
            while sent < count:
                step = min(PART, count - sent)
                try:
                    self.connection.sendfile(file, offset + sent, step)
                except OSError:
                    self.close_connection = True
                    return
                sent += step
                ahead = sent / self.registry.rate - (time.monotonic() - began)
                if ahead > 0:
                    time.sleep(ahead)
