"""A node frozen past its lease and thawed: others take over in time, it says nothing stale and writes nothing late, and comes
back as a new incarnation.

ATES_TEST_FREEZES sets how many nodes are frozen, one after the other."""

import collections
import http.client
import threading
import time
import unittest

import cluster_support
import workload

FREEZES = int(cluster_support.setting("FREEZES", "2"))
TTL_S = 5.0
TAKEN_OVER_S = TTL_S + 2  # after the freeze
TAKEN_OVER_LIMIT_S = TAKEN_OVER_S + 20  # a busy machine; the figure is printed
SEED = "freeze"
QUEUED_READS = 8
# A late batch meets the fence; or finds that its connection was ended with its lease, and those behind it are dropped.
REFUSALS = ("fence_refusals", "journal_unknown_outcomes", "journal_stale_records")
PATIENCE_S = 60  # of those who ask a frozen node


class Freeze(cluster_support.ClusterTest):
    def test_a_frozen_node_is_taken_over_and_comes_back_as_somebody_new(self):
        cluster = self.start_cluster()
        crowd = workload.Crowd(cluster, SEED)
        probes = cluster_support.Probes(cluster, crowd.admin)
        refused = collections.Counter()
        for number in range(FREEZES):
            name = cluster.owner_of(0) if number == 0 else f"node{number % 3 + 1}"
            before = cluster.lives()
            # Straight at the node, so that it has many commands in flight when it stops.
            self.aim(crowd, cluster.node_url(name))
            crowd.start()
            time.sleep(1.5)
            self.freeze_past_its_lease(cluster, probes, name)
            cluster.thaw(name)
            crowd.stop()
            refused.update({counter: cluster.metric_of(name, f"ates_{counter}_total") for counter in REFUSALS})
            lives = cluster.lives()
            self.assertGreater(lives[name], before[name])
            self.assertEqual({**lives, name: 0}, {**before, name: 0}, "somebody else has begun a new life")
            self.assertIn("declared_dead", cluster.log_of(name))
            cluster.wait_spread()
        print(f"late writes: {dict(refused)}", flush=True)
        self.assert_sound(cluster, crowd)
        self.assertGreater(refused["fence_refusals"], 0)

    def freeze_past_its_lease(self, cluster, probes, name):
        incarnation = cluster.lives()[name]
        cluster.freeze(name)
        began = time.monotonic()
        self.wait_until(lambda: cluster.sql(f"select count(*) from shard where owner = {incarnation}") == "0",
                        TAKEN_OVER_LIMIT_S, "its shards are not taken over")
        taken_s = float(cluster.sql(f"select extract(epoch from clock_timestamp() - last_beat) from node "
                                    f"where incarnation = {incarnation}"))
        others = [other for other in cluster.names() if other != name]
        served_s = probes.seconds_until_all_answer(others, began)
        print(f"{name} frozen: taken over {taken_s:.2f} s after its last beat, all shards answer {served_s:.2f} s after the "
              f"freeze (promised: {TAKEN_OVER_S:.0f} s)", flush=True)

    def aim(self, crowd, url):
        for _, client in crowd.jobs:
            client.aim(url)
            client.timeout_s = PATIENCE_S

    def test_a_thawed_node_answers_nothing_stale(self):
        """Requests wait in the kernel for a frozen node; what they ask about changes meanwhile elsewhere."""
        cluster = self.start_cluster()
        admin = cluster.admin()
        person = {"name": "Ada", "login": "ada", "email": "a@example.org", "role": "worker", "password": workload.PASSWORD}
        admin.post("/employees", person).expect(201)
        ada = cluster.client().sign_in("ada", workload.PASSWORD)
        tasks = self.tasks_of(cluster, "node2", admin)
        for task in tasks:
            self.ask(cluster, "node2", ada, task)  # they are active there
        incarnation = cluster.lives()["node2"]
        cluster.freeze("node2")
        waiting = [Waiting(cluster.client_of("node2", ada), task) for task in tasks]
        self.wait_until(lambda: cluster.sql(f"select count(*) from shard where owner = {incarnation}") == "0",
                        TAKEN_OVER_LIMIT_S, "its shards are not taken over")
        elsewhere = cluster.client_of("node1", ada)
        for task in tasks:
            elsewhere.post(f"/tasks/{task}/complete").expect(200)
        still = [read for read in waiting if read.thread.is_alive()]
        self.assertTrue(still, "nobody has waited for the frozen node")
        cluster.thaw("node2")
        for read in waiting:
            read.thread.join()
        print(f"{len(still)} reads waited: {sorted(read.heard for read in still)}", flush=True)
        self.assertNotIn("open", [read.heard for read in still])
        for task in tasks:
            self.assertEqual(self.ask(cluster, "node2", ada, task)["status"], "done")
        self.assert_sound(cluster)

    def ask(self, cluster, name, like, task):
        return cluster.client_of(name, like).get(f"/tasks/{task}").expect(200)

    def tasks_of(self, cluster, name, admin):
        """Some in shards that the node owns."""
        made = admin.post("/tasks/batch", {"tasks": [{"title": f"task {n}"} for n in range(200)]}).expect(200)["results"]
        ids = ",".join(f"'{result['task']['id']}'" for result in made)
        rows = cluster.sql(f"select t.id from task t join shard s using (shard) join node n on n.incarnation = s.owner "
                           f"where n.name = '{name}' and t.id in ({ids}) limit {QUEUED_READS}").splitlines()
        self.assertEqual(len(rows), QUEUED_READS)
        return rows


class Waiting:
    """A read on its way to a frozen node."""

    def __init__(self, client, task):
        self.client = client
        client.timeout_s = PATIENCE_S
        self.task = task
        self.heard = "nothing"
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            answer = self.client.get(f"/tasks/{self.task}")
            self.heard = answer.json["status"] if answer.status == 200 else str(answer.status)
        except (OSError, http.client.HTTPException):
            self.heard = "the connection ended"


if __name__ == "__main__":
    unittest.main()
