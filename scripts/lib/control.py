"""How a command speaks to the supervisor of its cluster: one JSON line there, one back, over a socket that only the
same user can open."""

import contextlib
import json
import os
import socket

from kept import Failure

LINE_LIMIT_S = 3.0
LINE_MAX_BYTES = 256 * 1024


@contextlib.contextmanager
def short_path(path):
    """Another name of `path`: the names of sockets are limited to 107 bytes, and <var> may be longer."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def connect(path, limit_s):
    """A connection to the socket at `path`; OSError if nobody listens."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(limit_s)
    try:
        with short_path(path) as name:
            client.connect(name)
    except OSError:
        client.close()
        raise
    return client


def ask(path, verb, **details):
    """What the supervisor answers. OSError if there is none, Failure with its words if it refuses."""
    with connect(path, LINE_LIMIT_S) as client:
        client.sendall(json.dumps({"verb": verb, **details}).encode() + b"\n")
        answer = json.loads(_line(client) or "{}")
    if "error" in answer:
        raise Failure(answer["error"])
    return answer


def _line(connection):
    received = b""
    while not received.endswith(b"\n") and len(received) < LINE_MAX_BYTES:
        chunk = connection.recv(65536)
        if not chunk:
            break
        received += chunk
    return received


class Listener:
    """The supervisor's end."""

    def __init__(self, path):
        self.path = path
        path.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            with short_path(path) as name:
                self.socket.bind(name)
        finally:
            os.umask(mask)
        self.socket.listen(16)

    def serve_one(self, handle):
        """Reads one request and answers what `handle` makes of it; whoever is slow or mistaken is hung up on."""
        connection, _ = self.socket.accept()
        with connection:
            connection.settimeout(LINE_LIMIT_S / 3)
            try:
                request = json.loads(_line(connection))
                try:
                    answer = handle(**request)
                except Failure as failure:
                    answer = {"error": str(failure)}
                connection.sendall(json.dumps(answer).encode() + b"\n")
            except (OSError, ValueError, TypeError):
                pass

    def close(self):
        self.socket.close()
        self.path.unlink(missing_ok=True)
