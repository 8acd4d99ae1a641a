"""A gate on a link between two nodes: a TCP port that passes every byte on to a node's CAF port, until it is told not to.

    younger node ──► gate ──► older node        cut()                  connections end, and new ones end at once
                                                stall(to_node=True)    bytes on their way to the node are held,
                                                stall(from_node=True)  or those that come from it; or both
                                                delay(seconds)         whatever comes waits for so long, both ways
                                                heal()                 everything passes again, what was held first

There is one connection for each pair of nodes: the younger incarnation connects to where the older one is advertised."""

import socket
import threading
import time

LOCAL = "127.0.0.1"


class LinkGate:
    """`find_port` is asked for the node's CAF port at each connection: it may change with a restart of the node."""

    def __init__(self, find_port):
        self.find_port = find_port
        self.lock = threading.Lock()
        self.is_cut = False
        self.delay_s = 0.0
        self.to_node, self.from_node = threading.Event(), threading.Event()
        self.to_node.set()
        self.from_node.set()
        self.links = set()
        self.listener = socket.create_server((LOCAL, 0), backlog=64)
        self.address = f"{LOCAL}:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        with self.lock:
            self.is_cut = True
            links = list(self.links)
        for link in links:
            link.end()

    def stall(self, to_node=False, from_node=False):
        if to_node:
            self.to_node.clear()
        if from_node:
            self.from_node.clear()

    def delay(self, seconds):
        self.delay_s = seconds

    def heal(self):
        with self.lock:
            self.is_cut = False
        self.delay_s = 0.0
        self.to_node.set()
        self.from_node.set()

    def connections(self):
        with self.lock:
            return len(self.links)

    def discard(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()
        self.to_node.set()
        self.from_node.set()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:  # discarded
                return
            try:
                server = socket.create_connection((LOCAL, self.find_port()), timeout=2)
            except OSError:  # the node is not there: nor are we
                client.close()
                continue
            server.settimeout(None)
            link = _Link(self, client, server)
            with self.lock:
                self.links.add(link)
                ends_at_once = self.is_cut
            if ends_at_once:
                link.end()
            link.start()

    def ended(self, link):
        with self.lock:
            self.links.discard(link)


class _Link:
    """One connection: a thread for each direction."""

    def __init__(self, gate, client, server):
        self.gate = gate
        self.ends = (client, server)
        self.running = 2

    def start(self):
        client, server = self.ends
        for source, sink, flowing in ((client, server, self.gate.to_node), (server, client, self.gate.from_node)):
            threading.Thread(target=self._pump, args=(source, sink, flowing), daemon=True).start()

    def end(self):
        for end in self.ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _pump(self, source, sink, flowing):
        try:
            while data := source.recv(65536):
                if self.gate.delay_s:
                    time.sleep(self.gate.delay_s)
                flowing.wait()
                sink.sendall(data)
        except OSError:
            pass
        self.end()
        with self.gate.lock:
            self.running -= 1
            is_last = self.running == 0
        if is_last:
            for end in self.ends:
                end.close()
            self.gate.ended(self)
