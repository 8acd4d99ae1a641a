"""One thread, one loop: what scripts/run and scripts/cluster have in common.

pause() is where all waiting is done, where what died is started again, and where the wish to stop is noticed.
Decisions: docs/decisions/002, 003, 004."""

import os
import select
import signal
import socket
import time

import processes
from kept import Failure, Stop, describe, say
from services import ForeignPostgres, PrivatePostgres

SETTLING_LOOK_S = 0.2  # how often we look whether what was started is ready
STOP_ALL_S = 8.0  # the contract says 10; the rest is for killing what does not end


class Supervisor:
    """A subclass says what it keeps besides the database, and in which order that is started and stopped."""

    def __init__(self, var):
        self.var = var
        self.helper = None  # a program that runs for a while: --migrate, the demo
        foreign_url = os.environ.get("ATES_DATABASE_URL")
        self.database = ForeignPostgres(foreign_url) if foreign_url else PrivatePostgres(var)
        self.stopping = False
        self.next_log_look_at = 0.0
        self._listen_to_signals()

    def kept(self):
        """Everything that is tended."""
        return [self.database]

    def heard(self, seconds):
        """Waits, at most so long, for the bell or anything else that a subclass listens to."""
        select.select([self.bell], [], [], seconds)

    def pause(self, seconds):
        """Waits, at most so long, for a child to end or a signal; starts again what died. Raises Stop and Failure."""
        if any(each.is_settling() for each in self.kept()):
            seconds = min(seconds, SETTLING_LOOK_S)
        due = [each.start_at for each in self.kept() if each.start_at is not None]
        until = min([time.monotonic() + seconds, *due])
        self.heard(max(0.0, until - time.monotonic()))
        while select.select([self.bell], [], [], 0)[0]:
            self.bell.recv(4096)
        if self.stopping:
            raise Stop
        for each in self.kept():
            each.tend()
        processes.reap_orphans(self._children())
        if time.monotonic() > self.next_log_look_at:
            self.next_log_look_at = time.monotonic() + 60
            for each in self.kept():
                each.tidy()

    def start_database(self):
        self.database.prepare()
        self.database.start()
        self._wait_for_database()

    def migrate(self, daemon):
        """Runs `daemon` with --migrate until it has succeeded; returns the URL for serving."""
        while True:
            daemon.log.mark()
            owner_url, app_url = self.database.urls()
            self.helper = daemon.spawn(owner_url, "--migrate")
            status = self.finish_helper()
            if status == 0:
                return app_url
            if status == os.EX_CONFIG:
                raise Failure(f"atesd refuses its settings:\n{daemon.log.tail()}")
            if self.database.is_reachable():
                raise Failure(f"atesd --migrate failed ({describe(status)}):\n{daemon.log.tail()}")
            self._wait_for_database()

    def finish_helper(self):
        while self.helper.poll() is None:
            self.pause(1)
        status, self.helper = self.helper.returncode, None
        return status

    def stop_helper(self):
        if self.helper is not None:
            self.helper.kill()
            self.helper.wait()

    def _children(self):
        own = [self.helper, *(each.process for each in self.kept())]
        return [child for child in own if child is not None]

    def _wait_for_database(self):
        told_at = time.monotonic() - 13
        while not self.database.is_reachable():
            if time.monotonic() - told_at > 15:
                told_at = time.monotonic()
                say("Waiting for PostgreSQL")
            self.pause(self.database.look_again_s)

    def _listen_to_signals(self):
        self.bell, ringer = socket.socketpair()
        ringer.setblocking(False)
        self.ringer = ringer
        signal.set_wakeup_fd(ringer.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask_to_stop)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup means it
            signal.signal(signal.SIGHUP, self._ask_to_stop)

    def _ask_to_stop(self, *_):
        self.stopping = True
