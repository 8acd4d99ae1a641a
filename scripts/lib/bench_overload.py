#!/usr/bin/env python3
"""scripts/bench overload: ten times as many requests as a node can do, come what may; and the same with a PostgreSQL that
takes its time for each commit. The client has one processor, node and PostgreSQL have the other, for the best and for the
overload alike."""

import argparse
import json
import os
import subprocess
import sys

import bench_core
import bench_http

EMPLOYEES_ONLY = bench_core.CLIENTS  # prepared tasks: just so many that there is a business
SLOW_COMMIT_US = 100_000
OF_BEST = 0.8
P99_MS = 1000
RECOVERY_MS = 2000


class OverloadBench(bench_http.HttpBench):
    def __init__(self, cluster, home, client_cpu):
        super().__init__(cluster, EMPLOYEES_ONLY, home)
        self.client_cpu = client_cpu

    def load(self, kind, commit_delay_us, *options):
        """One node on a fresh copy: the best, and more than that."""
        self.copy("spread")
        self.sql("postgres", f"alter database run set commit_delay = {commit_delay_us}",
                 "alter database run set commit_siblings = 0")
        with self.node() as node:
            argv = [bench_core.BIN / "bench_overload", "--url", self.url("run"), "--node", node.address(), "--key",
                    node.var / "keys" / "jwt.pem", "--pid", str(node.process.pid), *map(str, options)]
            done = subprocess.run(argv, capture_output=True, text=True,
                                  preexec_fn=lambda: os.sched_setaffinity(0, {self.client_cpu}))
            if done.returncode != 0:
                raise RuntimeError(f"bench_overload: {done.stdout}{done.stderr}")
        figures = json.loads(done.stdout.splitlines()[-1])
        figures["command"] = " ".join(["bench_overload", *map(str, options)])
        figures["books_match"] = self.match(figures)
        self.verify(f"overload, {kind}")
        self.tell_phases(kind, figures)
        return figures

    def match(self, figures):
        """Whether each accepted write is there once, and no refused one is. What nobody knows may be there or not."""
        unknown = sum(phase["answers"].get("503 outcome_unknown", 0) + phase["hung_up"] + phase["unanswered"]
                      for phase in figures["phases"])
        there = {"created": int(self.sql("run", "select count(*) from task_state")) - self.tasks,
                 "completed": int(self.sql("run", "select count(*) from task_state where status = 2"))}
        wrong = {what: (figures[what], count) for what, count in there.items()
                 if not figures[what] <= count <= figures[what] + unknown}
        if wrong:
            self.books_ok = False
            print(f"ANSWERS AND BOOKS DIFFER (answered, in the books): {wrong}", file=sys.stderr)
        return not wrong

    @staticmethod
    def tell_phases(kind, figures):
        print(f"  {kind}: RSS before {figures['rss_before_mib']:.0f} MiB, after {figures['rss_after_mib']:.0f} MiB",
              file=sys.stderr)
        for phase in figures["phases"]:
            name = f"{phase['times']:g} times the best" if "times" in phase else f"{phase['closed']} under way"
            if "after_times" in phase:
                name = f"after that, recovered in {phase['recovered_after_ms']} ms"
            accepted, at_node, refused = (phase[key]["p99"] for key in ("accepted_ms", "accepted_node_ms", "refused_ms"))
            print(f"  {name:34} {phase['per_s']:>7.0f}/s ({phase['of_best']:.2f})"
                  f"  p99 {accepted:>7.1f} ms ({at_node:.1f} at the node), of refusals {refused:>7.1f} ms"
                  f"  RSS {phase['rss_peak_mib']:.0f} MiB  cores {phase['cores']['node']:.2f} node"
                  f" {phase['cores']['client']:.2f} client", file=sys.stderr)
            print(f"      {phase['answers']}" + "".join(
                f", {phase[key]} {key}" for key in ("arrivals", "without_connection", "hung_up", "unanswered", "malformed",
                                                    "client_behind_ms", "connections") if phase[key]), file=sys.stderr)


def measure(bench, quick):
    bench.prepare("spread")
    lengths = ["--best-seconds", 3 if quick else 6, "--overload-seconds", 5 if quick else 20]
    times = "10" if quick else "2,3,5,10"
    return {"writes": bench.load("writes", 0, *lengths, "--times", times),
            "half_reads": bench.load("half of them reads", 0, *lengths, "--times", 10, "--reads", 50),
            "slow_postgres": bench.load("writes, 100 ms for each commit", SLOW_COMMIT_US, *lengths, "--times", 10,
                                        "--closed", "256,512,1024")}


def report(bench, raw):
    print(f"{'at ten times the best':24}{'of the best':>12}{'p99 accepted':>14}{'p99 refused':>13}{'recovered in':>14}")
    for name, figures in raw.items():
        over, after = figures["phases"][-2:]
        print(f"{name:24}{over['of_best']:>12.2f}{over['accepted_ms']['p99']:>11.0f} ms{over['refused_ms']['p99']:>10.0f} ms"
              f"{after['recovered_after_ms']:>11} ms")
    print(f"to reach: {OF_BEST} of the best, p99 of accepted below {P99_MS} ms, as before within {RECOVERY_MS} ms.")
    print(json.dumps({"bench": "overload", "raw": raw, "books": "ok" if bench.books_ok else "wrong"}))


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench overload")
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    first, *others = sorted(os.sched_getaffinity(0))
    if others:
        os.sched_setaffinity(0, others[:1])  # inherited by PostgreSQL and the node
    with bench_core.throwaway_cluster() as (cluster, home):
        bench = OverloadBench(cluster, home, first)
        report(bench, measure(bench, quick))
    return 0 if bench.books_ok else 1


if __name__ == "__main__":
    sys.exit(main())
