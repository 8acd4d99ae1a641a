#!/usr/bin/env python3
"""The one place that knows how a private PostgreSQL is made, started and stopped.

`supervise.py` keeps one under <var>/pg; tests take a throw-away one from `postgres.py throwaway` (see serve_throwaway).
Why things are as they are: docs/decisions/001 (where the data lives), 003 (who may connect as whom)."""

import argparse
import errno
import hashlib
import os
import pathlib
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile

import processes

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARIES = pathlib.Path("/usr/lib/postgresql/15/bin")
PSQL = BINARIES / "psql"  # the one in the PATH is a Perl script, which first looks for this one
CONFIGURATION = ROOT / "config" / "postgresql.conf"
DATABASE = "ates"
OWNER = "ates_owner"  # superuser, for migrations only
APP = "ates_app"  # what the daemon is
PORT = 5432  # only a part of the socket's name
MEMORY = pathlib.Path("/dev/shm")
MEMORY_NEEDED_BYTES = 4 << 30  # free there, for several tests at once
FOREIGN_HOME = pathlib.Path("/var/lib/ates")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}  # PGPORT and its like must not leak in


class PostgresError(RuntimeError):
    """PostgreSQL could not be made or started; the message is for the person at the terminal."""


def identity():
    """As whom PostgreSQL runs, as arguments for Popen: ourselves, or user `postgres` when we are root."""
    if os.geteuid() != 0:
        return {}
    user = _postgres_user()
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _postgres_user():
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        raise PostgresError("PostgreSQL does not run as root, and there is no system user 'postgres': "
                            "install postgresql-15") from None


def hand_over(path):
    """Gives a file or folder of ours to the user PostgreSQL runs as."""
    if os.geteuid() == 0:
        user = _postgres_user()
        os.chown(path, user.pw_uid, user.pw_gid)


def connection_url(socket_directory, role, database=DATABASE):
    return f"postgresql://{role}@/{database}?host={socket_directory}&port={PORT}"


def make_socket_directory():
    """A new folder under /tmp: socket paths are limited to 107 bytes, so it cannot lie under <var>."""
    path = tempfile.mkdtemp(prefix="ates-", dir="/tmp")
    hand_over(path)
    return path


def make_test_folder(prefix):
    """For tests: a new folder for all that one keeps, in memory where there is room (no test cuts the power), else in /tmp."""
    in_memory = False
    if MEMORY.is_mount():
        free = os.statvfs(MEMORY)
        in_memory = free.f_bavail * free.f_frsize >= MEMORY_NEEDED_BYTES
    return pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if in_memory else "/tmp"))


def place_data(var):
    """Where the data of `<var>/pg` belongs, made ready to be filled. Usually there; when we are root and user `postgres`
    cannot reach <var>, under /var/lib/ates with <var>/pg pointing to it."""
    link = var / "pg"
    if link.is_symlink():
        if not link.is_dir():
            raise PostgresError(f"{link} points to {os.readlink(link)}, which is not there")
        return link.resolve()
    if link.exists() or _reachable(var):
        return link
    home = FOREIGN_HOME / secrets.token_hex(8)
    FOREIGN_HOME.mkdir(mode=0o755, exist_ok=True)
    home.mkdir(mode=0o755)
    (home / "belongs-to").write_text(f"{var}\n")
    (home / "pg").mkdir(mode=0o700)  # the link must not dangle if we die before it is filled
    hand_over(home / "pg")
    link.symlink_to(home / "pg")
    return home / "pg"


def _reachable(folder):
    return subprocess.run(["test", "-x", folder], cwd="/", env=ENVIRONMENT, **identity()).returncode == 0


def initialise(data):
    """Makes a new database cluster with our two roles and our empty database at `data`, whole or not at all."""
    unfinished = data.with_name(data.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    hand_over(unfinished)
    _run([BINARIES / "initdb", "--pgdata", unfinished, "--username", OWNER, "--auth", "peer", "--data-checksums",
          "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-instructions"])
    single = [BINARIES / "postgres", "--single", "-j", "-D", unfinished]
    _run([*single, "template1"], f"create role {APP} login;\n\n"
         f"create database {DATABASE};\n\n"
         f"revoke all on database {DATABASE} from public;\n\n"
         f"grant connect on database {DATABASE} to {APP};\n")
    if data.exists():
        data.rmdir()  # only ever the empty folder of place_data()
    unfinished.rename(data)
    parent = os.open(data.parent, os.O_RDONLY)
    os.fsync(parent)
    os.close(parent)


def _run(argv, text=None):
    done = subprocess.run(argv, input=text, text=True, cwd="/", env=ENVIRONMENT, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **identity())
    # Single-user mode goes on after a failed statement and exits with 0.
    if done.returncode != 0 or "ERROR:" in done.stdout or "FATAL:" in done.stdout:
        raise PostgresError(f"{pathlib.Path(argv[0]).name} failed:\n{done.stdout.strip()}")


class Cluster:
    """A cluster that we run ourselves. `data` exists or is made by start(); `socket_directory` stays the caller's; what
    PostgreSQL says goes to the open file `log`. Not thread-safe: start from the main thread."""

    def __init__(self, data, socket_directory, log, settings=()):
        self.data = pathlib.Path(data)
        self.socket_directory = str(socket_directory)
        self.log = log
        self.settings = list(settings)  # "name=value", stronger than config/postgresql.conf
        self.postmaster = None

    def url(self, role):
        return connection_url(self.socket_directory, role)

    def launch(self):
        """Starts the postmaster, first ending what an earlier one has left behind; see ready()."""
        if not (self.data / "PG_VERSION").exists():
            initialise(self.data)
        self.end_leftovers()
        self._configure()
        given = [f"unix_socket_directories={self.socket_directory}", "unix_socket_permissions=0700", *self.settings]
        argv = [BINARIES / "postgres", "-D", self.data.resolve()]
        for setting in given:
            argv += ["-c", setting]
        # SIGQUIT: PostgreSQL's immediate shutdown, the one that also ends its children and never waits.
        self.postmaster = processes.spawn(argv, death_signal=signal.SIGQUIT, cwd="/", env=ENVIRONMENT,
                                          stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, **identity())

    def ready(self):
        """Whether the launched postmaster accepts connections. It says so in the file that pg_ctl reads as well."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.postmaster.pid) and lines[7].strip() == "ready"

    def start(self, limit_s=60):
        self.launch()
        processes.wait_until(lambda: self.ready() or self.postmaster.poll() is not None, limit_s)
        if not self.ready():
            self.stop_immediately()
            raise PostgresError("PostgreSQL did not start")

    def stop_fast(self, limit_s):
        """Orderly: disconnects everybody, writes a checkpoint. Whatever is left after `limit_s` seconds is killed."""
        self._stop(signal.SIGINT, limit_s)

    def stop_immediately(self):
        """As if the power failed, for PostgreSQL; but nothing of it is left."""
        self._stop(signal.SIGQUIT, 5)

    def kill(self):
        """SIGKILL to the postmaster alone, as an operator's slip would do it: its backends are left to themselves."""
        self.postmaster.kill()
        self.postmaster.wait()

    def pids(self):
        """The postmaster and all its children, whoever started them: they live in the data directory."""
        return processes.find("postgres", working_directory=self.data)

    def end_leftovers(self):
        """Ends every process of this data directory. PostgreSQL itself refuses to start beside an old backend, as two
        would write the same files."""
        for number, limit_s in ((signal.SIGQUIT, 2), (signal.SIGKILL, 10)):
            processes.send(self.pids(), number)
            if processes.wait_until(lambda: not self.pids(), limit_s):
                return
        raise PostgresError(f"old PostgreSQL processes in {self.data} do not end: {self.pids()}")

    def _stop(self, number, limit_s):
        if self.postmaster is None:
            return
        if self.postmaster.poll() is None:
            processes.send(self.pids(), signal.SIGCONT)  # a frozen one would not end in time
            self.postmaster.send_signal(number)
        processes.wait_until(lambda: self.postmaster.poll() is not None, limit_s)
        self.end_leftovers()
        self.postmaster.wait()

    def _configure(self):
        """Writes the configuration into the data directory: user `postgres` may not be able to read ours in place."""
        me = pwd.getpwuid(os.geteuid()).pw_name
        texts = {
            "postgresql.conf": CONFIGURATION.read_text(),
            "pg_hba.conf": "# Written at every start. The kernel says who connects; pg_ident.conf says as whom.\n"
                           "local all all peer map=ates\n",
            "pg_ident.conf": f'# Written at every start.\nates "{me}" {OWNER}\nates "{me}" {APP}\n',
        }
        for name, text in texts.items():
            path = self.data / name
            path.write_text(text)
            path.chmod(0o600)
            hand_over(path)


def serve_throwaway(durable, volume_mb):
    """A cluster of its own for one test program, which talks to us in lines: it says `start`, `stop`, `kill`,
    `freeze` or `thaw`, we answer `ok` or `error …`. The first line from us is `ok <socket directory>`. When it closes
    our input, which the kernel does for one that crashed, everything is ended and removed.

    With `volume_mb` the data lies on a volume of that size, in memory, which `fill` fills up and `free` frees again. Only
    we and our children see it (we were started by `unshare --mount`), so that it ends with us, however we end."""
    home = make_test_folder("ates-test-")
    hand_over(home)
    settings = ["shared_buffers=64MB", "min_wal_size=80MB", "max_wal_size=512MB"]
    if volume_mb:
        settings[2] = "max_wal_size=96MB"
        volume = home / "volume"
        volume.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={volume_mb}m,mode=0755", "ates-test", volume], check=True)
        hand_over(volume)
    if not durable:
        settings += ["fsync=off", "full_page_writes=off", "synchronous_commit=off"]
    log = open(home / "log", "ab", buffering=0)
    cluster = Cluster((volume if volume_mb else home) / "data", home, log, settings)
    verbs = {
        "start": cluster.start,
        "stop": cluster.stop_immediately,
        "kill": cluster.kill,
        "freeze": lambda: processes.send(cluster.pids(), signal.SIGSTOP),
        "thaw": lambda: processes.send(cluster.pids(), signal.SIGCONT),
    }
    if volume_mb:
        verbs |= {"fill": lambda: _fill(volume / "filler"), "free": (volume / "filler").unlink}
    try:
        copy_template(cluster.data)
        cluster.start()
        print("ok", home, flush=True)
        for line in sys.stdin:
            try:
                verbs[line.strip()]()
                print("ok", flush=True)
            except (PostgresError, OSError) as error:
                print("error", " ".join(str(error).split()), flush=True)
    except (PostgresError, OSError) as error:
        said = (home / "log").read_text(errors="replace")[-2000:]
        print("error", " ".join(f"{error} {said}".split()), flush=True)
    except BrokenPipeError:
        pass
    finally:
        processes.send(cluster.pids(), signal.SIGCONT)
        cluster.stop_immediately()
        if volume_mb:
            subprocess.run(["umount", "--lazy", volume])
        shutil.rmtree(home, ignore_errors=True)


def _fill(path):
    """Until no page more fits on the volume."""
    with open(path, "wb") as file:
        pages = os.statvfs(path).f_bavail
        while pages:
            try:
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), pages * os.statvfs(path).f_frsize)
                pages = os.statvfs(path).f_bavail
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                pages //= 2  # PostgreSQL was quicker


def copy_template(data):
    """For tests: copies the result of initialise() from build/, made there once: that is ten times as quick as making it."""
    version = subprocess.run([BINARIES / "postgres", "--version"], capture_output=True, check=True).stdout
    key = hashlib.sha256(version + pathlib.Path(__file__).read_bytes() + str(os.geteuid()).encode()).hexdigest()[:16]
    template = ROOT / "build" / f"postgres-template-{key}"
    if not template.exists():
        with tempfile.TemporaryDirectory(prefix="ates-template-", dir="/tmp") as made:
            hand_over(made)
            initialise(pathlib.Path(made, "data"))
            template.parent.mkdir(exist_ok=True)
            mine = template.with_name(f"{template.name}.{os.getpid()}")
            _copy(pathlib.Path(made, "data"), mine)
        try:
            mine.rename(template)
        except OSError:  # another test was quicker
            shutil.rmtree(mine)
    _copy(template, data)


def _copy(source, target):
    subprocess.run(["cp", "-a", "--reflink=auto", source, target], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verb", choices=["throwaway"])
    parser.add_argument("--not-durable", action="store_true", help="fsync off: for tests of speed-bound rules only")
    parser.add_argument("--volume-mb", type=int, default=0, help="a volume of its own that can be filled up; for root")
    arguments = parser.parse_args()
    # Ctrl-C goes to the test as well, whose end then closes our input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    serve_throwaway(not arguments.not_durable, arguments.volume_mb)


if __name__ == "__main__":
    main()
