"""What a supervisor of ours keeps: a PostgreSQL (private, or somebody else's) and atesd."""

import os
import pathlib
import shutil
import signal
import subprocess
import tomllib

import node_api
import postgres
import processes
from kept import Failure, Kept, Log, say, write_whole

ROOT = postgres.ROOT
ATESD = ROOT / "build" / "release" / "bin" / "atesd"
CONFIGURATION = ROOT / "config" / "ates.toml"
# Ending 90,000 entities at rest takes 3.5 s of one core, more on a busy machine; the contract has 10 s for all.
DAEMON_STOP_S = 7.0


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

    def is_settling(self):
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

    def environment(self):
        return dict(os.environ)

    def spawn(self, database_url, *more):
        return processes.spawn(self.command(*more), env={**self.environment(), "ATES_DATABASE_URL": database_url},
                               stdin=subprocess.DEVNULL, stdout=self.log.file, stderr=self.log.file)

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
            self.give_up(f"atesd refuses its settings:\n{self.log.tail()}")

    def actual_port(self):
        """What port 0 has become; 0 before atesd has said so."""
        if self.port == 0 and self.port_file.exists():
            return int(self.port_file.read_text() or 0)
        return self.port

    def url(self):
        return f"http://{self.host}:{self.actual_port()}"

    def is_ready(self):
        return node_api.is_ready(self.url())

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


def http_address(port):
    """The address and port of HTTP by the order of settings: file, environment, command line (`port`, if not None)."""
    http_settings = settings().get("http", {})
    host = os.environ.get("ATES_HTTP_LISTEN") or http_settings.get("listen", "127.0.0.1")
    if port is None:
        port = os.environ.get("ATES_HTTP_PORT") or http_settings.get("port", 8080)
    if not str(port).isdecimal():
        raise Failure(f"http.port: {port!r} is no port number (0..65535)")
    return host, int(port)


def settings():
    return tomllib.loads(CONFIGURATION.read_text()) if CONFIGURATION.exists() else {}


def for_url(host):
    """How a client on this machine spells an address that is listened on."""
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"[{host}]" if ":" in host else host
