#!/usr/bin/env python3
"""Keeps one node running: a private PostgreSQL (or the one that ATES_DATABASE_URL names) and one atesd.

    lock <var> -> end leftovers -> PostgreSQL -> atesd --migrate -> atesd -> /readyz 200 -> tend both until told to stop

Started by scripts/run, which has built everything. The loop is in supervisor.py."""

import argparse
import os
import pathlib
import subprocess
import sys
import time

import postgres
import processes
import supervisor
from kept import Failure, Stop, describe, lock, say
from services import ROOT, Daemon, for_url, http_address

READY_PATIENCE_S = 60.0


class OneNode(supervisor.Supervisor):
    def __init__(self, var, host, port, demo):
        super().__init__(var)
        self.demo = demo
        self.daemon = Daemon(var, host, port)

    def kept(self):
        return [self.database, self.daemon]

    def run(self):
        processes.adopt_orphans()
        self.daemon.end_leftovers()
        try:
            self.start_database()
            self.daemon.database_url = self.migrate(self.daemon)
            self._start_daemon()
            if self.demo:
                self._load_demo()
            while True:
                self.pause(5)
        finally:
            self._stop_all()

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
        status = self.finish_helper()
        say("The demo is loaded" if status == 0 else f"Loading the demo failed ({describe(status)}); it can be repeated")

    def _stop_all(self):
        began = time.monotonic()
        say("Stopping")
        self.stop_helper()
        self.daemon.stop()
        self.database.stop(max(1.0, supervisor.STOP_ALL_S - (time.monotonic() - began)))
        processes.reap_orphans([])


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
        host, port = http_address(arguments.port)
        OneNode(var, for_url(host), port, arguments.demo).run()
        held.close()
    except Stop:
        say("Stopped")
    except (Failure, postgres.PostgresError, OSError, ValueError) as failure:
        print(f"scripts/run: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
