#!/usr/bin/env python3
"""scripts/bench http: completions through the REST gateway of a real node beside hand-written SQL, on copies of one
database; and reading tasks beside idle event streams."""

import argparse
import contextlib
import json
import statistics
import subprocess
import sys

import bench_core
import bench_node

CONNECTIONS = 64
STREAMS = 200
READERS = 4
GOALS = {"http": (">=", 1), "p99_with_200_streams": ("<=", 1.5)}


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
        self.copy("spread")
        self.sql("run", "update employee set role = 1 where login = 'bench00001'")  # nobody else may read events
        with self.node() as node:
            figures = self.client(node, "--streams", STREAMS, "--connections", READERS, "--windows", windows)
        for kind in ("without", "with"):
            windows_ms = figures["p99_ms_" + kind]
            print(f"  p99 of GET /v1/tasks {kind:7} {STREAMS} streams: {statistics.median(windows_ms):.2f} ms of "
                  f"{[round(p99, 2) for p99 in windows_ms]}", file=sys.stderr)
        return figures


def measure(bench, rounds, windows):
    bench.prepare("spread")
    raw = {"ours": [], "base": []}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        raw["ours"].append(bench.through_http())
        raw["base"].append(bench.run("spread", "one_statement"))
    return raw | {"streams": bench.beside_streams(windows)}


def report(bench, raw):
    ours, base = bench_core.median(raw["ours"]), bench_core.median(raw["base"])
    without, beside = (statistics.median(raw["streams"]["p99_ms_" + kind]) for kind in ("without", "with"))
    ratios = {"http": ours / base, "p99_with_200_streams": beside / without}
    print(f"{'':22}{'ours':>12}{'beside':>12}{'ratio':>8}{'to reach':>10}")
    for name, left, right in (("http", f"{ours:.0f}/s", f"{base:.0f}/s"),
                              ("p99_with_200_streams", f"{beside:.2f} ms", f"{without:.2f} ms")):
        print(f"{name:22}{left:>12}{right:>12}{ratios[name]:>8.2f}{' '.join(map(str, GOALS[name])):>10}")
    print(f"http: durable completions, reward posted, {CONNECTIONS} connections; beside: one hand-written statement each.")
    print(f"p99 of GET /v1/tasks, {READERS} connections, with {STREAMS} idle event streams; beside: without any.")
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
