#!/usr/bin/env python3
"""Keeps a cluster running on this machine, in the background: PostgreSQL, the nodes, and HAProxy in front of them.

    lock <var> -> end leftovers -> PostgreSQL -> atesd --migrate -> HAProxy -> nodes -> all serve -> tend them until told

Started by `scripts/cluster start`; the other commands speak to it (control.py). It does at once what it is told, and
answers; whoever wants to see the end of it asks for the status. SIGTERM ends all. The loop is in supervisor.py."""

import argparse
import os
import pathlib
import secrets
import select
import signal
import sys
import time

import cluster_node
import control
import edge
import postgres
import processes
import supervisor
from cluster_node import ClusterNode, Roster
from kept import Failure, Log, Stop, lock, say
from private_ca import PrivateAuthority
from services import DAEMON_STOP_S, for_url, http_address

READY_PATIENCE_S = 30.0


class ClusterSupervisor(supervisor.Supervisor):
    def __init__(self, var, port, count, advertised):
        super().__init__(var)
        self.is_starting = True
        self.log = Log(var / "log" / "cluster.log")  # what we ourselves say
        self.authority = PrivateAuthority(var / "ca")
        self.admin_password = make_admin_password(var)
        self.roster = Roster(var)
        self.nodes = []
        host, port = http_address(self.roster.port if port is None else port)
        self.roster.port = port or cluster_node.free_port()
        self.url = f"http://{for_url(host)}:{self.roster.port}"
        self.edge = edge.Edge(var, host, self.roster.port, self.nodes)
        edge.end_all(var)
        cluster_node.end_all(var)
        if not cluster_node.is_free(host, self.roster.port):
            raise Failure(f"port {self.roster.port} is in use: choose another one with --port")
        while len(self.roster.nodes) < (count or 1):
            self.roster.add()
        for entry in self.roster.nodes:
            self._add(entry, advertised)
        self.listener = control.Listener(var / "run" / "control")

    def kept(self):
        return [self.database, self.edge, *self.nodes]

    def heard(self, seconds):
        if self.listener.socket in select.select([self.bell, self.listener.socket], [], [], seconds)[0]:
            self.listener.serve_one(self.do)

    def run(self):
        processes.adopt_orphans()
        try:
            self.start_database()
            self.authority.ensure()
            for node in self.nodes:
                node.make_ready()
            self.database_url = self.migrate(self.nodes[0])
            self.edge.start()
            for node in self.nodes:
                node.database_url = self.database_url
                node.bring_up()
            self._wait_all_serve()
            say(f"{len(self.nodes)} nodes serve at {self.url}")
            self.is_starting = False
            while True:
                self.pause(5)
        finally:
            self._stop_all()

    def pause(self, seconds):
        super().pause(seconds)
        self.log.keep_small()

    # ── what commands ask for ──
    def do(self, verb, node=None, advertise=""):
        if verb != "status":
            if self.is_starting:
                raise Failure("the cluster is still starting")
            if verb == "add-node":
                return self._add_node(advertise)
            say(f"told to {verb} {node}")
            found = self._find(node)
            {"kill": found.kill, "freeze": found.freeze, "thaw": found.thaw, "stop-node": found.take_down,
             "start-node": found.bring_up, "note-drained": found.note_drained}[verb]()
        return self.facts()

    def facts(self):
        def pid(kept):
            return kept.process.pid if kept.process is not None else None
        return {"supervisor": os.getpid(), "is_starting": self.is_starting, "url": self.url, "haproxy": pid(self.edge),
                "postgresql": pid(self.database), "nodes": [node.facts() for node in self.nodes]}

    def _find(self, name):
        for node in self.nodes:
            if node.name == name:
                return node
        raise Failure(f"there is no {name}; there are {', '.join(node.name for node in self.nodes)}")

    def _add(self, entry, advertised):
        if entry["name"] in advertised:
            entry["advertise"] = advertised[entry["name"]]
        node = ClusterNode(self, entry)
        self.nodes.append(node)
        return node

    def _add_node(self, advertise):
        if len(self.nodes) >= edge.MAX_NODES:
            raise Failure(f"{edge.MAX_NODES} nodes are the most that one machine is meant for")
        entry = self.roster.add()
        say(f"told to add {entry['name']}")
        node = self._add(entry, {entry["name"]: advertise})
        node.database_url = self.database_url
        node.bring_up()
        return {**self.facts(), "added": node.name}

    # ── start and stop ──
    def _wait_all_serve(self):
        told_at, serving = time.monotonic(), set()
        while not (self.edge.announced and all(node.announced for node in self.nodes)):
            self.pause(0.1)
            for node in self.nodes:
                if node.announced and node.name not in serving:
                    serving.add(node.name)
                    say(f"{node.name} serves")
            if time.monotonic() - told_at > READY_PATIENCE_S:
                told_at = time.monotonic()
                for node in self.nodes:
                    if not node.announced:
                        say(f"{node.name} does not serve yet, see {node.log.path}; it last said:\n{node.log.tail(3)}")

    def _stop_all(self):
        began = time.monotonic()
        say("Stopping")
        self.stop_helper()
        self.edge.stop()
        running = [node.process for node in self.nodes if node.process is not None]
        for process in running:
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGCONT)
        processes.wait_until(lambda: all(process.poll() is not None for process in running), DAEMON_STOP_S)
        cluster_node.end_all(self.var)
        for node in self.nodes:
            node.pid_file.unlink(missing_ok=True)
        self.database.stop(max(1.0, supervisor.STOP_ALL_S - (time.monotonic() - began)))
        self.listener.close()
        processes.reap_orphans([])


def make_admin_password(var):
    """Of the first administrator, the same for whichever node is first: given, or made once."""
    given = os.environ.get("ATES_ADMIN_PASSWORD")
    if given:
        return given
    path = var / "admin-password"
    if not path.exists():
        fresh = path.with_name("admin-password.new")
        fresh.unlink(missing_ok=True)
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(15) + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(path)
    return path.read_text().strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--var", required=True, type=pathlib.Path)
    parser.add_argument("--port", type=int)
    parser.add_argument("--nodes", type=int)
    parser.add_argument("--advertise", nargs=2, action="append", default=[], metavar=("NODE", "ADDRESS"))
    arguments = parser.parse_args()
    var = arguments.var
    try:
        held = lock(var)
        ClusterSupervisor(var, arguments.port, arguments.nodes, dict(arguments.advertise)).run()
        held.close()
    except Stop:
        say("Stopped")
    except (Failure, postgres.PostgresError, OSError, ValueError) as failure:
        print(f"scripts/cluster: {failure}", flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
