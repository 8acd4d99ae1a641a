"""Processes that cannot outlive us: how they are started, found again and ended. Linux only, standard library only."""

import ctypes
import os
import pathlib
import signal
import subprocess
import time

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def spawn(argv, *, death_signal=signal.SIGKILL, **options):
    """Starts `argv` in a session of its own (a Ctrl-C in the terminal reaches only us). When we die, however that
    happens, it gets `death_signal`. Call from the main thread: the kernel watches the thread, not the process."""
    parent = os.getpid()

    def tie_to_parent():
        _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:  # died between fork and prctl
            os._exit(1)

    return subprocess.Popen(argv, preexec_fn=tie_to_parent, start_new_session=True, **options)


def adopt_orphans():
    """From now on orphaned descendants (backends of a killed postmaster) become our children, see reap_orphans()."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)


def reap_orphans(known):
    """Collects dead adopted children; those of `known` (Popen objects) are left to their owners."""
    known_pids = {child.pid for child in known}
    for pid in _children():
        if pid not in known_pids:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass


def _children():
    try:
        return [int(pid) for pid in pathlib.Path("/proc/self/task", str(os.getpid()), "children").read_text().split()]
    except OSError:
        return []


def alive(pid):
    """Whether `pid` exists and is not a zombie."""
    try:
        stat = pathlib.Path("/proc", str(pid), "stat").read_text()
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in "ZX"


def command_line(pid):
    """The arguments of `pid`; empty for one that is gone or a kernel thread."""
    try:
        return os.fsdecode(pathlib.Path("/proc", str(pid), "cmdline").read_bytes()).rstrip("\0").split("\0")
    except OSError:
        return []


def find(program, *, working_directory=None, argument_pair=None):
    """Pids of living processes whose executable is called `program`, and which run in `working_directory` or were
    started with the two neighbouring arguments `argument_pair`."""
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or not alive(entry.name):
            continue
        try:
            # A replaced executable reads as "… (deleted)".
            if os.path.basename(os.readlink(entry.path + "/exe").removesuffix(" (deleted)")) != program:
                continue
            if working_directory and os.readlink(entry.path + "/cwd") != os.path.realpath(working_directory):
                continue
        except OSError:
            continue
        arguments = command_line(entry.name)
        if argument_pair and tuple(argument_pair) not in zip(arguments, arguments[1:]):
            continue
        found.append(int(entry.name))
    return found


def send(pids, number):
    """Sends signal `number` to each of `pids` that still exists."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def wait_until(condition, limit_s, step_s=0.01):
    """Whether `condition` came true within `limit_s` seconds."""
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(step_s)
    return True
