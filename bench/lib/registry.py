# SPDX-License-Identifier: Apache-2.0
"""Debian's docker-registry on a port of loopback, and how images come into it."""

import hashlib
import json
import os
import re
import subprocess
import time
import urllib.request

OCI = "application/vnd.oci.image."


def json_descriptor(media_type, document):
    data = json.dumps(document).encode()
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    return {"mediaType": OCI + media_type, "digest": digest, "size": len(data)}, data


class Registry:
    def __init__(self, folder):
        self.storage = f"{folder}/storage"
        config, log = f"{folder}/registry.yml", f"{folder}/registry.log"
        with open(config, "w", encoding="utf-8") as file:
            file.write(
                "version: 0.1\nlog: {accesslog: {disabled: true}}\n"
                f"storage: {{filesystem: {{rootdirectory: {self.storage}}}}}\n"
                'http: {addr: "127.0.0.1:0"}\n'
            )
        with open(log, "wb") as file:
            self.process = subprocess.Popen(
                ["docker-registry", "serve", config], stdout=subprocess.DEVNULL, stderr=file
            )
        found = None
        while not found:
            if self.process.poll() is not None:
                raise RuntimeError(f"docker-registry ended; see {log}")
            time.sleep(0.05)
            with open(log, encoding="utf-8") as file:
                found = re.search(r'listening on ([0-9.:]+)"', file.read())
        self.address = found[1]

    def stop(self):
        self.process.kill()
        self.process.wait()

    def ask(self, method, target, data=None, media_type="application/octet-stream", size=None):
        url = target if target.startswith("http") else f"http://{self.address}/v2/{target}"
        fields = {"Content-Type": media_type}
        if size is not None:
            fields["Content-Length"] = str(size)
        request = urllib.request.Request(url, data, fields, method=method)
        with urllib.request.urlopen(request) as answer:
            return answer.headers

    def push_blob(self, repository, digest, data, size):
        """`data` is bytes, or a file of `size` bytes."""
        upload = self.ask("POST", f"{repository}/blobs/uploads/")["Location"]
        self.ask("PUT", f"{upload}&digest={digest}", data, size=size)

    def push(self, repository, layers, tag="t"):
        """Makes an image of `layers`."""
        described = []
        for layer in layers:
            size = os.path.getsize(layer.blob)
            with open(layer.blob, "rb") as blob:
                self.push_blob(repository, layer.digest, blob, size)
            described.append(
                {"mediaType": layer.media_type, "digest": layer.digest, "size": size}
            )
        rootfs = {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]}
        config, text = json_descriptor(
            "config.v1+json", {"architecture": "amd64", "os": "linux", "rootfs": rootfs}
        )
        self.push_blob(repository, config["digest"], text, len(text))
        manifest, text = json_descriptor(
            "manifest.v1+json",
            {
                "schemaVersion": 2,
                "mediaType": OCI + "manifest.v1+json",
                "config": config,
                "layers": described,
            },
        )
        self.ask("PUT", f"{repository}/manifests/{tag}", text, manifest["mediaType"])
        return manifest["digest"]

    def tag_often(self, repository, digest, count):
        """Gives a manifest `count` tags, in the registry's storage: it takes long to be asked."""
        tags = f"{self.storage}/docker/registry/v2/repositories/{repository}/_manifests/tags"
        for i in range(count):
            folder = f"{tags}/v{i:06}/current"
            os.makedirs(folder)
            with open(f"{folder}/link", "w", encoding="ascii") as file:
                file.write(digest)
