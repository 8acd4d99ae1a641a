"""A gate before a PostgreSQL: a unix socket that passes every byte on, until it is told not to.

        atesd ──► gate ──► PostgreSQL          lose("request")   the batch is thrown away, the connection ends
                                               lose("reply")     it is executed, the answer is thrown away, the connection ends
                                               lose("late")      the connection ends; it is executed when somebody says
                                                                 deliver(), before anything newer if it keeps_order
                                               freeze(), thaw()  no byte passes, connections stay open
                                               batch_delay_s     so long is every batch held up, nothing else

What is lost is always one batch of a journal: the gate reads just enough of the protocol to know one."""

import pathlib
import shutil
import socket
import struct
import tempfile
import threading
import time

STATEMENT = b"\0journal_append\0"  # how a Bind names the journal's prepared statement, after the unnamed portal
PORT = 5432  # only a part of the socket's name
CANCEL_REQUEST = 80877102


class Loss:
    """One batch that will be lost, and what became of it."""

    def __init__(self, mode, containing, keeps_order):
        assert mode in ("request", "reply", "late")
        self.mode = mode
        self.containing = containing
        self.keeps_order = keeps_order  # batches that come behind it wait until it is over; questions do not
        self.connection_ended = threading.Event()  # the daemon has lost its connection
        self.executed = threading.Event()  # PostgreSQL has answered to nobody; see `answer`
        self.answer = b""  # everything it said
        self.is_over = threading.Event()  # nothing more becomes of it
        self._may_deliver = threading.Event()

    def deliver(self):
        """Passes a late batch on."""
        self._may_deliver.set()

    def sqlstate(self):
        """Of the error that PostgreSQL answered with; None if it executed the batch."""
        for kind, body in messages(self.answer):
            if kind == b"E":
                fields = {field[:1]: field[1:] for field in body.split(b"\0") if field}
                return fields[b"C"].decode()
        return None


class PostgresGate:
    """Forwards to the socket of PostgreSQL in the folder `server`; listens in a folder of its own, `folder`."""

    def __init__(self, server):
        self.server_path = str(pathlib.Path(server, f".s.PGSQL.{PORT}"))
        self.folder = tempfile.mkdtemp(prefix="ates-gate-", dir="/tmp")
        self.flowing = threading.Event()
        self.flowing.set()
        self.losses = []
        self.batch_delay_s = 0.0
        self.ahead = None  # the Loss for which later batches wait
        self.lock = threading.Lock()
        self.links = set()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(pathlib.Path(self.folder, f".s.PGSQL.{PORT}")))
        self.listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def lose(self, mode, containing=b"", keeps_order=False):
        """The next batch with these bytes in it is lost, see above. Returns its Loss."""
        loss = Loss(mode, containing, keeps_order)
        with self.lock:
            self.losses.append(loss)
        return loss

    def freeze(self):
        self.flowing.clear()

    def thaw(self):
        self.flowing.set()

    def discard(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for loss in self.losses:
            loss.deliver()
        with self.lock:
            links = list(self.links)
        for link in links:
            link.end()
        self.thaw()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:  # discarded
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self.server_path)
            except OSError:  # PostgreSQL is not there: nor are we
                client.close()
                server.close()
                continue
            link = _Link(self, client, server)
            with self.lock:
                self.links.add(link)
            link.start()

    def ended(self, link, pump):
        """A pump of this link has ended. Returns whether it was the last one."""
        with self.lock:
            link.pumps.remove(pump)
            if not link.pumps:
                self.links.discard(link)
            return not link.pumps

    def take_loss(self, request):
        with self.lock:
            for loss in self.losses:
                if loss.containing in request:
                    self.losses.remove(loss)
                    if loss.keeps_order:
                        self.ahead = loss
                    return loss
        return None

    def wait_for_what_is_ahead(self):
        while (ahead := self.ahead) is not None:
            ahead.is_over.wait()
            with self.lock:
                if self.ahead is ahead:
                    self.ahead = None


class _Link:
    """One connection through the gate: a thread for each direction; when either ends, both do."""

    def __init__(self, gate, client, server):
        self.gate = gate
        self.client = client
        self.server = server
        self.reader = client.makefile("rb")
        self.lost = None  # the Loss whose answer is thrown away
        self.pumps = [self._requests, self._answers]

    def start(self):
        for pump in list(self.pumps):
            threading.Thread(target=self._run, args=(pump,), daemon=True).start()

    def end(self):
        for end in (self.client, self.server):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _run(self, pump):
        try:
            pump()
        except OSError:
            pass
        if self.lost is None or pump == self._answers:  # the answer of a lost batch is still to come
            self.end()
        if self.gate.ended(self, pump):
            for file in (self.reader, self.client, self.server):
                file.close()
            if self.lost is not None:
                self.lost.is_over.set()

    def _requests(self):
        startup = self._startup()
        self._pass_on(startup)
        if startup[4:8] == struct.pack("!I", CANCEL_REQUEST):
            return
        while message := self._message():
            if message[:1] != b"B" or STATEMENT not in message[:32]:
                self._pass_on(message)
                continue
            request = message
            while message[:1] != b"S":  # Bind, Describe, Execute, Sync
                message = self._message()
                request += message
            self.gate.wait_for_what_is_ahead()
            self.lost = self.gate.take_loss(request)
            if self.lost is None:
                time.sleep(self.gate.batch_delay_s)
                self._pass_on(request)
            else:
                self._lose(request)
                return

    def _lose(self, request):
        loss = self.lost
        if loss.mode == "request":
            self.end()
            loss.connection_ended.set()
            return
        if loss.mode == "late":
            self.client.shutdown(socket.SHUT_RDWR)
            loss.connection_ended.set()
            loss._may_deliver.wait()
        self.server.sendall(request)

    def _answers(self):
        while data := self.server.recv(65536):
            if self.lost is None:
                self.gate.flowing.wait()
                self.client.sendall(data)
                continue
            self.lost.answer += data
            if any(kind == b"Z" for kind, _ in messages(self.lost.answer)):
                self.lost.executed.set()
                self.end()
                self.lost.connection_ended.set()
                return

    def _pass_on(self, data):
        self.gate.flowing.wait()
        self.server.sendall(data)

    def _startup(self):
        """The first message has no type. No request for encryption precedes it on a unix socket."""
        length = self._exactly(4)
        return length + self._exactly(struct.unpack("!I", length)[0] - 4)

    def _message(self):
        head = self.reader.read(5)
        if len(head) < 5:
            return b""
        return head + self._exactly(struct.unpack("!I", head[1:])[0] - 4)

    def _exactly(self, count):
        data = self.reader.read(count)
        if len(data) < count:
            raise ConnectionError("the client left in the middle of a message")
        return data


def messages(data):
    """The whole messages in a server's bytes: (type, body)."""
    at = 0
    while at + 5 <= len(data):
        end = at + 1 + struct.unpack_from("!I", data, at + 1)[0]
        if end > len(data):
            return
        yield data[at:at + 1], data[at + 5:end]
        at = end
