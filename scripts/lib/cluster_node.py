"""One atesd of a cluster on this machine, and the file that remembers all of them."""

import json
import pathlib
import random
import signal
import socket
import time

import processes
from kept import Failure, say, write_whole
from services import Daemon

KILL_AFTER_S = 20.0  # a node that is asked to stop hands its shards over first
# Below those of outgoing connections (32768..60999), one of which might hold the port of a stopped node.
PORTS = range(20000, 32000)


class Roster:
    """<var>/cluster.json: the edge's port, and of each node its name, http_port, caf_port and advertise (where others are
    told to connect; empty: caf_port)."""

    def __init__(self, var):
        self.path = var / "cluster.json"
        kept = json.loads(self.path.read_text()) if self.path.exists() else {}
        self.port = kept.get("port")
        self.nodes = kept.get("nodes", [])

    def save(self):
        write_whole(self.path, json.dumps({"port": self.port, "nodes": self.nodes}, indent=2) + "\n")

    def add(self):
        entry = {"name": f"node{len(self.nodes) + 1}", "http_port": 0, "caf_port": 0, "advertise": ""}
        self.nodes.append(entry)
        return entry

    def find_ports(self, entry):
        """Gives the node ports that nobody listens on, keeping those it has if it can."""
        taken = {other[kind] for other in self.nodes if other is not entry for kind in ("http_port", "caf_port")}
        for kind in ("http_port", "caf_port"):
            if not is_free("127.0.0.1", entry[kind]):
                entry[kind] = free_port(taken | {entry["http_port"], entry["caf_port"]})
        self.save()


def is_free(host, port):
    if port == 0:
        return False
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            return True
        except OSError:
            return False


def free_port(taken=()):
    for port in random.sample(PORTS, 1000):
        if port not in taken and is_free("127.0.0.1", port):
            return port
    raise Failure(f"no free port from {PORTS.start} to {PORTS.stop}")


class ClusterNode(Daemon):
    """`cluster` is the supervisor: var, roster, edge, authority, admin_password, is_starting."""

    def __init__(self, cluster, entry):
        var = cluster.var / entry["name"]
        (var / "log").mkdir(parents=True, exist_ok=True)
        (var / "run").mkdir(exist_ok=True)
        super().__init__(var, "127.0.0.1", entry["http_port"])
        self.name = entry["name"]
        self.cluster = cluster
        self.entry = entry
        self.pid_file = var / "atesd.pid"
        self.wanted = False
        self.is_admitted = False  # the edge's
        self.is_drained = False
        self.is_frozen = False
        self.down_because = "stopped"
        self.failure = ""
        self.kill_at = None

    # ── what it runs ──
    def command(self, *more):
        tls = self.var / "tls"
        caf = f"127.0.0.1:{self.entry['caf_port']}"
        given = {
            "http.listen": "127.0.0.1",
            "cluster.node": self.name,
            "cluster.listen": caf,
            "cluster.advertise": self.entry["advertise"] or caf,
            "cluster.tls_certificate": tls / "node.pem",
            "cluster.tls_key": tls / "node.key",
            "cluster.tls_ca": self.cluster.authority.certificate,
            "auth.signing_key": self.cluster.var / "keys" / "jwt.pem",  # whichever node is first makes it
        }
        words = [word for name, value in given.items() for word in ("--set", f"{name}={value}")]
        return super().command("--behind-edge", *words, *more)

    def environment(self):
        return {**super().environment(), "ATES_ADMIN_PASSWORD": self.cluster.admin_password}

    def make_ready(self):
        """Ports and a certificate, before anything is run."""
        self.cluster.roster.find_ports(self.entry)
        self.port = self.entry["http_port"]
        self.cluster.authority.ensure_node(self.name, self.var / "tls")

    # ── how it is kept ──
    def start(self):
        try:
            super().start()
        except Failure as failure:
            self.give_up(str(failure))

    def launch(self):
        self.is_frozen = False
        self.make_ready()
        return super().launch()

    def is_ready(self):
        """Serves, and the edge has noticed: the next node may be stopped now."""
        return not self.is_frozen and super().is_ready() and self.cluster.edge.admit(self)

    def is_settling(self):
        return super().is_settling() or self.kill_at is not None

    def tend(self):
        if self.kill_at is not None and self.process is not None and time.monotonic() >= self.kill_at:
            self.kill_at = None
            say(f"{self.name} does not end; killing it")
            self.process.kill()
        super().tend()

    def ended(self, status):
        self.kill_at = None
        self.is_frozen = self.is_drained = False
        super().ended(status)

    def give_up(self, why):
        if self.cluster.is_starting:
            raise Failure(why)
        say(why)
        self._let_go("failed")
        self.failure = why

    # ── what the operator says ──
    def bring_up(self):
        if self.process is not None:
            raise Failure(f"{self.name} is running")
        self.wanted = True
        self.was_ready, self.tries, self.failure = False, 0, ""
        self.start()

    def take_down(self):
        """Orderly; look at state() for the end of it."""
        self._let_go("stopped")
        if self.process is not None:
            self.cluster.edge.dismiss(self)
            self.process.send_signal(signal.SIGTERM)
            self.process.send_signal(signal.SIGCONT)
            self.kill_at = time.monotonic() + KILL_AFTER_S

    def kill(self):
        self._must_run()
        self._let_go("killed")
        self.process.kill()

    def freeze(self):
        self._must_run()
        self.process.send_signal(signal.SIGSTOP)
        self.is_frozen = True

    def thaw(self):
        self._must_run()
        self.process.send_signal(signal.SIGCONT)
        self.is_frozen = False

    def note_drained(self):
        """It has handed everything over: it runs until it is stopped, or ends."""
        self._must_run()
        self.cluster.edge.dismiss(self)
        self._let_go("stopped")
        self.is_drained = True

    def state(self):
        if self.process is None:
            return "restarting" if self.wanted else self.down_because
        if self.kill_at is not None:
            return "stopping"
        if self.is_frozen:
            return "frozen"
        if self.is_drained:
            return "drained"
        return "running" if self.announced else "starting"

    def facts(self):
        pid = self.process.pid if self.process is not None else None
        return {"name": self.name, "process": self.state(), "pid": pid, "url": self.url(),
                "caf_port": self.entry["caf_port"], "log": str(self.log.path), "failure": self.failure}

    def _must_run(self):
        if self.process is None:
            raise Failure(f"{self.name} is not running ({self.state()})")

    def _let_go(self, why):
        self.wanted, self.start_at, self.down_because = False, None, why


def end_all(var):
    """Ends every atesd of this cluster, whoever left it."""
    def is_ours(pid):
        words = processes.command_line(pid)
        return any(word == "--var" and pathlib.Path(value).parent == var for word, value in zip(words, words[1:]))

    def left():
        return [pid for pid in processes.find("atesd") if is_ours(pid)]
    processes.send(left(), signal.SIGKILL)
    processes.wait_until(lambda: not left(), 5)
