"""Random bytes into ports, from a process of its own: what it costs is the kernel's and the listener's time, not the
interpreter's lock of the clients beside it.

    python3 noise.py CONNECTIONS PORT…      until standard input ends; then prints {"connections": …, "bytes": …}
"""

import json
import os
import selectors
import socket
import sys
import time

CHUNK = 512  # bytes at a time
PAUSE_S = 0.01  # between two chunks of one connection
RECONNECT_S = 0.2  # what is no handshake is hung up on at once
TICK_S = 0.002


class Source:
    """One connection after the other to one port, always at most one."""

    def __init__(self, port):
        self.port = port
        self.socket = None
        self.connections = self.sent = 0
        self.due = 0.0  # time.monotonic() of its next deed

    def act(self, now):
        try:
            if self.socket is None:
                self.socket = socket.socket()
                self.socket.setblocking(False)
                self.socket.connect_ex(("127.0.0.1", self.port))
                self.connections += 1
            else:
                self.sent += self.socket.send(os.urandom(CHUNK))
            self.due = now + PAUSE_S
        except BlockingIOError:
            self.due = now + PAUSE_S
        except OSError:  # hung up on
            self.close()
            self.due = now + RECONNECT_S

    def close(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None


def main():
    ports = [int(port) for port in sys.argv[2:]]
    sources = [Source(ports[number % len(ports)]) for number in range(int(sys.argv[1]))]
    ending = selectors.DefaultSelector()
    ending.register(sys.stdin, selectors.EVENT_READ)
    while not ending.select(TICK_S):
        now = time.monotonic()
        for source in sources:
            if source.due <= now:
                source.act(now)
    for source in sources:
        source.close()
    print(json.dumps({"connections": [source.connections for source in sources],
                      "bytes": sum(source.sent for source in sources)}))


if __name__ == "__main__":
    main()
