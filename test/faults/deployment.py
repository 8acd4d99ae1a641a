"""What a run of the fault suite breaks: a PostgreSQL, an SMTP server and one or three nodes, with a gate on every way
between them. Started directly, not by scripts/run or scripts/cluster: nobody starts again what is killed, but the schedule.

    node1 ──► gate ──► PostgreSQL (data on a small volume)        node3 ──► gate of node1 ──► node1
    node2 ──► gate ──►                                            node3 ──► gate of node2 ──► node2
    node3 ──► gate ──►                                            node2 ──► gate of node1 ──► node1"""

import contextlib
import functools
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import types

sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

import support  # noqa: E402  (finds scripts/lib and test/support)
from support import processes  # noqa: E402

import cluster_node  # noqa: E402
import company  # noqa: E402
import link_gate  # noqa: E402
import open_psql  # noqa: E402
import postgres  # noqa: E402
import postgres_gate  # noqa: E402
import private_ca  # noqa: E402
import smtp_server  # noqa: E402

import poison  # noqa: E402
import variants  # noqa: E402

SHARDS = 64
LEASE_TTL_S = 3
VOLUME_MB = 500
START_LIMIT_S = 60
ADMIN_PASSWORD = "correct horse battery"
MIGRATE_LIMIT_S = 60
FIXED = {
    "auth.scrypt_log2n": 14,
    "auth.max_failures_login": 1000000, "auth.max_failures_address": 1000000,  # who is deactivated goes on trying
    "exchange.fee_min": 1, "exchange.fee_max": 3,  # so that somebody is paid, and written to, at each end of a day
    "mail.transport": "smtp",
    "cluster.lease_ttl": f"{LEASE_TTL_S}s",
}


@functools.cache
def can_have_volume():
    """Whether the data can lie on a volume of its own: mounting is for root, and not even for root in every container."""
    trial = ["unshare", "--mount", "mount", "-t", "tmpfs", "ates-test", "/mnt"]  # its end is the end of the mount
    return os.geteuid() == 0 and subprocess.run(trial, stderr=subprocess.DEVNULL).returncode == 0


class Node:
    """One atesd. `offset_s` is its ATES_CLOCK_OFFSET from the next start on."""

    def __init__(self, deployment, number):
        self.deployment = deployment
        self.name = f"node{number}"
        self.var = deployment.folder / self.name
        self.var.mkdir()
        self.http_port, self.caf_port = cluster_node.free_port(), cluster_node.free_port()
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.offset_s = company.noon_offset()
        self.storage = postgres_gate.PostgresGate(deployment.database.folder)
        self.link = link_gate.LinkGate(lambda: self.caf_port) if deployment.count > 1 else None
        self.process = None
        self.lives = 0

    def start(self):
        self.note_end()
        self.process = self.deployment.spawn(self, self.storage.folder, postgres.APP)
        self.lives += 1

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def note_end(self):
        """Nobody has killed it, and it has ended?"""
        if self.process is not None and self.process.poll() is not None:
            if self.has_died_of_poison():
                self.deployment.deaths_of_poison += 1
            else:
                self.deployment.surprises.append(f"{self.name} has ended by itself: {self.process.returncode}")
            self.process = None

    def has_died_of_poison(self):
        return self.process is not None and self.process.poll() == poison.DEATH and bool(self.deployment.poisoners)

    def kill(self):
        self.note_end()
        if self.is_alive():
            self.process.kill()
            self.process.wait()
            self.process = None

    def signal(self, number):
        if self.is_alive():
            self.process.send_signal(number)

    def is_ready(self):
        return self.ask("/readyz")[0] == 200

    def metrics(self):
        """name -> figure; empty when it does not answer."""
        status, body = self.ask("/metrics")
        lines = body.decode().splitlines() if status == 200 else []
        figures = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in figures}

    def ask(self, path):
        client = support.Client(self.url, timeout_s=3)
        try:
            answer = client.send("GET", path)
            return answer.status, answer.body
        except (OSError, http.client.HTTPException):
            return None, b""
        finally:
            client.close()

    def log(self):
        path = self.var / "atesd.log"
        return path.read_text(errors="replace") if path.exists() else ""


class Deployment:
    """`build`: the folder of the build whose atesd runs. To be used from the main thread (see processes.spawn)."""

    def __init__(self, count, build, settings=None):
        self.count = count
        self.atesd = pathlib.Path(build).resolve() / "bin" / "atesd"
        self.settings = settings or {}
        self.cleanup = contextlib.ExitStack()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ates-faults-", dir="/tmp"))
        self.cleanup.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.able = {"poison"} if self.atesd.parents[1].name == variants.POISONABLE else set()
        if can_have_volume():
            self.able.add("volume")
        self.database = support.ThrowawayPostgres(VOLUME_MB if "volume" in self.able else 0)
        self.cleanup.callback(self.database.discard)
        self.psql = open_psql.Psql(self.database.url())  # past every gate
        self.cleanup.callback(self.psql.close)
        self.losses = []  # (fault, what becomes of its batch)
        self.deaths_of_poison = 0
        self.surprises = []  # sentences: what a node did of which nobody had told it
        self.people = None  # the crowd, once it is there
        self.poisoners = []
        self.mood = "take"  # the SMTP server's
        self.mail = smtp_server.Server(self._treat_letter)
        self.cleanup.callback(self.mail.discard)
        self.authority = private_ca.PrivateAuthority(self.folder / "ca")
        self.nodes = [Node(self, number + 1) for number in range(count)]
        for node in self.nodes:
            self.cleanup.callback(node.storage.discard)
            if node.link:
                self.cleanup.callback(node.link.discard)
                self.authority.ensure()
                self.authority.ensure_node(node.name, node.var / "tls")

    def _treat_letter(self, recipient, message_id, tries):
        return {"take": "250 OK", "refuse": "451 not now", "hang": smtp_server.Server.HANG,
                "hang up": smtp_server.Server.HANG_UP}[self.mood]

    # ── life ──
    def start(self):
        """Returns when every node is ready."""
        migrating = self.spawn(self.nodes[0], self.database.folder, postgres.OWNER, "--migrate")
        if migrating.wait(MIGRATE_LIMIT_S) != 0:
            raise AssertionError(f"atesd --migrate failed:\n{self.nodes[0].log()}")
        for node in self.nodes:
            node.start()
        if not processes.wait_until(lambda: all(node.is_ready() for node in self.nodes), START_LIMIT_S, step_s=0.1):
            raise AssertionError(f"not ready within {START_LIMIT_S} s:\n{self.last_words()}")
        return self

    def discard(self):
        for node in self.nodes:
            node.kill()
        self.cleanup.close()

    def revive_the_poisoned(self):
        for node in self.nodes:
            if node.has_died_of_poison():
                node.start()

    def spawn(self, node, socket_folder, role, *more):
        given = {**FIXED, "mail.smtp_url": self.mail.url, "http.port": node.http_port,
                 "auth.signing_key": self.folder / "keys" / "jwt.pem", **self.settings}
        if node.link:
            tls = node.var / "tls"
            given |= {"cluster.node": node.name, "cluster.listen": f"127.0.0.1:{node.caf_port}",
                      "cluster.advertise": node.link.address, "cluster.tls_certificate": tls / "node.pem",
                      "cluster.tls_key": tls / "node.key", "cluster.tls_ca": self.authority.certificate}
        (self.folder / "keys").mkdir(exist_ok=True)
        words = [word for name, value in given.items() for word in ("--set", f"{name}={value}")]
        command = [self.atesd, "--config", support.ROOT / "config" / "ates.toml", "--var", node.var, *words, *more]
        environment = {**os.environ, "ATES_DATABASE_URL": postgres.connection_url(socket_folder, role),
                       "ATES_ADMIN_PASSWORD": ADMIN_PASSWORD, "ATES_CLOCK_OFFSET": str(node.offset_s)}
        with open(node.var / "atesd.log", "ab") as log:
            return processes.spawn([str(word) for word in command], env=environment, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=log)

    def heal(self):
        """Takes every fault away: all nodes run or are being started, and everything reaches everything."""
        self.mood = "take"
        self.database.tell("thaw")
        if "volume" in self.able:
            with contextlib.suppress(AssertionError):  # nothing fills it
                self.database.tell("free")
        self.revive_postgres()
        for node in self.nodes:
            node.storage.losses.clear()
            node.storage.thaw()
            node.storage.batch_delay_s = 0.0
            if node.link:
                node.link.heal()
            node.signal(signal.SIGCONT)
            if not node.is_alive():
                node.start()

    def revive_postgres(self, limit_s=3):
        """PostgreSQL recovers by itself from most; when it has ended instead, it is started."""
        if not processes.wait_until(self.postgres_answers, limit_s, step_s=0.1):
            self.database.tell("start")

    def postgres_answers(self):
        done = subprocess.run(["pg_isready", "-q", "-t", "1", "-h", self.database.folder, "-p", str(postgres.PORT)])
        return done.returncode == 0

    # ── looking ──
    def verify(self):
        """What `atesd --verify --json` says; it looks at the database, not at the nodes. `differences` is None when
        PostgreSQL did not answer."""
        environment = {**os.environ, "ATES_DATABASE_URL": self.database.url(postgres.APP)}
        done = subprocess.run([self.atesd, "--verify", "--json", "--var", self.folder / "verify"], env=environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        differences = json.loads(done.stdout)["differences"] if done.stdout.startswith("{") else None
        return types.SimpleNamespace(clean=done.returncode == 0, said=done.stdout + done.stderr, differences=differences)

    def given_up(self):
        """What nodes have done of themselves: ended, or quarantined or parked what nobody has poisoned."""
        for node in self.nodes:
            node.note_end()
        lines = [line for node in self.nodes for line in node.log().splitlines()
                 if "quarantined=" in line or " parked=" in line]
        return self.surprises + [line for line in lines if not any(task in line for task in self.poisoned())]

    def poisoned(self):
        """Ids of the tasks that may be in quarantine."""
        return {poisoner.task for poisoner in self.poisoners}

    def last_words(self):
        """The ends of all logs, for whoever has to find out."""
        return "\n".join(f"── {node.name}\n" + "\n".join(node.log().splitlines()[-15:]) for node in self.nodes)