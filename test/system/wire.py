"""Bytes as they stand, to a port and back: for requests that no HTTP library would send.

    heard = wire.say(node.url, b"GET / HTTP/1.1\\r\\n\\r\\n")
    heard.only()      # the one answer; fails if there is another, or the server did not hang up"""

import json
import re
import socket
import urllib.parse

LIMIT_S = 15  # longer than the server waits for a whole request


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def problem(self):
        """The body as problem details; what the contract demands of every refusal is insisted on."""
        assert self.headers.get("content-type") == "application/problem+json", (self.status, self.headers, self.body)
        said = json.loads(self.body)
        assert {"type", "title", "status", "detail", "code", "request_id"} <= set(said), said
        assert said["status"] == self.status, said
        return said


class Heard:
    """Everything that came back until the server hung up, or until it was quiet for too long."""

    def __init__(self, received, closed):
        self.received, self.closed = received, closed
        self.answers, self.rest = parse(received)

    def only(self):
        assert self.closed, f"the server has not hung up: {self.received[:300]!r}"
        assert len(self.answers) == 1 and not self.rest, f"{len(self.answers)} answers: {self.received[:600]!r}"
        return self.answers[0]


def connect(url, limit_s=LIMIT_S):
    address = urllib.parse.urlsplit(url)
    return socket.create_connection((address.hostname, address.port), timeout=limit_s)


def say(url, sent, limit_s=LIMIT_S):
    with connect(url, limit_s) as client:
        try:
            client.sendall(sent)
        except OSError:
            pass  # refused in the middle: the answer is there
        return hear(client)


def hear(client):
    """What comes until the end."""
    received, closed = b"", False
    try:
        while chunk := client.recv(65536):
            received += chunk
        closed = True
    except ConnectionResetError:
        closed = True
    except TimeoutError:
        pass
    return Heard(received, closed)


def parse(received):
    """(answers, what is left). Bodies have a Content-Length here, or none; 1xx are no answers."""
    answers = []
    while b"\r\n\r\n" in received:
        head, _, rest = received.partition(b"\r\n\r\n")
        status = re.match(rb"HTTP/1\.[01] (\d{3}) ", head)
        if not status:
            break
        lines = head.decode("latin-1").split("\r\n")[1:]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            break
        if int(status[1]) >= 200:
            answers.append(Answer(int(status[1]), headers, rest[:length]))
        received = rest[length:]
    return answers, received
