#!/usr/bin/env python3
"""Keeps one node running: a private PostgreSQL (or the one that ATES_DATABASE_URL names) and one atesd.

    lock <var> -> end leftovers -> PostgreSQL -> atesd --migrate -> atesd -> /readyz 200 -> tend both until told to stop

Started by scripts/run, which has built everything. One thread, one loop: pause() is where all waiting is done, where
what died is started again, and where the wish to stop is noticed. Decisions: docs/decisions/001, 002, 003."""

import argparse
import fcntl
import http.client
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib

import postgres
import processes

ROOT = postgres.ROOT
ATESD = ROOT / "build" / "release" / "bin" / "atesd"
CONFIGURATION = ROOT / "config" / "ates.toml"

BACK_OFF_FIRST_S = 0.2
BACK_OFF_MAX_S = 5.0
SETTLING_LOOK_S = 0.2  # how often we look whether what was started is ready
STABLE_S = 30.0  # after this long the back-off begins anew
TRIES_BEFORE_FIRST_READY = 5
READY_PATIENCE_S = 60.0
DAEMON_STOP_S = 5.0
STOP_ALL_S = 8.0  # the contract says 10; the rest is for killing what does not end
LOG_MAX_BYTES = 64 * 1024 * 1024


class Stop(Exception):
    """Somebody asked us to end."""


class Failure(Exception):
    """There is no point in going on; the message says why."""


def say(text):
    try:
        print(time.strftime("%H:%M:%S"), text, flush=True)
    except OSError:  # nobody reads us any more; that is no reason to stop
        pass


class Log:
    """A log file that programs append to; knows where the words of the current run begin."""

    def __init__(self, path):
        self.path = path
        self.file = open(path, "ab", buffering=0)
        self.mark()

    def mark(self):
        self.begin = self.path.stat().st_size

    def tail(self, lines=12):
        with open(self.path, "rb") as file:
            file.seek(self.begin)
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])

    def keep_small(self):
        """Everybody appends, so copying and cutting needs nobody's help; a line written in between is lost."""
        if self.path.stat().st_size > LOG_MAX_BYTES:
            shutil.copyfile(self.path, self.path.with_name(self.path.name + ".1"))
            os.truncate(self.path, 0)
            self.begin = 0


class BackOff:
    """How long to wait before the next start."""

    def __init__(self):
        self.delay_s = BACK_OFF_FIRST_S
        self.started_at = time.monotonic()

    def note_start(self):
        self.started_at = time.monotonic()

    def next_delay_s(self):
        if time.monotonic() - self.started_at > STABLE_S:
            self.delay_s = BACK_OFF_FIRST_S
        delay_s, self.delay_s = self.delay_s, min(self.delay_s * 2, BACK_OFF_MAX_S)
        return delay_s


class Kept:
    """A program that is started again whenever it ends. A subclass says how to launch() it (returning the Popen), and
    whether it is_ready()."""

    name = ""

    def __init__(self, log):
        self.log = log
        self.process = None
        self.was_ready = False  # ever
        self.announced = False  # since the last start
        self.tries = 0
        self.back_off = BackOff()
        self.start_at = None

    def start(self):
        self.log.mark()
        self.back_off.note_start()
        self.start_at = None
        self.announced = False
        self.tries += 1
        try:
            self.process = self.launch()
        except postgres.PostgresError as error:
            self.process = None
            self._start_later(str(error))

    def tend(self):
        if self.process is not None and self.process.poll() is not None:
            status, self.process = self.process.returncode, None
            self.ended(status)
            self._start_later(f"ended ({describe(status)})")
        if self.start_at is not None and time.monotonic() >= self.start_at:
            self.start()
        if self.process is not None and not self.announced and self.is_ready():
            if self.was_ready:
                say(f"{self.name} is back")
            self.announced = self.was_ready = True

    def ended(self, status):
        """Hook: the program has ended."""

    def is_starting(self):
        return self.process is not None and not self.announced

    def tidy(self):
        self.log.keep_small()

    def _start_later(self, why):
        delay_s = self.back_off.next_delay_s()
        if not self.was_ready and self.tries >= TRIES_BEFORE_FIRST_READY:
            raise Failure(f"{self.name} {why}, {self.tries} times:\n{self.log.tail()}")
        say(f"{self.name} {why}; starting it again in {delay_s:.1f} s, see {self.log.path}")
        self.start_at = time.monotonic() + delay_s


def describe(status):
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit code {status}"


class PrivatePostgres(Kept):
    """PostgreSQL of our own under <var>/pg."""

    name = "PostgreSQL"
    look_again_s = 0.05

    def __init__(self, var):
        super().__init__(Log(var / "log" / "postgresql.log"))
        self.record = var / "run" / "socket-directory"
        self.url_record = var / "run" / "database-url"  # for `ATES_DATABASE_URL=$(cat …) atesd --verify`
        self.data = postgres.place_data(var)
        self.cluster = postgres.Cluster(self.data, "", self.log.file)

    def prepare(self):
        """What a killed supervisor left: its processes first, then the folder of their socket."""
        self.cluster.end_leftovers()
        self._remove_socket_directory()
        self.cluster.socket_directory = postgres.make_socket_directory()
        write_whole(self.record, self.cluster.socket_directory + "\n")
        write_whole(self.url_record, self.cluster.url(postgres.APP) + "\n")
        if not (self.data / "PG_VERSION").exists():
            say(f"Making a new database in {self.data}")

    def launch(self):
        self.cluster.launch()
        return self.cluster.postmaster

    def is_ready(self):
        return self.cluster.ready()

    def is_reachable(self):
        return self.process is not None and self.is_ready()

    def urls(self):
        """For migrating, and for the daemon."""
        return self.cluster.url(postgres.OWNER), self.cluster.url(postgres.APP)

    def stop(self, limit_s):
        self.cluster.stop_fast(limit_s)
        self._remove_socket_directory()

    def _remove_socket_directory(self):
        if self.record.exists():
            path = self.record.read_text().strip()
            if path.startswith("/tmp/ates-"):
                shutil.rmtree(path, ignore_errors=True)
            self.record.unlink()
            self.url_record.unlink(missing_ok=True)


class ForeignPostgres:
    """Somebody else's PostgreSQL: we look whether it answers, and touch nothing."""

    process = start_at = None  # there is nothing of ours to wait for
    look_again_s = 1.0

    def __init__(self, url):
        self.url = url

    def prepare(self):
        pass

    def start(self):
        pass

    def tend(self):
        pass

    def is_starting(self):
        return False

    def tidy(self):
        pass

    def stop(self, limit_s):
        pass

    def is_reachable(self):
        return subprocess.run(["pg_isready", "-q", "-t", "2", "-d", self.url]).returncode == 0

    def urls(self):
        return self.url, self.url


class Daemon(Kept):
    """atesd."""

    name = "atesd"

    def __init__(self, var, host, port):
        super().__init__(Log(var / "log" / "atesd.log"))
        self.var = var
        self.host = host
        self.port = port
        self.pid_file = var / "run" / "atesd.pid"
        self.port_file = var / "run" / "http-port"  # written by atesd, which may have been told to take any
        self.database_url = ""

    def command(self, *more):
        configuration = ["--config", CONFIGURATION] if CONFIGURATION.exists() else []
        return [str(word) for word in
                (ATESD, *configuration, "--var", self.var, "--set", f"http.port={self.port}", *more)]

    def spawn(self, database_url, *more):
        environment = {**os.environ, "ATES_DATABASE_URL": database_url}
        return processes.spawn(self.command(*more), env=environment, stdin=subprocess.DEVNULL, stdout=self.log.file,
                               stderr=self.log.file)

    def launch(self):
        if self.was_ready:
            self.port = self.actual_port()  # clients would not find a second free one
        self.port_file.unlink(missing_ok=True)
        process = self.spawn(self.database_url)
        write_whole(self.pid_file, f"{process.pid}\n")
        return process

    def ended(self, status):
        self.pid_file.unlink(missing_ok=True)
        if status == os.EX_CONFIG:
            raise Failure(f"atesd refuses its settings:\n{self.log.tail()}")

    def actual_port(self):
        """What port 0 has become; 0 before atesd has said so."""
        if self.port == 0 and self.port_file.exists():
            return int(self.port_file.read_text() or 0)
        return self.port

    def url(self):
        return f"http://{self.host}:{self.actual_port()}"

    def is_ready(self):
        connection = http.client.HTTPConnection(self.url().removeprefix("http://"), timeout=1)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def end_leftovers(self):
        """Daemons of this <var> that a killed supervisor left: they would hold the port and the leases."""
        def left():
            return processes.find("atesd", argument_pair=("--var", str(self.var)))
        processes.send(left(), signal.SIGKILL)
        processes.wait_until(lambda: not left(), 5)
        self.pid_file.unlink(missing_ok=True)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            if not processes.wait_until(lambda: self.process.poll() is not None, DAEMON_STOP_S):
                say("atesd does not end; killing it")
                self.process.kill()
                self.process.wait()
        self.end_leftovers()


class Supervisor:
    def __init__(self, var, host, port, demo):
        self.var = var
        self.demo = demo
        self.helper = None  # a program that runs for a while: --migrate, the demo
        foreign_url = os.environ.get("ATES_DATABASE_URL")
        self.database = ForeignPostgres(foreign_url) if foreign_url else PrivatePostgres(var)
        self.daemon = Daemon(var, host, port)
        self.stopping = False
        self.next_log_look_at = 0.0
        self._listen_to_signals()

    def run(self):
        processes.adopt_orphans()
        self.daemon.end_leftovers()
        try:
            self.database.prepare()
            self.database.start()
            self._wait_for_database()
            self._migrate()
            self._start_daemon()
            if self.demo:
                self._load_demo()
            while True:
                self.pause(5)
        finally:
            self._stop_all()

    def pause(self, seconds):
        """Waits, at most so long, for a child to end or a signal; starts again what died. Raises Stop and Failure."""
        if self.database.is_starting() or self.daemon.is_starting():
            seconds = min(seconds, SETTLING_LOOK_S)
        due = [kept.start_at for kept in (self.database, self.daemon) if kept.start_at is not None]
        until = min([time.monotonic() + seconds, *due])
        select.select([self.bell], [], [], max(0.0, until - time.monotonic()))
        while select.select([self.bell], [], [], 0)[0]:
            self.bell.recv(4096)
        if self.stopping:
            raise Stop
        self.database.tend()
        self.daemon.tend()
        processes.reap_orphans(self._children())
        if time.monotonic() > self.next_log_look_at:
            self.next_log_look_at = time.monotonic() + 60
            self.database.tidy()
            self.daemon.tidy()

    def _children(self):
        own = (self.database.process, self.daemon.process, self.helper)
        return [child for child in own if child is not None]

    def _wait_for_database(self):
        told_at = 0.0
        while not self.database.is_reachable():
            if time.monotonic() - told_at > 15:
                told_at = time.monotonic()
                say("Waiting for PostgreSQL")
            self.pause(self.database.look_again_s)

    def _migrate(self):
        while True:
            self.daemon.log.mark()
            owner_url, app_url = self.database.urls()
            self.helper = self.daemon.spawn(owner_url, "--migrate")
            status = self._finish_helper()
            if status == 0:
                self.daemon.database_url = app_url
                return
            if status == os.EX_CONFIG:
                raise Failure(f"atesd refuses its settings:\n{self.daemon.log.tail()}")
            if self.database.is_reachable():
                raise Failure(f"atesd --migrate failed ({describe(status)}):\n{self.daemon.log.tail()}")
            self._wait_for_database()

    def _finish_helper(self):
        while self.helper.poll() is None:
            self.pause(1)
        status, self.helper = self.helper.returncode, None
        return status

    def _start_daemon(self):
        self.daemon.start()
        told_at = time.monotonic()
        while not self.daemon.announced:
            if time.monotonic() - told_at > READY_PATIENCE_S:
                told_at = time.monotonic()
                say(f"atesd is still not ready, see {self.daemon.log.path}; it last said:\n{self.daemon.log.tail(3)}")
            self.pause(0.1)
        password = self.var / "admin-password"
        say(f"aTES is ready at {self.daemon.url()}")
        say(f"  sign in as admin, {f'password in {password}' if password.exists() else 'with the password you gave'}")
        say(f"  stop with Ctrl-C or: kill {os.getpid()}")

    def _load_demo(self):
        say("Loading the demo")
        self.helper = processes.spawn([ROOT / "scripts" / "demo", self.daemon.url(), self.var], stdin=subprocess.DEVNULL)
        status = self._finish_helper()
        say("The demo is loaded" if status == 0 else f"Loading the demo failed ({describe(status)}); it can be repeated")

    def _stop_all(self):
        began = time.monotonic()
        say("Stopping")
        if self.helper is not None:
            self.helper.kill()
            self.helper.wait()
        self.daemon.stop()
        self.database.stop(max(1.0, STOP_ALL_S - (time.monotonic() - began)))
        processes.reap_orphans([])

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


def write_whole(path, text):
    """Readers see the old file or the new one."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.write_text(text)
    unfinished.rename(path)


def lock(var):
    """One supervisor per <var>. The kernel lets go of the lock when we are gone, however that happens."""
    file = open(var / "run" / "lock", "a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        raise Failure(f"{var} is in use: scripts/run is already running there (process {file.read().strip()})") from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def where_to_listen(port):
    """The address and port that atesd will use, by its own order of settings: file, environment, command line."""
    http_settings = tomllib.loads(CONFIGURATION.read_text()).get("http", {}) if CONFIGURATION.exists() else {}
    host = os.environ.get("ATES_HTTP_LISTEN") or http_settings.get("listen", "127.0.0.1")
    if port is None:
        port = os.environ.get("ATES_HTTP_PORT") or http_settings.get("port", 8080)
    if not str(port).isdecimal():
        raise Failure(f"http.port: {port!r} is no port number (0..65535)")
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return (f"[{host}]" if ":" in host else host), int(port)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--var", required=True, type=pathlib.Path)
    parser.add_argument("--port", type=int)
    parser.add_argument("--demo", action="store_true")
    arguments = parser.parse_args()
    var = arguments.var.resolve()
    try:
        (var / "log").mkdir(parents=True, exist_ok=True)
        (var / "run").mkdir(exist_ok=True)
        held = lock(var)
        Supervisor(var, *where_to_listen(arguments.port), arguments.demo).run()
        held.close()
    except Stop:
        say("Stopped")
    except (Failure, postgres.PostgresError, OSError, ValueError) as failure:
        print(f"scripts/run: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
