#!/usr/bin/env python3
"""scripts/bench failover: nodes of a cluster are killed under 16 clients; how long until every shard answers again."""

import argparse
import json
import random
import statistics
import sys
import time

import postgres

sys.path.insert(1, str(postgres.ROOT / "test" / "cluster"))  # the people at work and the faults are those of the tests

import cluster_support  # noqa: E402
import workload  # noqa: E402

NODES = 3
PAUSE_S = (0.5, 1.5)  # between a start and the next kill
HOLDER_AT_LEAST = 3
GOALS = {"median_s": 1.0, "worst_s": 3.0}


def schedule(kills, seed):
    """Of each kill, whether it is the owner of shard 0 that dies; and how long to wait before."""
    dice = random.Random(seed)
    holders = [number < max(HOLDER_AT_LEAST, kills // 4) for number in range(kills)]
    dice.shuffle(holders)
    return [(is_holder, dice.uniform(*PAUSE_S), dice.random()) for is_holder in holders]


def victim_of(cluster, is_holder, chance):
    holder = cluster.owner_of(0)
    others = [name for name in cluster.names() if name != holder]
    return holder if is_holder else others[int(chance * len(others))]


def kill_once(cluster, probes, is_holder, chance):
    """What happened: who was killed, how long it took. The node serves again, and has its share, afterwards."""
    name = victim_of(cluster, is_holder, chance)
    shards = cluster.shards_by_node()[name]
    survivors = [other for other in cluster.names() if other != name]
    began = time.monotonic()
    cluster.kill(name)
    took_s = probes.seconds_until_all_answer(survivors, began)
    cluster.start_node(name)
    cluster.wait_spread()
    return {"node": name, "shards": shards, "held_shard_0": is_holder, "seconds": round(took_s, 3)}


def measure(cluster, kills, seed):
    crowd = workload.Crowd(cluster, seed)
    probes = cluster_support.Probes(cluster, crowd.admin)
    runs = []
    crowd.start()
    for number, (is_holder, pause_s, chance) in enumerate(schedule(kills, seed)):
        time.sleep(pause_s)
        runs.append(kill_once(cluster, probes, is_holder, chance))
        print(f"  {number + 1:2} of {kills}  {runs[-1]}", file=sys.stderr, flush=True)
    crowd.stop()
    return crowd.history, runs


def books_of(cluster, history):
    try:
        workload.compare(history, cluster, cluster_support.SETTLED_LIMIT_S)
        return "ok"
    except AssertionError as error:
        print(f"THE BOOKS ARE WRONG:\n{error}", file=sys.stderr)
        return "wrong"


def report(seed, history, runs, books):
    figures = [run["seconds"] for run in runs]
    ratios = {"median_s": round(statistics.median(figures), 3), "worst_s": max(figures)}
    print(f"{'':12}{'kills':>7}{'median s':>10}{'worst s':>10}")
    for what, chosen in (("all", runs), ("of shard 0", [run for run in runs if run["held_shard_0"]])):
        seconds = [run["seconds"] for run in chosen]
        print(f"{what:12}{len(seconds):>7}{statistics.median(seconds):>10.2f}{max(seconds):>10.2f}")
    print(f"{'at most':12}{'':7}{GOALS['median_s']:>10.2f}{GOALS['worst_s']:>10.2f}")
    print("From SIGKILL until a task of every one of the 64 shards has been read through the nodes that are left.")
    print(f"16 clients at the edge: {history.told()}")
    raw = {"kills": runs, "requests": len(history.moments), "clients": 16, "nodes": NODES, "seed": seed}
    print(json.dumps({"bench": "failover", "ratios": ratios, "raw": raw, "books": books}))


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench failover")
    parser.add_argument("--quick", action="store_true")
    kills = 4 if parser.parse_args().quick else 20
    seed = str(random.SystemRandom().randrange(10**9))
    cluster = cluster_support.Cluster(nodes=NODES)
    try:
        cluster.start()
        history, runs = measure(cluster, kills, seed)
        books = books_of(cluster, history)
    finally:
        cluster.discard()
    report(seed, history, runs, books)
    return 0 if books == "ok" else 1


if __name__ == "__main__":
    sys.exit(main())
