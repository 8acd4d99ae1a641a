"""Runs beside each other, each in a process of its own: one run mostly waits, for leases, restarts and slow commits."""

import json
import os
import signal
import sys
import tempfile
import time

import deployment  # noqa: F401  (finds what the others need)
from support import processes

AT_ONCE = max(2, min(os.cpu_count(), 8))  # each has one to three daemons, a PostgreSQL, and half a GB of memory for its data
LOOK_EVERY_S = 0.2
END_LIMIT_S = 30.0


class Program:
    """One of our own programs with its standard output in a file. Its last line is to be one JSON object."""

    def __init__(self, argv):
        self.argv = argv
        self.output = tempfile.TemporaryFile("w+")
        self.process = processes.spawn([sys.executable, *map(str, argv)], death_signal=signal.SIGTERM, stdout=self.output,
                                       stderr=self.output)

    def outcome(self):
        """(what it said to people, its JSON; None when it did not come so far)."""
        self.output.seek(0)
        text, _, last = self.output.read().rstrip().rpartition("\n")
        try:
            return text, json.loads(last)
        except ValueError:
            return f"{text}\n{last}\n{self.argv} ended with {self.process.returncode}", None

    def end(self):
        self.process.terminate()
        processes.wait_until(lambda: self.process.poll() is not None, END_LIMIT_S)
        self.process.kill()
        self.process.wait()
        self.output.close()


def outcomes(commands):
    """Runs all of them, AT_ONCE at a time; the outcome() of each as it ends. Whoever no longer listens ends the others."""
    waiting, running = list(reversed(commands)), []
    try:
        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                running.append(Program(waiting.pop()))
            ended = [one for one in running if one.process.poll() is not None]
            for one in ended:
                running.remove(one)
                outcome = one.outcome()
                one.end()
                yield outcome
            if not ended:
                time.sleep(LOOK_EVERY_S)
    finally:
        for one in running:
            one.end()


def end_orderly():
    """From now on SIGTERM takes down what we have started, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
