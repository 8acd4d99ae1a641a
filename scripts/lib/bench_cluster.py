#!/usr/bin/env python3
"""scripts/bench cluster: the same completions with every task on another node, and on three other nodes, beside one node
that has them all. Nodes speak mutual TLS, as they do in a cluster."""

import argparse
import json
import statistics
import subprocess
import sys

import bench_core
import bench_node
import cluster_node
import private_ca

OUTSTANDING = 1024


class ClusterBench(bench_core.Bench):
    def __init__(self, cluster, tasks, home):
        super().__init__(cluster, tasks)
        self.home = home
        self.authority = private_ca.PrivateAuthority(home / "ca")
        self.authority.ensure()

    def measure(self, nodes):
        """The driver's figures with all tasks on so many other nodes; 0: on the driver itself."""
        self.copy("spread")
        running = [self.start(f"node{number + 1}") for number in range(nodes)]
        try:
            for node in running:
                node.wait_ready()
            figures = self.drive(among_others=nodes > 0)
        finally:
            for node in running:
                node.process.terminate()
            for node in running:
                node.stop()
        self.verify(f"{nodes} other nodes")
        print(f"  {self.name(nodes):24}{figures['per_s']:>8.0f}/s  {figures['seconds']:6.2f} s", file=sys.stderr)
        return figures

    @staticmethod
    def name(nodes):
        return ("all tasks here", "all on another node", "", "all on three others")[nodes]

    def identity(self, name):
        """Address and certificate of a node."""
        folder = self.home / name / "tls"
        folder.parent.mkdir(exist_ok=True)
        self.authority.ensure_node(name, folder)
        return {"listen": f"127.0.0.1:{cluster_node.free_port()}", "tls_certificate": folder / "node.pem",
                "tls_key": folder / "node.key", "tls_ca": self.authority.certificate}

    def start(self, name):
        settings = {"cluster.node": name, **{f"cluster.{key}": value for key, value in self.identity(name).items()}}
        return bench_node.BenchNode(self.home / name, self.url("run"), settings)

    def drive(self, among_others):
        argv = [bench_core.BIN / "bench_core", "--url", self.url("run"), "--tasks", str(self.tasks), "--outstanding",
                str(OUTSTANDING)]
        if among_others:
            argv += [word for key, value in self.identity("driver").items()
                     for word in (f"--{key.replace('_', '-')}", str(value))]
        done = subprocess.run(argv, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"bench_core: {done.stdout}{done.stderr}")
        return json.loads(done.stdout.splitlines()[-1]) | {"command": " ".join(map(str, argv[:1] + argv[3:7]))}


def report(bench, raw):
    here, one, three = (statistics.median(run["per_s"] for run in raw[name]) for name in ("local", "remote", "three"))
    ratios = {"remote_over_local": one / here, "three_over_one": three / one}
    print(f"all tasks here {here:.0f}/s, on another node {one:.0f}/s, on three others {three:.0f}/s")
    print(f"{'':20}{'ratio':>8}{'to reach':>10}")
    print(f"{'remote_over_local':20}{ratios['remote_over_local']:>8.2f}{0.6:>10}")
    print(f"{'three_over_one':20}{ratios['three_over_one']:>8.2f}{'':>10}")
    print(json.dumps({"bench": "cluster", "ratios": {k: round(v, 2) for k, v in ratios.items()}, "raw": raw,
                      "books": "ok" if bench.books_ok else "wrong"}))


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench cluster")
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    with bench_core.throwaway_cluster() as (cluster, home):
        bench = ClusterBench(cluster, bench_core.CLIENTS * (200 if quick else 800), home)
        bench.prepare("spread")
        raw = {"local": [], "remote": [], "three": []}
        for number in range(1 if quick else 3):
            print(f"round {number + 1}", file=sys.stderr)
            for name, nodes in (("local", 0), ("remote", 1), ("three", 3)):
                raw[name].append(bench.measure(nodes))
        report(bench, raw)
    return 0 if bench.books_ok else 1


if __name__ == "__main__":
    sys.exit(main())
