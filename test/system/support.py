"""What every system test needs: a node started as a user starts it, a client that signs in, and the proof that nothing of
it is left afterwards.

    class ATestOfMine(support.SystemTest):
        def test_something_holds(self):
            node = self.start_node()
            admin = node.admin()
            made = admin.post("/employees", {...}).expect(201)
            node.kill_daemon()
            node.wait_ready()
"""

import dataclasses
import http.client
import json
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import sys
import time
import unittest
import urllib.parse
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts" / "lib"), str(ROOT / "test" / "support")]

import documented  # noqa: E402
import postgres  # noqa: E402
import postgres_gate  # noqa: E402
import processes  # noqa: E402

BINARIES = ROOT / "build" / "release" / "bin"
START_LIMIT_S = 60
SIGN_IN_LIMIT_S = 15
STOP_LIMIT_S = 10  # contract.md: Ctrl-C stops all of it within 10 s
NOT_NOW = (502, 503, 504)  # to be asked again: a node answers 503 only, an edge all of them
# Hashing passwords as cheaply as the settings allow.
QUICK = {"ATES_AUTH_SCRYPT_LOG2N": "14"}


@dataclasses.dataclass
class Answer:
    """One HTTP answer. `json` is None when the body is none."""

    status: int
    headers: http.client.HTTPMessage  # however their names are spelt: HAProxy makes them small
    body: bytes
    json: object

    def expect(self, *statuses):
        """The JSON of the body, if the status is one of these; else the test fails with what came instead."""
        if self.status not in statuses:
            raise AssertionError(f"expected {statuses}, got {self.status}: {self.body[:500]!r}")
        return self.json


class Client:
    """Speaks JSON to a node; signs in again by itself before the token ends. One connection: one thread at a time. The test
    fails when an answer is not as the OpenAPI document says.
    Raises OSError or http.client.HTTPException when the node is not there; the next request connects anew."""

    def __init__(self, url, timeout_s=10):
        self.address = urllib.parse.urlsplit(url)
        self.timeout_s = timeout_s
        self.connection = None
        self.secret = None
        self.token = None
        self.token_ends_at = 0.0
        self.account = None  # {id, name, role} of who is signed in

    def sign_in(self, login, password):
        """Obeys Retry-After for a while: a busy machine may just have lost sight of its storage."""
        self.secret = {"login": login, "password": password}
        patient_until = time.monotonic() + SIGN_IN_LIMIT_S
        answer = self.send("POST", "/v1/auth", self.secret)
        while answer.status == 503 and time.monotonic() < patient_until:
            time.sleep(float(answer.headers["Retry-After"]))
            answer = self.send("POST", "/v1/auth", self.secret)
        answer = answer.expect(200)
        self.token = answer["access_token"]
        self.token_ends_at = time.monotonic() + answer["expires_in"] - 30
        self.account = answer["account"]
        return self

    def renew(self):
        """Signs in again if the token ends within 30 s."""
        if self.token and time.monotonic() > self.token_ends_at:
            self.sign_in(**self.secret)

    def get(self, path, **query):
        return self.request("GET", path + ("?" + urllib.parse.urlencode(query) if query else ""))

    def post(self, path, body=None, key=None):
        """`key` is the Idempotency-Key; a new one if not given."""
        return self.request("POST", path, body, {"Idempotency-Key": key or str(uuid.uuid4())})

    def patch(self, path, body):
        return self.request("PATCH", path, body)

    def all(self, path, **query):
        """Every item of a list, page after page."""
        items, cursor = [], None
        while True:
            page = self.get(path, **{"limit": 500, **query, **({"cursor": cursor} if cursor else {})}).expect(200)
            items += page["data"]
            cursor = page["next_cursor"]
            if not page["has_more"]:
                return items

    def request(self, method, path, body=None, headers=None):
        """`path` below /v1, as whoever is signed in."""
        self.renew()
        authorization = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return self.send(method, "/v1" + path, body, {**authorization, **(headers or {})})

    def send(self, method, path, body=None, headers=None):
        """One request as it stands. Never repeats anything: what a broken connection means is the test's to say."""
        if self.connection is not None and select.select([self.connection.sock], [], [], 0)[0]:
            self.close()  # the node has hung up on an idle connection
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.address.netloc, timeout=self.timeout_s)
        content = None if body is None else json.dumps(body).encode()
        headers = {**({"Content-Type": "application/json"} if content is not None else {}), **(headers or {})}
        if method == "POST" and content is None:
            content = b""
        try:
            self.connection.request(method, path, content, headers)
            response = self.connection.getresponse()
            raw = response.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if response.will_close:
            self.close()
        documented.check(method, path, content, response.status, response.headers, raw)
        is_json = "json" in response.headers.get("Content-Type", "") and raw
        return Answer(response.status, response.headers, raw, json.loads(raw) if is_json else None)

    def aim(self, url):
        """Speaks to this one from now on."""
        self.close()
        self.address = urllib.parse.urlsplit(url)

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Site:
    """A state folder of its own with whatever runs on it, on a port that the kernel chose. The folder lives as long as the
    object. Whoever starts something there sets `url`."""

    def __init__(self, environment=None, folder_mode=0o755):
        self.folder = postgres.make_test_folder("ates-system-")
        self.folder.chmod(folder_mode)  # 0o700: as root, user postgres cannot reach it
        self.var = self.folder / "var"
        self.environment = {**os.environ, **QUICK, **(environment or {})}
        self.port = 0
        self.url = None
        self.clients = []

    def place_database(self):
        """Before the first start: a copy of what PostgreSQL's initdb makes, which takes longer than all else of a start."""
        if "ATES_DATABASE_URL" not in self.environment and not os.path.lexists(self.var / "pg"):
            self.var.mkdir(exist_ok=True)
            postgres.copy_template(self.var / "pg")

    def discard_folder(self):
        """Kills what is left there and removes the folder. Returns what had to be killed."""
        for client in self.clients:
            client.close()
        left = self.processes()
        processes.send(left, signal.SIGKILL)
        processes.wait_until(lambda: not self.processes(), 10)
        data = self.var / "pg"
        if data.is_symlink():
            shutil.rmtree(data.resolve().parent, ignore_errors=True)
        record = self.var / "run" / "socket-directory"
        if record.exists():
            shutil.rmtree(record.read_text().strip(), ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        return left

    # ── looking ──
    def ready_status(self, path="/readyz"):
        """The status of /readyz (or another page); None when nobody answers."""
        client = Client(self.url, timeout_s=3)
        try:
            return client.send("GET", path).status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            client.close()

    def postmaster_pid(self):
        return int((self.var / "pg" / "postmaster.pid").read_text().split()[0])

    def database_url(self, role=postgres.APP):
        """Where psql connects, as ates_app or (postgres.OWNER) as the superuser; to somebody else's PostgreSQL as given."""
        if "ATES_DATABASE_URL" in self.environment:
            return self.environment["ATES_DATABASE_URL"]
        return (self.var / "run" / "database-url").read_text().strip().replace(postgres.APP, role)

    def sql(self, statement, role=postgres.OWNER):
        """What psql prints for it: rows of |-separated fields."""
        done = subprocess.run([postgres.PSQL, "--no-psqlrc", "-At", "-v", "ON_ERROR_STOP=1", self.database_url(role)],
                              input=statement, text=True, capture_output=True)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return done.stdout.strip()

    def processes(self):
        """Every process of this site: those that name its folder, and all of its PostgreSQL."""
        found = set(processes.find("postgres", working_directory=self.var / "pg"))
        for entry in os.listdir("/proc"):
            if entry.isdigit() and int(entry) != os.getpid() and processes.alive(entry):
                if any(str(self.folder) in word for word in processes.command_line(entry)):
                    found.add(int(entry))
        return sorted(found)

    def node_urls(self):
        """Of every node there is; `url` may be an edge in front of them."""
        return [self.url]

    def letters(self, day):
        """The files of letters, wherever a node has put them."""
        return sorted((self.var / "mail" / day).iterdir())

    def metric(self, name):
        """The sum of this figure over all nodes."""
        lines = [line for url in self.node_urls() for line in self.metrics(url)]
        return sum(float(line.split()[-1]) for line in lines if line.split(" ")[0] == name)

    def metrics(self, url):
        """/metrics of one node, line by line."""
        client = Client(url)
        try:
            return client.send("GET", "/metrics").body.decode().splitlines()
        finally:
            client.close()

    # ── speaking ──
    def client(self, timeout_s=10):
        """Nobody yet: see Client.sign_in(). Closed when the site is discarded."""
        client = Client(self.url, timeout_s)
        self.clients.append(client)
        return client

    def admin(self):
        return self.client().sign_in("admin", (self.var / "admin-password").read_text().strip())

    def views_of(self, client):
        """For each node a client that is signed in as this one."""
        return [self.client_at(url, client) for url in self.node_urls()]

    def client_at(self, url, like):
        """A client of the node there that is signed in as the client `like` is."""
        client = self.client()
        client.aim(url)
        client.secret, client.token, client.token_ends_at = like.secret, like.token, like.token_ends_at
        client.account = like.account
        return client

    def atesctl(self, *words, **environment):
        """Runs atesctl with a session file of this site's own; returns the finished process (stdout, stderr: text)."""
        return subprocess.run(
            [BINARIES / "atesctl", *map(str, words)], text=True, capture_output=True, stdin=subprocess.DEVNULL,
            env={**self.environment, "ATES_URL": self.url or "", "XDG_CONFIG_HOME": str(self.folder / "home"), **environment})

    def verify(self):
        """Fails the test unless `atesctl verify` finds the books right. Returns what it says, see docs/operations.md."""
        foreign = self.environment.get("ATES_DATABASE_URL")
        done = self.atesctl("verify", "--json", *(() if foreign else ("--var", self.var)))
        if done.returncode != 0:
            raise AssertionError(f"the books are wrong:\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout)


class Node(Site):
    """scripts/run: one node. Its processes live from start() to stop(). With `from_nothing` it makes its database itself."""

    def __init__(self, environment=None, options=(), folder_mode=0o755, from_nothing=False):
        super().__init__(environment, folder_mode)
        self.options = list(options)
        self.from_nothing = from_nothing
        self.runner = None
        self.console = self.folder / "console.log"

    # ── life ──
    def start(self, wait=True):
        """Starts scripts/run; with `wait` returns when it says that it is ready. A later start keeps the port."""
        if not self.from_nothing:
            self.place_database()
        with open(self.console, "wb") as console:
            self.runner = subprocess.Popen(
                [ROOT / "scripts" / "run", "--no-build", "--var", self.var, "--port", str(self.port), *self.options],
                env=self.environment, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT)
        return self.wait_started() if wait else self

    def wait_started(self, limit_s=START_LIMIT_S):
        def said():
            return re.search(r"ready at (http://\S+)", self.said())
        processes.wait_until(lambda: said() or self.runner.poll() is not None, limit_s)
        if not said():
            raise AssertionError(f"scripts/run did not get ready:\n{self.said()}\n{self.daemon_log()[-3000:]}")
        self.url = said().group(1)
        self.port = urllib.parse.urlsplit(self.url).port
        return self

    def stop(self, number=signal.SIGINT):
        """Asks scripts/run to end, and insists that it does so in time and with exit code 0. Returns the seconds."""
        began = time.monotonic()
        self.runner.send_signal(number)
        try:
            status = self.runner.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"scripts/run did not stop within {STOP_LIMIT_S} s:\n{self.said()}") from None
        if status != 0:
            raise AssertionError(f"scripts/run ended with {status}:\n{self.said()}")
        return time.monotonic() - began

    def discard(self):
        """Ends and removes everything, in whatever state the test has left it. Returns what had to be
        killed."""
        if self.runner is not None and self.runner.poll() is None:
            self.runner.send_signal(signal.SIGCONT)
            self.runner.terminate()
            try:
                self.runner.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self.runner.kill()
                self.runner.wait()
        return self.discard_folder()

    # ── looking ──
    def said(self):
        """What scripts/run has printed."""
        return self.console.read_text(errors="replace")

    def daemon_log(self):
        path = self.var / "log" / "atesd.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_ready(self, limit_s=START_LIMIT_S):
        """Waits until /readyz is 200; returns the seconds it took."""
        began = time.monotonic()
        if not processes.wait_until(lambda: self.ready_status() == 200, limit_s, step_s=0.02):
            raise AssertionError(f"not ready within {limit_s} s:\n{self.said()}\n{self.daemon_log()[-3000:]}")
        return time.monotonic() - began

    def daemon_pid(self):
        return int((self.var / "run" / "atesd.pid").read_text())

    def daemon_pids(self):
        """Of every node there is."""
        return [self.daemon_pid()]

    # ── faults ──
    def kill_daemon(self):
        """SIGKILL; returns when it is gone."""
        kill_and_wait(self.daemon_pid())

    def kill_postmaster(self):
        kill_and_wait(self.postmaster_pid())

    def kill_supervisor(self):
        self.runner.kill()
        self.runner.wait()


def kill_and_wait(pid):
    processes.send([pid], signal.SIGKILL)
    assert processes.wait_until(lambda: not processes.alive(pid), 10), f"process {pid} survived SIGKILL"


class ThrowawayPostgres:
    """Somebody else's PostgreSQL, as far as the node can see. Verbs as in test/support/postgres_cluster.hpp.
    With `volume_mb`, which needs root, on a volume of that size (in memory) that can be filled up."""

    def __init__(self, volume_mb=0):
        words = ["/usr/bin/python3", ROOT / "scripts" / "lib" / "postgres.py", "throwaway"]
        if volume_mb:
            words = ["unshare", "--mount", *words, "--volume-mb", str(volume_mb)]
        self.keeper = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.folder = self._hear()

    def url(self, role=postgres.OWNER):
        return postgres.connection_url(self.folder, role)

    def tell(self, verb):
        """start, stop, kill, freeze or thaw; with a volume of its own, fill or free."""
        self.keeper.stdin.write(verb + "\n")
        self.keeper.stdin.flush()
        self._hear()

    def discard(self):
        self.keeper.stdin.close()
        self.keeper.wait()
        self.keeper.stdout.close()

    def _hear(self):
        word, _, rest = self.keeper.stdout.readline().strip().partition(" ")
        if word != "ok":
            raise AssertionError(f"PostgreSQL: {rest}")
        return rest


class SystemTest(unittest.TestCase):
    """Whatever a test starts is gone when it ends, and it fails if anything had to be killed for that."""

    def make_node(self, **options):
        node = Node(**options)
        self.addCleanup(self._discard, node)
        return node

    def start_node(self, **options):
        return self.make_node(**options).start()

    def make_postgres(self):
        database = ThrowawayPostgres()
        self.addCleanup(database.discard)
        return database

    @classmethod
    def share_gated_node(cls):
        """For all tests of the class, to be called by its setUpClass: `database`, a PostgreSQL of its own; `gate`, before it;
        `node`, which reaches it through the gate only."""
        cls.database = ThrowawayPostgres()
        cls.addClassCleanup(cls.database.discard)
        cls.gate = postgres_gate.PostgresGate(cls.database.folder)
        cls.addClassCleanup(cls.gate.discard)
        cls.node = Node(environment={"ATES_DATABASE_URL": postgres.connection_url(cls.gate.folder, postgres.OWNER)})
        cls.addClassCleanup(cls.node.discard)
        cls.node.start()

    def _discard(self, node):
        left = node.discard()
        self.assertEqual(left, [], f"processes left behind:\n{node.said() if node.console.exists() else ''}")

    def wait_until(self, condition, limit_s, what):
        self.assertTrue(processes.wait_until(condition, limit_s, step_s=0.02), what)
