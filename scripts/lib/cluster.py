#!/usr/bin/env python3
"""The commands of scripts/cluster (see there): each is parsed, told to the supervisor, and waited for."""

import argparse
import fcntl
import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import time

import cluster_node
import cluster_status
import control
import edge
import node_api
import postgres
import processes
from kept import Failure
from services import ROOT

LIB = ROOT / "scripts" / "lib"
STOP_LIMIT_S = 9.0  # contract.md: all of it within 10 s
NODE_STOP_LIMIT_S = cluster_node.KILL_AFTER_S + 5
NODE_START_LIMIT_S = 90.0
THAW_LIMIT_S = 60.0
DRAIN_LIMIT_S = 120.0
SPREAD_LIMIT_S = 60.0
SPREAD_AT_START_LIMIT_S = 15.0  # it serves anyway


def show(text):
    print(text, flush=True)


class Waiting:
    """Waits for a condition, and says every few seconds that it does."""

    def __init__(self, what, limit_s):
        self.what = what
        self.began = time.monotonic()
        self.limit_s = limit_s

    def until(self, condition, step_s=0.05):
        """Whether it came true in time."""
        tell_at = self.began + 3
        while not condition():
            now = time.monotonic()
            if now - self.began > self.limit_s:
                return False
            if now > tell_at:
                tell_at = now + 5
                show(f"  waiting until {self.what} ({now - self.began:.0f} s)")
            time.sleep(step_s)
        return True

    def insist(self, condition, step_s=0.05):
        if not self.until(condition, step_s):
            raise Failure(f"{self.what}: not within {self.limit_s:.0f} s")


class Cluster:
    """The cluster of one <var>, seen from outside."""

    def __init__(self, var):
        self.var = var
        self.socket = var / "run" / "control"

    def tell(self, verb, **details):
        try:
            return control.ask(self.socket, verb, **details)
        except (OSError, ValueError) as error:
            holder = self.holder()
            if holder is None:
                raise Failure(f"no cluster runs in {self.var}; start one: "
                              f"scripts/cluster start --nodes 3 --var {shlex.quote(str(self.var))}") from None
            raise Failure(f"process {holder}, which keeps {self.var}, does not answer ({error}); "
                          "scripts/cluster stop ends a supervisor that hangs") from None

    def facts(self):
        return self.tell("status")

    def node(self, name):
        for node in self.facts()["nodes"]:
            if node["name"] == name:
                return node
        names = ", ".join(node["name"] for node in self.facts()["nodes"])
        raise Failure(f"there is no {name}; there are {names}")

    def names(self, *states):
        return [node["name"] for node in self.facts()["nodes"] if node["process"] in states]

    def api(self):
        running = [node["url"] for node in self.facts()["nodes"] if node["process"] == "running"]
        return node_api.NodeApi(self.var, running)

    def is_spread(self):
        """Whether every node that runs has its share of the shards; no, when nobody can say."""
        try:
            return cluster_status.is_spread(self.api().get("/v1/cluster"), self.names("running"))
        except Failure:
            return False

    def holder(self):
        """The process that holds the lock of <var>; None if nobody does."""
        try:
            with open(self.var / "run" / "lock") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return None
        except FileNotFoundError:
            return None
        except BlockingIOError:
            return int((self.var / "run" / "lock").read_text().strip() or 0)

    def is_cluster(self, pid):
        return "cluster_supervisor.py" in " ".join(processes.command_line(pid))


# ── start and stop ──
def start(cluster, arguments):
    holder = cluster.holder()
    if holder is not None:
        raise Failure(f"a cluster is already running in {cluster.var} (process {holder}); see scripts/cluster status"
                      if cluster.is_cluster(holder) else f"{cluster.var} is in use by process {holder}")
    if not arguments.no_build:
        done = subprocess.run(["bash", LIB / "prepare.sh"])
        if done.returncode != 0:
            return done.returncode
    for folder in ("log", "run"):
        (cluster.var / folder).mkdir(parents=True, exist_ok=True)
    log_path = cluster.var / "log" / "cluster.log"
    words = [word for name, value in (("--port", arguments.port), ("--nodes", arguments.nodes)) if value is not None
             for word in (name, str(value))]
    words += [word for node, address in arguments.advertise for word in ("--advertise", node, address)]
    with open(log_path, "ab") as log, open(log_path, "rb") as news:
        news.seek(0, os.SEEK_END)
        supervisor = subprocess.Popen([sys.executable, LIB / "cluster_supervisor.py", "--var", cluster.var, *words],
                                      stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/")
        if not follow_start(cluster, supervisor, news):
            return 1
    if not Waiting("the shards are spread evenly", SPREAD_AT_START_LIMIT_S).until(cluster.is_spread, 0.2):
        show("The shards are not spread evenly yet; see scripts/cluster status")
    say_where(cluster)
    return 0


def follow_start(cluster, supervisor, news):
    """Shows what the supervisor says until everything serves; False if it has ended instead."""
    while True:
        ended = supervisor.poll() is not None
        sys.stdout.write(news.read().decode(errors="replace"))
        sys.stdout.flush()
        if ended:
            return False
        try:
            if not control.ask(cluster.socket, "status")["is_starting"]:
                return True
        except (OSError, ValueError):
            pass  # not listening yet
        time.sleep(0.1)


def say_where(cluster):
    facts = cluster.facts()
    password = cluster.var / "admin-password"
    var = "" if cluster.var == pathlib.Path("var").resolve() else f" --var {shlex.quote(str(cluster.var))}"
    show(f"aTES is ready at {facts['url']}")
    show(f"  sign in as admin, {f'password in {password}' if password.exists() else 'with the password you gave'}")
    show(f"  look at it: scripts/cluster status{var}; stop it: scripts/cluster stop{var}")


def stop(cluster, _):
    holder = cluster.holder()
    if holder is None:
        show(f"No cluster runs in {cluster.var}")
    elif not cluster.is_cluster(holder):
        raise Failure(f"process {holder}, which keeps {cluster.var}, is no cluster")
    else:
        ending = Waiting("everything has ended", STOP_LIMIT_S)
        processes.send([holder], signal.SIGTERM)
        processes.send([holder], signal.SIGCONT)
        if not ending.until(lambda: cluster.holder() is None):
            show("The supervisor does not end; killing it")
            processes.send([holder], signal.SIGKILL)  # everything else dies with it
            processes.wait_until(lambda: cluster.holder() is None, 5)
        show("Stopped")
    end_leftovers(cluster.var)
    return 0


def end_leftovers(var):
    """Usually nothing: what a supervisor leaves that was killed is ended by the kernel."""
    cluster_node.end_all(var)
    edge.end_all(var)
    if (var / "pg").exists():
        postgres.Cluster((var / "pg").resolve(), "", None).end_leftovers()


# ── one node ──
def kill(cluster, arguments):
    cluster.tell("kill", node=arguments.node)
    Waiting(f"{arguments.node} is gone", 5).insist(lambda: cluster.node(arguments.node)["pid"] is None, 0.01)
    show(f"{arguments.node} is killed, and stays down until start-node")
    return 0


def freeze(cluster, arguments):
    cluster.tell("freeze", node=arguments.node)
    show(f"{arguments.node} is frozen, until thaw")
    return 0


def thaw(cluster, arguments):
    cluster.tell("thaw", node=arguments.node)
    url = cluster.node(arguments.node)["url"]
    Waiting(f"{arguments.node} serves", THAW_LIMIT_S).insist(lambda: node_api.is_ready(url))
    show(f"{arguments.node} serves")
    return 0


def stop_node(cluster, arguments):
    cluster.tell("stop-node", node=arguments.node)
    Waiting(f"{arguments.node} has handed over and ended", NODE_STOP_LIMIT_S).insist(
        lambda: cluster.node(arguments.node)["pid"] is None)
    show(f"{arguments.node} is stopped, until start-node")
    return 0


def start_node(cluster, arguments):
    found = cluster.node(arguments.node)
    if found["process"] == "running" and node_api.is_ready(found["url"]):
        show(f"{arguments.node} serves already")
        return 0
    if found["process"] == "frozen":
        raise Failure(f"{arguments.node} is frozen: thaw it")
    if found["process"] in ("drained", "stopping"):
        stop_node(cluster, arguments)
        found = cluster.node(arguments.node)
    if found["pid"] is None and found["process"] != "restarting":
        cluster.tell("start-node", node=arguments.node)
    wait_serving(cluster, arguments.node)
    show(f"{arguments.node} serves")
    return 0


def wait_serving(cluster, name):
    def serves():
        node = cluster.node(name)
        if node["process"] == "failed":
            raise Failure(f"{name} does not start: {node['failure']}")
        return node["process"] == "running"
    Waiting(f"{name} serves (its log: {cluster.var / name / 'log' / 'atesd.log'})", NODE_START_LIMIT_S).insist(serves)


def add_node(cluster, arguments):
    added = cluster.tell("add-node", advertise=arguments.advertise or "")["added"]
    show(f"{added} is being started")
    wait_serving(cluster, added)
    show(f"{added} serves")
    return 0


def drain(cluster, arguments):
    name = arguments.node
    found = cluster.node(name)
    if found["process"] == "drained":
        show(f"{name} is drained already")
        return 0
    if found["process"] != "running":
        raise Failure(f"{name} is {found['process']}: only a running node can be drained")
    if len(cluster.names("running")) < 2:
        raise Failure(f"{name} is the only node that runs: nobody could take its shards; start or add another one first")
    cluster.api().post(f"/v1/cluster/nodes/{name}/drain", {"reason": "scripts/cluster drain"})
    show(f"{name} hands over its shards")
    Waiting(f"{name} has handed over its shards", DRAIN_LIMIT_S).insist(lambda: shards_of(cluster, name) == 0, 0.1)
    cluster.tell("note-drained", node=name)
    show(f"{name} is drained: it runs, and serves nothing until start-node")
    return 0


def shards_of(cluster, name):
    try:
        return cluster_status.latest_incarnations(cluster.api().get("/v1/cluster")).get(name, {}).get("shards")
    except node_api.Unavailable:
        return None


# ── all nodes ──
def rolling_restart(cluster, _):
    names = cluster.names("running")
    for node in cluster.facts()["nodes"]:
        if node["name"] not in names:
            show(f"{node['name']} is left as it is ({node['process']})")
    if not names:
        raise Failure("no node is running")
    if len(names) == 1:
        show("There is only one node: nothing is served while it restarts")
    for name in names:
        one = argparse.Namespace(node=name)
        stop_node(cluster, one)
        start_node(cluster, one)
        Waiting("every node has its share of the shards", SPREAD_LIMIT_S).insist(cluster.is_spread, 0.2)
    show(f"{len(names)} nodes restarted")
    return 0


def status(cluster, arguments):
    found = cluster_status.gather(cluster.facts(), cluster.api())
    show(json.dumps(found) if arguments.json else cluster_status.render(found))
    return 0


# ── the command line ──
class Parser(argparse.ArgumentParser):
    def error(self, message):
        print(f"scripts/cluster: {message} (see scripts/cluster --help)", file=sys.stderr)
        sys.exit(2)


def number(low, high):
    def parse(text):
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"a number from {low} to {high} is wanted, not '{text}'")
        return int(text)
    return parse


def address(text):
    if not re.fullmatch(r"[^=\s]+:\d{1,5}", text):
        raise argparse.ArgumentTypeError(f"HOST:PORT is wanted, not '{text}'")
    return text


def node_and_address(text):
    name, _, where = text.partition("=")
    if not re.fullmatch(r"node[0-9]+", name):
        raise argparse.ArgumentTypeError(f"NODE=HOST:PORT is wanted, not '{text}'")
    return name, address(where)


def parse_command_line():
    parser = Parser(prog="scripts/cluster", add_help=False)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND", parser_class=Parser)
    commands = {"start": start, "status": status, "add-node": add_node, "rolling-restart": rolling_restart,
                "stop": stop}
    of_a_node = {"kill": kill, "freeze": freeze, "thaw": thaw, "stop-node": stop_node, "start-node": start_node,
                 "drain": drain}
    for verb, command in (commands | of_a_node).items():
        one = verbs.add_parser(verb, add_help=False, allow_abbrev=False)
        one.set_defaults(command=command)
        one.add_argument("--var", type=pathlib.Path, default=pathlib.Path("var"))
        if verb in of_a_node:
            one.add_argument("node", metavar="NODE")
        if verb == "start":
            one.add_argument("--nodes", type=number(1, edge.MAX_NODES))
            one.add_argument("--port", type=number(0, 65535))
            one.add_argument("--no-build", action="store_true")
            one.add_argument("--advertise", type=node_and_address, action="append", default=[])
        if verb == "add-node":
            one.add_argument("--advertise", type=address)
        if verb == "status":
            one.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.verb == "start" and arguments.nodes is None and not (arguments.var / "cluster.json").exists():
        parser.error("start needs --nodes N the first time")
    return arguments


def main():
    arguments = parse_command_line()
    try:
        return arguments.command(Cluster(arguments.var.resolve()), arguments)
    except KeyboardInterrupt:
        if arguments.verb == "start":
            show("\nThe start goes on in the background; scripts/cluster stop ends it")
        return 130
    except (Failure, postgres.PostgresError, OSError) as failure:
        print(f"scripts/cluster: {failure}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
