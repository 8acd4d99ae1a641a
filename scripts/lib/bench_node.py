"""A real atesd for benchmarks, started on a database that the benchmark has filled."""

import http.client
import os
import subprocess

import postgres
import processes

ATESD = postgres.ROOT / "build" / "release" / "bin" / "atesd"
START_LIMIT_S = 60
STOP_LIMIT_S = 15


class BenchNode:
    """Lives from its making to stop(). Quiet, and on any free port."""

    def __init__(self, var, database_url, settings=None):
        self.var = var
        given = {"http.port": 0, "log.level": "warn", **(settings or {})}
        words = [word for key, value in given.items() for word in ("--set", f"{key}={value}")]
        (var / "run" / "http-port").unlink(missing_ok=True)
        self.process = processes.spawn([ATESD, "--var", var, *words], stdin=subprocess.DEVNULL,
                                       env={**os.environ, "ATES_DATABASE_URL": database_url})

    def address(self):
        return f"127.0.0.1:{int((self.var / 'run' / 'http-port').read_text())}"

    def is_ready(self):
        try:
            connection = http.client.HTTPConnection(self.address(), timeout=2)
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, ValueError, http.client.HTTPException):
            return False

    def wait_ready(self):
        if not processes.wait_until(self.is_ready, START_LIMIT_S):
            raise RuntimeError(f"{self.var.name} did not get ready")

    def stop(self):
        self.process.terminate()
        self.process.wait(STOP_LIMIT_S)
