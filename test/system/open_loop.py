"""Requests that come whatever becomes of those before them: one thread, as many connections as it takes.

    crowd = open_loop.Crowd(node.url)
    crowd.ask("name of this request", b"GET / HTTP/1.1\\r\\n…")
    crowd.listen(lambda: len(crowd.heard) == 1, limit_s=10)"""

import selectors
import socket
import urllib.parse

import wire


class Crowd:
    """`heard`: by name of the request the wire.Answer to it. `lost`: names of requests whose connection ended without."""

    def __init__(self, url):
        address = urllib.parse.urlsplit(url)
        self.address = (address.hostname, address.port)
        self.selector = selectors.DefaultSelector()
        self.idle = []
        self.heard, self.lost = {}, []
        self.waiting = {}  # by connection: the name, what is still to be sent, and what has come back

    def ask(self, name, request):
        """On a connection that is kept alive from before, if there is one."""
        connection = self.idle.pop() if self.idle else self._connect()
        self.waiting[connection] = [name, request, b""]
        self.selector.modify(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)

    def listen(self, is_enough, limit_s):
        """Until it is, or so long nothing comes. Whether it is."""
        while not is_enough():
            ready = self.selector.select(limit_s)
            if not ready:
                return False
            for key, events in ready:
                if events & selectors.EVENT_WRITE:
                    self._speak(key.fileobj)
                if events & selectors.EVENT_READ:
                    self._hear(key.fileobj)
        return True

    def close(self):
        for connection in [key.fileobj for key in self.selector.get_map().values()]:
            connection.close()
        self.selector.close()

    def _connect(self):
        connection = socket.socket()
        connection.setblocking(False)
        connection.connect_ex(self.address)
        self.selector.register(connection, selectors.EVENT_READ)
        return connection

    def _speak(self, connection):
        exchange = self.waiting[connection]
        try:
            exchange[1] = exchange[1][connection.send(exchange[1]):]
        except BlockingIOError:
            return
        except OSError:
            exchange[1] = b""  # it has ended: what it said before is still to be read
        if not exchange[1]:
            self.selector.modify(connection, selectors.EVENT_READ)

    def _hear(self, connection):
        try:
            said = connection.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        exchange = self.waiting.get(connection)
        if exchange is not None:
            exchange[2] += said
            answers, _ = wire.parse(exchange[2])
            if answers:
                self.heard[exchange[0]] = answers[0]
            elif not said:
                self.lost.append(exchange[0])
            if answers or not said:
                del self.waiting[connection]
            if answers and said and answers[0].headers.get("connection") != "close":
                self.idle.append(connection)
                return
            if said and not answers:
                return
        if connection in self.idle:
            self.idle.remove(connection)
        self.selector.unregister(connection)
        connection.close()
