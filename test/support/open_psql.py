"""psql kept open: a question takes a millisecond."""

import contextlib
import subprocess
import threading

import postgres  # scripts/lib


class Psql:
    """psql kept open, which survives whatever happens to PostgreSQL: then ask() answers None. One thread at a time."""

    def __init__(self, url):
        self.url = url
        self.process = None
        self.lock = threading.Lock()

    def ask(self, query):
        """The one line that it gives; None if PostgreSQL did not answer."""
        with self.lock:
            if self.process is None or self.process.poll() is not None:
                self._end()
                self.process = subprocess.Popen([postgres.PSQL, "--no-psqlrc", "-qAt", self.url], stdin=subprocess.PIPE,
                                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            try:
                self.process.stdin.write(query + ";\n\\echo .\n")
                self.process.stdin.flush()
                line = self.process.stdout.readline().rstrip("\n")
                if line in ("", "."):  # it has ended, or said why not
                    self._end()
                    return None
                self.process.stdout.readline()
                return line
            except OSError:
                self._end()
                return None

    def close(self):
        with self.lock:
            self._end()

    def _end(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for file in (self.process.stdin, self.process.stdout):
                with contextlib.suppress(OSError):
                    file.close()
            self.process = None
