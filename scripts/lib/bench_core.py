#!/usr/bin/env python3
"""scripts/bench core: completions through the actors beside hand-written SQL, on databases that are copies of one."""

import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

import postgres

ROOT = postgres.ROOT
BIN = ROOT / "build" / "release" / "bin"
BASELINE = ROOT / "bench" / "baseline"
CLIENTS = 64
ACCOUNTS = 1000
TABLES = ("event", "transfer", "task_state", "account", "inbox_cursor", "shard_day")


class Bench:
    def __init__(self, cluster, tasks):
        self.cluster = cluster
        self.tasks = tasks
        self.books_ok = True

    def url(self, database):
        return postgres.connection_url(self.cluster.socket_directory, postgres.OWNER, database)

    def sql(self, database, *statements):
        argv = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", self.url(database)]
        for statement in statements:
            argv += ["-c", statement]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

    def prepare(self, shape):
        """A database to copy: employees and open tasks whose fees are charged."""
        print(f"preparing {self.tasks} open tasks ({shape})", file=sys.stderr)
        self.sql("postgres", f"create database {shape}")
        argv = [BIN / "bench_prepare", "--url", self.url(shape), "--tasks", str(self.tasks), "--accounts", str(ACCOUNTS),
                "--baseline"]
        subprocess.run(argv + (["--hot"] if shape == "hot" else []), check=True, stdout=subprocess.DEVNULL)
        self.sql(shape, "vacuum analyze")

    def run(self, shape, side, outstanding=1024, cold=False):
        """One run on a fresh copy, after a checkpoint."""
        self.copy(shape)
        figures = self.measured(lambda: self.ours(outstanding, cold) if side == "ours" else self.baseline(side))
        self.verify(f"{side} on {shape}")
        self.tell(shape, side, outstanding if side == "ours" else CLIENTS, figures)
        return figures

    def copy(self, shape):
        """Database `run`, as it was prepared."""
        self.sql("postgres", "drop database if exists run with (force)", f"create database run template {shape}",
                 "checkpoint")

    def measured(self, act):
        """What `act` answers, and what it has written."""
        rows_before, wal_before = self.rows(), self.sql("run", "select pg_current_wal_insert_lsn()")
        figures = act()
        wal = int(self.sql("run", f"select pg_current_wal_insert_lsn() - '{wal_before}'::pg_lsn"))
        rows = {table: count - rows_before[table] for table, count in self.rows().items()}
        return figures | {"rows": rows, "wal_bytes": wal, "wal_bytes_each": round(wal / self.tasks)}

    @staticmethod
    def tell(shape, side, outstanding, figures):
        print(f"  {shape:7} {side:15} {outstanding:>5} outstanding  {figures['per_s']:>8.0f}/s  {figures['seconds']:6.2f} s"
              f"  {figures['wal_bytes_each']:>5} WAL bytes each", file=sys.stderr)

    def rows(self):
        return {table: int(self.sql("run", f"select count(*) from {table}")) for table in TABLES}

    def ours(self, outstanding, cold):
        options = ["--tasks", str(self.tasks), "--outstanding", str(outstanding)] + (["--cold"] if cold else [])
        argv = [BIN / "bench_core", "--url", self.url("run"), *options]
        out = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
        return json.loads(out.splitlines()[-1]) | {"command": " ".join(["bench_core", *options])}

    def baseline(self, script):
        each = self.tasks // CLIENTS
        argv = ["pgbench", "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2", "-t", str(each), "-D",
                f"per_client={each}", "-D", "i=-1", "-f", str(BASELINE / f"{script}.sql"), self.url("run")]
        out = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
        per_s = float(re.search(r"tps = ([0-9.]+)", out)[1])
        return {"completed": each * CLIENTS, "per_s": per_s, "seconds": round(each * CLIENTS / per_s, 3),
                "command": f"pgbench -n -M prepared -c {CLIENTS} -j 2 -t {each} -f bench/baseline/{script}.sql"}

    def verify(self, what):
        environment = {**os.environ, "ATES_DATABASE_URL": self.url("run")}
        done = subprocess.run([BIN / "atesd", "--verify"], env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            self.books_ok = False
            print(f"THE BOOKS ARE WRONG after {what}:\n{done.stdout}{done.stderr}", file=sys.stderr)


def median(runs):
    return statistics.median(run["per_s"] for run in runs)


def measure(bench, rounds):
    raw = {name: [] for name in ("ours_spread", "base_spread", "ours_spread_64", "ours_hot", "base_hot")}
    for shape in ("spread", "hot"):
        bench.prepare(shape)
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        raw["ours_spread"].append(bench.run("spread", "ours", 1024))
        raw["base_spread"].append(bench.run("spread", "one_statement"))
        raw["ours_spread_64"].append(bench.run("spread", "ours", 64))
        raw["ours_hot"].append(bench.run("hot", "ours", 1024))
        raw["base_hot"].append(bench.run("hot", "one_statement"))
    raw["ours_spread_cold"] = [bench.run("spread", "ours", 1024, cold=True)]
    raw["six_statements"] = [bench.run("spread", "six_statements")]
    return raw


def report(bench, raw):
    base_spread, base_hot = median(raw["base_spread"]), median(raw["base_hot"])
    ratios = {"spread": median(raw["ours_spread"]) / base_spread, "hot": median(raw["ours_hot"]) / base_hot,
              "spread_64": median(raw["ours_spread_64"]) / base_spread}
    print(f"{'':12}{'ours /s':>10}{'one statement /s':>20}{'ratio':>8}{'to reach':>10}")
    for name, goal in (("spread", 3), ("hot", 10), ("spread_64", 1.5)):
        base = base_hot if name == "hot" else base_spread
        print(f"{name:12}{median(raw['ours_' + name]):>10.0f}{base:>20.0f}{ratios[name]:>8.2f}{goal:>10}")
    print("Tasks are in memory, as after their creation or a shuffle.")
    print(f"For information: tasks loaded as they come {median(raw['ours_spread_cold']):.0f}/s, "
          f"six statements {median(raw['six_statements']):.0f}/s")
    print(json.dumps({"bench": "core", "ratios": {k: round(v, 2) for k, v in ratios.items()}, "raw": raw,
                      "books": "ok" if bench.books_ok else "wrong"}))


@contextlib.contextmanager
def throwaway_cluster():
    """A PostgreSQL of the benchmark's own, and the folder that it and everything else of the run is in."""
    home = pathlib.Path(tempfile.mkdtemp(prefix="ates-bench-", dir="/tmp"))
    postgres.hand_over(home)
    try:
        with open(home / "log", "ab", buffering=0) as log:
            cluster = postgres.Cluster(home / "data", home, log)
            postgres.initialise(home / "data")
            cluster.start()
            try:
                yield cluster, home
            finally:
                cluster.stop_immediately()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench core")
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    with throwaway_cluster() as (cluster, _):
        bench = Bench(cluster, CLIENTS * (200 if quick else 800))
        report(bench, measure(bench, 1 if quick else 3))
    return 0 if bench.books_ok else 1


if __name__ == "__main__":
    sys.exit(main())
