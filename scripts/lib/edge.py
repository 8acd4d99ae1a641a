"""HAProxy in front of a cluster: config/haproxy.cfg filled in, kept running, and told which nodes may get requests."""

import csv
import os
import re
import signal
import subprocess

import control
import postgres
import processes
from kept import Failure, Kept, Log, write_whole
from services import settings

TEMPLATE = postgres.ROOT / "config" / "haproxy.cfg"
HAPROXY = "/usr/sbin/haproxy"
SECTION = "ates"  # of the template
MAX_NODES = 16  # servers cannot be added to a running HAProxy, only taken into use: so many are declared
RUNTIME_LIMIT_S = 1.0


class Edge(Kept):
    """`nodes` is the list of the cluster's nodes, which grows; each has name, port and is_admitted."""

    name = "HAProxy"

    def __init__(self, var, host, port, nodes):
        super().__init__(Log(var / "log" / "haproxy.log"))
        if not os.path.exists(HAPROXY):
            raise Failure(f"{HAPROXY} is not there: scripts/cluster start without --no-build installs it")
        self.folder = var / "run"
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.configuration = self.folder / "haproxy.cfg"
        self.nodes = nodes

    def launch(self):
        # The socket's name is relative, because it may not be long.
        write_whole(self.configuration, fill_in(TEMPLATE.read_text(), {
            "control": ["    stats socket unix@edge.sock mode 600 level admin"],
            "edge": [f"    bind {self.address}"],
            "answer": [f"    timeout server {answer_limit_ms()}ms"],
            "nodes": list(self._servers()),
        }))
        return processes.spawn([HAPROXY, "-db", "-f", self.configuration], cwd=self.folder, stdin=subprocess.DEVNULL,
                               stdout=self.log.file, stderr=self.log.file)

    def is_ready(self):
        return self._runtime("show version") is not None

    def admit(self, node):
        """Sends requests to a node that serves; returns whether HAProxy has found it healthy."""
        node.is_admitted = True
        self._runtime(f"set server {SECTION}/{node.name} addr 127.0.0.1 port {node.port}")
        self._runtime(f"set server {SECTION}/{node.name} state ready")
        return self.state(node.name).startswith("UP")

    def dismiss(self, node):
        """Sends no new request to the node; those that run are finished."""
        node.is_admitted = False
        self._runtime(f"set server {SECTION}/{node.name} state drain")

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            processes.wait_until(lambda: self.process.poll() is not None, 1)
        end_all(self.folder.parent)
        if self.process is not None:
            self.process.wait()

    def _servers(self):
        names = {node.name: node for node in self.nodes}
        for name in (f"node{number}" for number in range(1, MAX_NODES + 1)):
            node = names.get(name)
            admitted = node is not None and node.is_admitted
            yield f"    server {name} 127.0.0.1:{node.port if node else 1}{'' if admitted else ' disabled'}"

    def state(self, name):
        """What HAProxy thinks of a node: UP, DOWN, DRAIN, MAINT …; empty if it cannot be asked."""
        rows = csv.DictReader((self._runtime("show stat") or "").lstrip("# ").splitlines())
        return next((row["status"] for row in rows if (row["pxname"], row["svname"]) == (SECTION, name)), "")

    def _runtime(self, command):
        """What HAProxy answers; None if it is not there. It reads its lines again when it is."""
        try:
            with control.connect(self.folder / "edge.sock", RUNTIME_LIMIT_S) as client:
                client.sendall(command.encode() + b"\n")
                answer = b""
                while chunk := client.recv(65536):
                    answer += chunk
                return answer.decode()
        except OSError:
            return None


def end_all(var):
    """Ends every HAProxy of this cluster, whoever left it."""
    def left():
        return processes.find("haproxy", argument_pair=("-f", str(var / "run" / "haproxy.cfg")))
    processes.send(left(), signal.SIGKILL)
    processes.wait_until(lambda: not left(), 5)


def fill_in(template, given):
    """Replaces the lines that end with `# <- NAME`, where NAME comes first, by the given ones."""
    lines, left = [], dict(given)
    for line in template.splitlines():
        mark = re.search(r"# <- (\w+)$", line)
        lines += left.pop(mark[1], []) if mark else [line]
    if left:
        raise Failure(f"{TEMPLATE} has no line marked <- {', '.join(left)}")
    return "\n".join(lines) + "\n"


def answer_limit_ms():
    """A node answers within http.deadline; one that does not is frozen. (`atesd --migrate` has checked the setting.)"""
    deadline = os.environ.get("ATES_HTTP_DEADLINE") or settings().get("http", {}).get("deadline", "5s")
    number, unit = re.fullmatch(r"(\d+)(ms|s)", deadline).groups()
    return int(number) * {"ms": 1, "s": 1000}[unit] + 1000
