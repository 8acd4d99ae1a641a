"""Programs that are kept running: what both supervisors (supervise.py, cluster_supervisor.py) are made of."""

import fcntl
import os
import shutil
import signal
import time

import postgres

BACK_OFF_FIRST_S = 0.2
BACK_OFF_MAX_S = 5.0
STABLE_S = 30.0  # after this long the back-off begins anew
TRIES_BEFORE_FIRST_READY = 5
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
        self.wanted = True  # False: when it ends, that is all right
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
            if self.wanted:
                self._start_later(f"ended ({describe(status)})")
        if self.start_at is not None and time.monotonic() >= self.start_at:
            self.start()
        if self.process is not None and not self.announced and self.is_ready():
            if self.was_ready:
                say(f"{self.name} is back")
            self.announced = self.was_ready = True

    def ended(self, status):
        """Hook: the program has ended."""

    def give_up(self, why):
        """Hook: starting it again would change nothing."""
        raise Failure(why)

    def is_settling(self):
        """Whether it should be looked at again soon."""
        return self.process is not None and not self.announced

    def tidy(self):
        self.log.keep_small()

    def _start_later(self, why):
        delay_s = self.back_off.next_delay_s()
        if not self.was_ready and self.tries >= TRIES_BEFORE_FIRST_READY:
            self.give_up(f"{self.name} {why}, {self.tries} times:\n{self.log.tail()}")
            return
        say(f"{self.name} {why}; starting it again in {delay_s:.1f} s, see {self.log.path}")
        self.start_at = time.monotonic() + delay_s


def describe(status):
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit code {status}"


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
        raise Failure(f"{var} is in use: something is already running there (process {file.read().strip()})") from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file
