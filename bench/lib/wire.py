# SPDX-License-Identifier: Apache-2.0
"""A proxy that counts. It is too slow to be timed, so each contender runs once more through it."""

import socket
import threading


class Wire:
    """Forwards connections to `target`, HOST:PORT, and counts what goes through."""

    def __init__(self, target):
        host, port = target.rsplit(":", 1)
        self.target = (host, int(port))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.connections = 0
        self.requests = 0
        self.received = 0  # bytes from the target

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(self.target)
            except OSError:
                return
            with self.lock:
                self.connections += 1
            for source, sink, count in (
                (client, server, self.count_requests()),
                (server, client, self.count_received),
            ):
                threading.Thread(
                    target=self.forward, args=(source, sink, count), daemon=True
                ).start()

    @staticmethod
    def forward(source, sink, count):
        try:
            while part := source.recv(1 << 16):
                count(part)
                sink.sendall(part)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            # One side is gone, so the other one goes as well.
            for end in (source, sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def count_requests(self):
        """Counts the heads of requests on one connection: no request here has a body."""
        end = b"\r\n\r\n"
        rest = b""

        def count(part):
            nonlocal rest
            text = rest + part
            rest = text[-3:]
            with self.lock:
                self.requests += text.count(end)

        return count

    def count_received(self, part):
        with self.lock:
            self.received += len(part)
