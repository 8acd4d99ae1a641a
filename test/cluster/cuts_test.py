"""Links between nodes are cut and stalled while PostgreSQL is there, and a node is cut from PostgreSQL only: every request is
answered in time, nothing wrong is written, and all heals by itself.

    node3 ──► gate of node2 ──► node2        the younger one connects to where the older one is advertised
    node3, node2 ──► gate of node1 ──► node1"""

import collections
import concurrent.futures
import time
import unittest

import cluster_support
import postgres_gate
import support
import workload

HEALED_LIMIT_S = 15.0
CUT_S = 4.0
SEED = "cuts"


class Links(cluster_support.ClusterTest):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.share_cluster(gated=("node1", "node2", "node3"))
        cls.crowd = workload.Crowd(cls.cluster, SEED)
        cls.probes = cluster_support.Probes(cls.cluster, cls.crowd.admin)

    def between(self):
        """The gate of the middle incarnation: only the youngest one's connection goes through it. And that of the oldest,
        through which the two others are connected."""
        oldest, middle, _ = sorted(self.cluster.lives().items(), key=lambda life: life[1])
        return self.cluster.gates[middle[0]], self.cluster.gates[oldest[0]]

    def trouble(self, begin, gate):
        """The crowd asks for as long as it lasts, at every node."""
        lives = self.cluster.lives()
        self.wait_until(lambda: gate.connections() > 0, HEALED_LIMIT_S, "there is no link through the gate")
        names = self.cluster.names()
        for number, (_, client) in enumerate(self.crowd.jobs):
            client.aim(self.cluster.node_url(names[number % len(names)]))
        self.crowd.start()
        time.sleep(0.5)
        begin()
        time.sleep(CUT_S)
        self.crowd.ending.set()
        gate.heal()
        healed = time.monotonic()
        self.crowd.stop()
        took = [self.probes.seconds_until_all_answer([name], healed) for name in names]
        print(f"\nall shards answer through each node {max(took):.2f} s after the end of the trouble", flush=True)
        self.assertLess(max(took), HEALED_LIMIT_S)
        self.assertEqual(self.cluster.lives(), lives, "somebody has begun a new life")
        self.cluster.wait_spread()
        self.assert_answered_in_time(self.crowd.history)
        self.assert_sound(self.cluster, self.crowd)

    def test_what_was_executed_behind_a_link_is_not_refused_as_if_it_were_not(self):
        """Requests pass, their answers are held, then the link is cut: nobody but the other node knows."""
        middle, youngest = [name for name, _ in sorted(self.cluster.lives().items(), key=lambda life: life[1])][1:]
        gate, _ = self.between()
        titles = [{"title": f"{SEED} executed {number}"} for number in range(200)]
        admin = self.cluster.admin()
        made = [result["task"] for result in admin.post("/tasks/batch", {"tasks": titles}).expect(200)["results"]]
        there = set(self.cluster.sql("select t.id from task t join shard s using (shard) join node n on n.incarnation = s.owner "
                                     f"where n.name = '{middle}'").splitlines())
        workers = {client.account["id"]: client.secret["login"] for _, client in self.crowd.jobs}
        chosen = {task["assignee"]["id"]: task["id"] for task in made if task["id"] in there}
        clients = {task: self.cluster.client().sign_in(workers[owner], workload.PASSWORD) for owner, task in chosen.items()}
        for client in clients.values():
            client.aim(self.cluster.node_url(youngest))
            client.get("/me").expect(200)
        gate.stall(from_node=True)
        with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
            answers = {task: pool.submit(client.post, f"/tasks/{task}/complete") for task, client in clients.items()}
            ids = ",".join(f"'{task}'" for task in clients)
            self.wait_until(lambda: self.cluster.sql(f"select count(*) from task_state where status = 2 and id in ({ids})")
                            == str(len(clients)), 3, "they are not executed")
            gate.cut()
            heard = {task: answer.result() for task, answer in answers.items()}
        gate.heal()
        said = collections.Counter((answer.status, (answer.json or {}).get("code")) for answer in heard.values())
        print(f"\nexecuted, and answered: {dict(said)}", flush=True)
        self.crowd.history.wishes += [workload.Wish("complete", client.account["id"], task, in_doubt=True)
                                      for task, client in clients.items()]
        self.assertEqual([answer.json for answer in heard.values()
                          if answer.status != 200 and answer.json["code"] != "outcome_unknown"], [])
        self.wait_until(lambda: gate.connections() > 0, HEALED_LIMIT_S, "the link does not come back")

    def test_a_link_cut_both_ways_leaves_no_request_unanswered(self):
        gate, _ = self.between()
        self.trouble(gate.cut, gate)

    def test_a_link_silent_both_ways_leaves_no_request_unanswered(self):
        gate, _ = self.between()
        self.trouble(lambda: gate.stall(to_node=True, from_node=True), gate)

    def test_a_link_silent_one_way_leaves_no_request_unanswered(self):
        gate, _ = self.between()
        self.trouble(lambda: gate.stall(to_node=True), gate)

    def test_a_link_silent_the_other_way_leaves_no_request_unanswered(self):
        gate, _ = self.between()
        self.trouble(lambda: gate.stall(from_node=True), gate)

    def test_a_node_cut_off_from_all_others_leaves_no_request_unanswered(self):
        _, gate = self.between()
        self.trouble(gate.cut, gate)


class Storage(cluster_support.ClusterTest):
    def test_a_node_cut_off_from_postgresql_is_taken_over_and_comes_back(self):
        cluster = self.start_cluster(nodes=2)
        gate = postgres_gate.PostgresGate((cluster.var / "run" / "socket-directory").read_text().strip())
        self.addCleanup(gate.discard)
        far = cluster.start_stranger("node3", support.postgres.connection_url(gate.folder, support.postgres.APP)).start()
        self.wait_until(far.is_ready, cluster_support.START_LIMIT_S, f"it does not serve:\n{far.log()}")
        cluster.wait_spread("node1", "node2", "node3")
        crowd = workload.Crowd(cluster, SEED)
        probes = cluster_support.Probes(cluster, crowd.admin)
        for _, client in crowd.jobs[::3]:
            client.aim(far.url)
        before = cluster.lives()
        crowd.start()
        time.sleep(1)
        began = time.monotonic()
        gate.freeze()
        self.wait_until(lambda: not far.is_ready(), 5, "it says that it serves")
        self.wait_until(lambda: cluster.is_spread("node1", "node2"), 30, "its shards are not taken over")
        took_s = probes.seconds_until_all_answer(["node1", "node2"], began)
        print(f"\nall shards answer {took_s:.2f} s after one node lost PostgreSQL", flush=True)
        gate.thaw()
        self.wait_until(far.is_ready, cluster_support.SERVES_LIMIT_S, f"it does not serve again:\n{far.log()}")
        crowd.stop()
        cluster.wait_spread("node1", "node2", "node3")
        self.assertGreater(cluster.lives()["node3"], before["node3"])
        self.assert_answered_in_time(crowd.history)
        self.assert_sound(cluster, crowd)
        far.stop()


if __name__ == "__main__":
    unittest.main()
