"""What every test of a cluster needs: nodes started by scripts/cluster as a user starts them, clients through the edge or to
one node, faults as verbs, and the proof that nothing is left afterwards.

    class ATestOfMine(cluster_support.ClusterTest):
        def test_something_holds(self):
            cluster = self.start_cluster()
            crowd = workload.Crowd(cluster, seed)       # a Cluster is for it what a support.Node is
            cluster.kill("node2")
            cluster.start_node("node2")
            self.assert_sound(cluster)"""

import concurrent.futures
import http.client
import json
import os
import pathlib
import subprocess
import sys
import time
import types

sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

import support  # noqa: E402  (finds scripts/lib and test/support)
from support import processes  # noqa: E402

import cluster_node  # noqa: E402
import cluster_status  # noqa: E402
import company  # noqa: E402
import control  # noqa: E402
import link_gate  # noqa: E402
import private_ca  # noqa: E402
import workload  # noqa: E402

SCRIPT = support.ROOT / "scripts" / "cluster"
SHARDS = 64
START_LIMIT_S = 120
COMMAND_LIMIT_S = 180
SPREAD_LIMIT_S = 30
SERVES_LIMIT_S = 30
ANSWER_LIMIT_S = 6.0  # http.deadline, and a second for the way
SETTLED_LIMIT_S = 90


def setting(name, default):
    """ATES_TEST_<name>. Taken out of the environment: atesd refuses a variable ATES_… that it does not know."""
    return os.environ.pop(f"ATES_TEST_{name}", None) or default


class Cluster(support.Site):
    """scripts/cluster on a state folder of its own. It is noon there, so that no day ends during a test."""

    def __init__(self, nodes=3, gated=(), environment=None):
        super().__init__({"ATES_CLOCK_OFFSET": str(company.noon_offset()), **(environment or {})})
        self.count = nodes
        self.gates = {name: link_gate.LinkGate(lambda name=name: self.entry(name)["caf_port"]) for name in gated}
        self.strangers = []

    # ── life ──
    def start(self):
        """Returns when all nodes serve and every one has its share."""
        self.place_database()
        advertised = [word for name, gate in self.gates.items() for word in ("--advertise", f"{name}={gate.address}")]
        self.run("start", "--no-build", "--nodes", self.count, "--port", self.port, *advertised, limit_s=START_LIMIT_S)
        self.url = self.facts()["url"]
        self.port = int(self.url.rpartition(":")[2])
        self.wait_spread()
        return self

    def stop(self):
        """Returns the seconds it took."""
        began = time.monotonic()
        self.run("stop")
        return time.monotonic() - began

    def discard(self):
        """Ends and removes everything, in whatever state the test has left it. Returns what had to be killed."""
        for stranger in self.strangers:
            stranger.discard()
        try:
            if self.var.exists():
                self.run("stop")
        finally:
            for gate in self.gates.values():
                gate.discard()
            left = self.discard_folder()
        return left

    def run(self, *words, limit_s=COMMAND_LIMIT_S):
        """One command, as typed. Returns what it prints; fails the test if the command fails."""
        done = subprocess.run([SCRIPT, *map(str, words), "--var", self.var], env=self.environment, timeout=limit_s,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise AssertionError(f"scripts/cluster {' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}\n"
                                 + self.last_words())
        return done.stdout

    # ── verbs ──
    def kill(self, name):
        """SIGKILL without the time a command takes to start; returns when it is gone."""
        pid = self.pid(name)
        control.ask(self.var / "run" / "control", "kill", node=name)
        assert processes.wait_until(lambda: not processes.alive(pid), 10, step_s=0.001), f"{name} survived SIGKILL"

    def freeze(self, name):
        self.run("freeze", name)

    def thaw(self, name):
        self.run("thaw", name)

    def stop_node(self, name):
        self.run("stop-node", name)

    def start_node(self, name):
        self.run("start-node", name)

    def add_node(self):
        """Its name."""
        before = set(self.names())
        self.run("add-node")
        return (set(self.names()) - before).pop()

    def drain(self, name):
        self.run("drain", name)

    def rolling_restart(self):
        self.run("rolling-restart")

    # ── looking from outside ──
    def facts(self):
        return control.ask(self.var / "run" / "control", "status")

    def names(self):
        return [node["name"] for node in self.facts()["nodes"]]

    def node(self, name):
        return next(node for node in self.facts()["nodes"] if node["name"] == name)

    def pid(self, name):
        return self.node(name)["pid"]

    def daemon_pids(self):
        """Of every node there is."""
        return [node["pid"] for node in self.facts()["nodes"]]

    def node_url(self, name):
        return self.node(name)["url"]

    def entry(self, name):
        """Its line in cluster.json."""
        kept = json.loads((self.var / "cluster.json").read_text())
        return next(entry for entry in kept["nodes"] if entry["name"] == name)

    def log_of(self, name):
        return (self.var / name / "log" / "atesd.log").read_text(errors="replace")

    def daemon_log(self):
        """Of all nodes, one after the other."""
        return "".join(map(self.log_of, self.names()))

    def last_words(self):
        """The ends of all logs, for whoever has to find out."""
        return "\n".join(f"── {path.relative_to(self.var)}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-12:])
                         for path in sorted(self.var.glob("**/log/*.log")) if path.name != "postgresql.log")

    def metric_of(self, name, metric):
        """A figure of one node's /metrics."""
        lines = self.metrics(self.node_url(name))
        return float(next(line.split()[-1] for line in lines if line.split(" ")[0] == metric))

    def node_urls(self):
        return [node["url"] for node in self.facts()["nodes"]]

    def letters(self, day):
        return sorted(self.var.glob(f"node*/mail/{day}/*"), key=lambda path: path.name)

    # ── looking into the database ──
    def lives(self):
        """Of each name the latest incarnation."""
        rows = self.sql("select name, max(incarnation) from node group by name").splitlines()
        return {name: int(number) for name, number in (row.split("|") for row in rows)}

    def shards_by_node(self):
        """How many shards each living node owns."""
        rows = self.sql("select n.name, count(s.shard) from node n left join shard s on s.owner = n.incarnation "
                        "where not n.dead group by n.name").splitlines()
        return {name: int(count) for name, count in (row.split("|") for row in rows)}

    def owner_of(self, shard):
        """The name of the node that owns it; empty: nobody."""
        return self.sql(f"select n.name from shard s join node n on n.incarnation = s.owner where s.shard = {int(shard)}")

    def is_spread(self, *names):
        """Whether just these nodes (default: all) own the shards, evenly."""
        names = names or self.names()
        shards = {name: count for name, count in self.shards_by_node().items() if count}
        least, most = SHARDS // len(names), -(-SHARDS // len(names))
        return set(shards) == set(names) and sum(shards.values()) == SHARDS and all(
            least <= count <= most for count in shards.values())

    def wait_spread(self, *names, limit_s=SPREAD_LIMIT_S):
        if not processes.wait_until(lambda: self.is_spread(*names), limit_s, step_s=0.1):
            raise AssertionError(f"not spread within {limit_s} s: {self.shards_by_node()}\n{self.last_words()}")

    # ── speaking to one node ──
    def client_of(self, name, like):
        """A client of the node that is signed in as the client `like` is."""
        return self.client_at(self.node_url(name), like)

    # ── strangers ──
    def start_stranger(self, name, database_url, **settings):
        """An atesd of ours that scripts/cluster knows nothing of, with a certificate of this cluster. Settings as
        cluster_name="other"."""
        stranger = Stranger(self, name, database_url, settings)
        self.strangers.append(stranger)
        return stranger


class Stranger:
    """One atesd, started by hand as scripts/cluster starts its own. It ends with the test."""

    def __init__(self, cluster, name, database_url, settings):
        self.name = name
        self.database_url = database_url
        authority = private_ca.PrivateAuthority(cluster.var / "ca")
        password = (cluster.var / "admin-password").read_text().strip()
        # A folder of its own: another process of the same name may be keeping its things in <var>/<name>.
        home = types.SimpleNamespace(var=cluster.folder / f"stranger{len(cluster.strangers)}", authority=authority, admin_password=password)
        entry = {"name": name, "http_port": cluster_node.free_port(), "caf_port": cluster_node.free_port(), "advertise": ""}
        self.caf = f"127.0.0.1:{entry['caf_port']}"
        self.daemon = cluster_node.ClusterNode(home, entry)
        authority.ensure_node(name, self.daemon.var / "tls")
        given = {"auth.signing_key": cluster.var / "keys" / "jwt.pem",
                 **{key.replace("_", ".", 1): value for key, value in settings.items()}}
        self.words = [word for key, value in given.items() for word in ("--set", f"{key}={value}")]
        self.environment = cluster.environment
        self.url = self.daemon.url()
        self.process = None

    def start(self):
        self.process = self._spawn()
        return self

    def migrate(self):
        assert self._spawn("--migrate").wait(60) == 0, self.log()

    def log(self):
        return self.daemon.log.path.read_text(errors="replace")

    def is_ready(self):
        client = support.Client(self.url, timeout_s=3)
        try:
            return client.send("GET", "/readyz").status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            client.close()

    def stop(self):
        """As an operator would: it hands its shards over."""
        self.process.terminate()
        self.process.wait(30)

    def discard(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.daemon.log.file.close()

    def _spawn(self, *more):
        environment = {**self.environment, "ATES_DATABASE_URL": self.database_url,
                       "ATES_ADMIN_PASSWORD": self.daemon.cluster.admin_password}
        return processes.spawn(self.daemon.command(*self.words, *more), env=environment, stdin=subprocess.DEVNULL,
                               stdout=self.daemon.log.file, stderr=self.daemon.log.file)


class Probes:
    """A task in every shard, to see whether the shard answers."""

    def __init__(self, cluster, admin, threads=8):
        self.cluster = cluster
        self.admin = admin
        self.threads = threads
        self.tasks = self._one_of_each()

    def seconds_until_all_answer(self, names, since, limit_s=60):
        """From time.monotonic() `since` until every shard has answered 200 through one of the nodes `names`."""
        shards = sorted(self.tasks)
        share = [shards[number::self.threads] for number in range(self.threads)]
        urls = [self.cluster.node_url(name) for name in names]
        with concurrent.futures.ThreadPoolExecutor(self.threads) as pool:
            ends = list(pool.map(lambda work: self._ask_all(*work), [
                (mine, urls[number % len(urls)], since + limit_s) for number, mine in enumerate(share)]))
        return max(ends) - since

    def _ask_all(self, shards, url, until):
        client = support.Client(url)
        client.token, client.token_ends_at = self.admin.token, self.admin.token_ends_at
        left = list(shards)
        try:
            while left:
                answer = self._ask(client, left[0])
                if answer is not None and answer.status == 200:
                    left.pop(0)
                elif time.monotonic() > until:
                    raise AssertionError(f"shard {left[0]} does not answer: {answer}")
                else:
                    time.sleep(0.005)
            return time.monotonic()
        finally:
            client.close()

    def _ask(self, client, shard):
        try:
            return client.get(f"/tasks/{self.tasks[shard]}")
        except (OSError, http.client.HTTPException):
            return None

    def _one_of_each(self):
        for number in range(20):
            rows = self.cluster.sql("select distinct on (shard) shard, id from task order by shard, id").splitlines()
            found = {int(shard): task for shard, task in (row.split("|") for row in rows)}
            if len(found) == SHARDS:
                return found
            titles = [{"title": f"probe {number} {index}"} for index in range(300)]
            self.admin.post("/tasks/batch", {"tasks": titles}).expect(200)
        raise AssertionError("some shard has no task")


class ClusterTest(support.SystemTest):
    def start_cluster(self, **options):
        cluster = Cluster(**options)
        self.addCleanup(self._discard_cluster, cluster)
        return cluster.start()

    @classmethod
    def share_cluster(cls, **options):
        """As start_cluster, for all tests of the class: to be called by its setUpClass."""
        cluster = Cluster(**options)
        cls.addClassCleanup(cls._discard_cluster, cluster)
        return cluster.start()

    @staticmethod
    def _discard_cluster(cluster):
        assert cluster.discard() == [], "processes left behind"

    def assert_sound(self, cluster, crowd=None):
        """Once all has come to rest: the books are right, as the crowd remembers them, and nobody is alive twice."""
        if crowd is None:
            workload.settle(cluster, SETTLED_LIMIT_S)
        else:
            print(crowd.history.told(), flush=True)
            workload.compare(crowd.history, cluster, SETTLED_LIMIT_S)
        assert_each_alive_once(cluster)

    def assert_answered_in_time(self, history):
        """Every request of a crowd had an answer, and had it in time."""
        wrong = [f"{moment.path}: {moment.status} {moment.code} after {moment.took_s:.2f} s" for moment in history.moments
                 if moment.status is None or moment.took_s > ANSWER_LIMIT_S]
        self.assertEqual(wrong, [])


class ThroughTheEdge(ClusterTest):
    """Before a class of test/system that starts a node: its tests get the edge of three nodes instead; those in `only`."""

    def __init_subclass__(cls, only, **more):
        super().__init_subclass__(**more)
        tests = {name for name in dir(cls) if name.startswith("test_")}
        assert set(only) <= tests, f"no such tests: {set(only) - tests}"
        for name in tests - set(only):
            setattr(cls, name, None)

    def start_node(self, environment=None):
        return self.start_cluster(environment=environment)


def assert_each_alive_once(cluster):
    """No actor is listed twice, and each is where its shard is."""
    owners = dict(row.split("|") for row in cluster.sql(
        "select s.shard, n.name from shard s join node n on n.incarnation = s.owner").splitlines())
    seen, wrong = {}, []
    for actor in cluster.admin().all("/actors"):
        one = (actor["kind"], actor["id"])
        if one in seen:
            wrong.append(f"{one} is alive on {seen[one]} and on {actor['node']}")
        seen[one] = actor["node"]
        if owners.get(str(actor["shard"])) != actor["node"]:
            wrong.append(f"{one} is alive on {actor['node']}, shard {actor['shard']} is on {owners.get(str(actor['shard']))}")
    if wrong:
        raise AssertionError(f"{len(wrong)} of {len(seen)} actors:\n" + "\n".join(wrong[:20]))
    print(f"{len(seen)} actors, each alive once", flush=True)
