#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A token server for docker-registry (distribution, "Token Authentication").

token_server.py KEY CERTIFICATE USER PASSWORD IDENTITY LOG [HOST]

Prints its port: of HOST, with TLS by the same certificate, or of loopback without. To the user (by Basic authentication, or by a POST with the identity token) it gives
what is asked for, to others nothing. LOG gets a line a request, without secrets.
"""
import base64
import http.server
import json
import ssl
import subprocess
import sys
import time
import urllib.parse

key, certificate, user, password, identity, log = sys.argv[1:7]
host = sys.argv[7] if len(sys.argv) > 7 else None


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def der():
    lines = open(certificate, encoding="ascii").read().splitlines()
    return "".join(line for line in lines if line and not line.startswith("-----"))


def token(service, scopes, known):
    now = int(time.time())
    access = []
    for scope in scopes:
        kind, name, actions = scope.split(":")
        if known:
            access.append({"type": kind, "name": name, "actions": actions.split(",")})
    head = {"typ": "JWT", "alg": "RS256", "x5c": [der()]}
    claims = {"iss": "test", "sub": user if known else "", "aud": service, "exp": now + 300,
              "nbf": now - 10, "iat": now, "jti": str(time.time_ns()), "access": access}
    text = ".".join(encoded(json.dumps(part).encode()) for part in (head, claims))
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=text.encode(),
                               capture_output=True, check=True).stdout
    return {"token": text + "." + encoded(signature), "expires_in": 300}


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, document, how):
        with open(log, "a", encoding="ascii") as lines:
            lines.write(f"{self.command} {how} {status}\n")
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        given = self.headers.get("Authorization")
        right = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        if given and given != right:
            self.answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "who is that?"}]},
                        "basic")
            return
        self.answer(200, token(query.get("service", [""])[0], query.get("scope", []), bool(given)),
                    "basic" if given else "anonymous")

    def do_POST(self):
        form = urllib.parse.parse_qs(
            self.rfile.read(int(self.headers["Content-Length"])).decode())
        if form.get("grant_type") != ["refresh_token"] or form.get("refresh_token") != [identity]:
            self.answer(401, {"details": "no such token"}, "identity")
            return
        scopes = form.get("scope", [""])[0].split()
        made = token(form["service"][0], scopes, True)
        self.answer(200, {"access_token": made["token"], "expires_in": 300}, "identity")


server = http.server.ThreadingHTTPServer((host or "127.0.0.1", 0), Handler)
if host:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
