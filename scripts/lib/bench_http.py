#!/usr/bin/env python3
"""scripts/bench http: completions through the REST gateway of a real node beside hand-written SQL, on copies of one
database; and reading tasks beside idle event streams, of one node and through the edge of three."""

import argparse
import contextlib
import json
import statistics
import subprocess
import sys

import bench_core
import bench_node
import postgres

sys.path.insert(1, str(postgres.ROOT / "test" / "cluster"))

import cluster_support  # noqa: E402

CONNECTIONS = 64
STREAMS = 200
READERS = 4
NODES = 3  # behind the edge
GOALS = {"http": (">=", 1), "p99_with_200_streams": ("<=", 1.5), "edge_p99_with_200_streams": ("<=", 1.5)}


class Edge(cluster_support.Cluster):
    """Three nodes on that database, asked through HAProxy as one BenchNode is. Nobody can sign in there: scripts/cluster
    soon gives up asking whether the shards are spread, and start() sees it by SQL."""

    def __init__(self, database_url):
        super().__init__(nodes=NODES, environment={"ATES_DATABASE_URL": database_url, "ATES_LOG_LEVEL": "warn",
                                                   "ATES_CLOCK_OFFSET": "0"})

    def address(self):
        return f"127.0.0.1:{self.port}"


class HttpBench(bench_core.Bench):
    def __init__(self, cluster, tasks, home):
        super().__init__(cluster, tasks)
        self.home = home

    @contextlib.contextmanager
    def node(self):
        """On database `run`, ready."""
        node = bench_node.BenchNode(self.home / "node", self.url("run"))
        try:
            node.wait_ready()
            yield node
        finally:
            node.stop()

    def client(self, node, *options):
        argv = [bench_core.BIN / "bench_http", "--url", self.url("run"), "--node", node.address(), "--key",
                node.var / "keys" / "jwt.pem", *map(str, options)]
        done = subprocess.run(argv, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"bench_http: {done.stdout}{done.stderr}")
        return json.loads(done.stdout.splitlines()[-1]) | {"command": " ".join(["bench_http", *map(str, options)])}

    def through_http(self):
        self.copy("spread")
        with self.node() as node:
            figures = self.measured(lambda: self.client(node, "--tasks", self.tasks, "--connections", CONNECTIONS))
        self.verify("completions through http")
        self.tell("http", "ours", CONNECTIONS, figures)
        return figures

    def beside_streams(self, windows):
        self.copy_with_admin()
        with self.node() as node:
            return self.read_beside_streams("one node", node, windows)

    def beside_streams_at_the_edge(self, windows):
        self.copy_with_admin()
        edge = Edge(self.url("run"))
        try:
            return self.read_beside_streams("edge of three", edge.start(), windows)
        finally:
            edge.discard()

    def copy_with_admin(self):
        self.copy("spread")
        self.sql("run", "update employee set role = 1 where login = 'bench00001'")  # nobody else may read events

    def read_beside_streams(self, where, site, windows):
        figures = self.client(site, "--streams", STREAMS, "--connections", READERS, "--windows", windows)
        self.verify(f"reading beside streams, {where}")
        for kind in ("without", "with"):
            windows_ms = figures["p99_ms_" + kind]
            print(f"  p99 of GET /v1/tasks, {where}, {kind:7} {STREAMS} streams: {statistics.median(windows_ms):.2f} ms of "
                  f"{[round(p99, 2) for p99 in windows_ms]}", file=sys.stderr)
        return figures


def measure(bench, rounds, windows):
    bench.prepare("spread")
    raw = {"ours": [], "base": []}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        raw["ours"].append(bench.through_http())
        raw["base"].append(bench.run("spread", "one_statement"))
    return raw | {"streams": bench.beside_streams(windows), "edge_streams": bench.beside_streams_at_the_edge(windows)}


def report(bench, raw):
    ours, base = bench_core.median(raw["ours"]), bench_core.median(raw["base"])
    lines = {"http": (ours, base, "{:.0f}/s")}
    for name in ("streams", "edge_streams"):
        without, beside = (statistics.median(raw[name]["p99_ms_" + kind]) for kind in ("without", "with"))
        lines[name.replace("streams", f"p99_with_{STREAMS}_streams")] = (beside, without, "{:.2f} ms")
    ratios = {name: left / right for name, (left, right, _) in lines.items()}
    print(f"{'':26}{'ours':>12}{'beside':>12}{'ratio':>8}{'to reach':>10}")
    for name, (left, right, form) in lines.items():
        print(f"{name:26}{form.format(left):>12}{form.format(right):>12}{ratios[name]:>8.2f}"
              f"{' '.join(map(str, GOALS[name])):>10}")
    print(f"http: durable completions, reward posted, {CONNECTIONS} connections; beside: one hand-written statement each.")
    print(f"p99 of GET /v1/tasks, {READERS} connections, with {STREAMS} idle event streams; beside: without any. Of one "
          f"node, and through the edge of {NODES}.")
    print(json.dumps({"bench": "http", "ratios": {k: round(v, 2) for k, v in ratios.items()}, "raw": raw,
                      "books": "ok" if bench.books_ok else "wrong"}))


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench http")
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    with bench_core.throwaway_cluster() as (cluster, home):
        bench = HttpBench(cluster, bench_core.CLIENTS * (100 if quick else 400), home)
        report(bench, measure(bench, 1 if quick else 3, 2 if quick else 7))
    return 0 if bench.books_ok else 1


if __name__ == "__main__":
    sys.exit(main())
