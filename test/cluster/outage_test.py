"""PostgreSQL away under a cluster: when it is back all nodes serve again by themselves, and nobody has died of it.

ATES_TEST_OUTAGE_S sets for how long."""

import time
import unittest

import cluster_support
import support
import workload

OUTAGE_S = float(cluster_support.setting("OUTAGE_S", "3"))
BACK_S = 5.0
BACK_LIMIT_S = 15.0  # a busy machine; the figure is printed
SEED = "outage"


class Outage(cluster_support.ClusterTest):
    def test_all_nodes_serve_again_when_postgresql_is_back_and_are_the_same(self):
        database = self.make_postgres()
        cluster = self.start_cluster(environment={"ATES_DATABASE_URL": database.url()})
        crowd = workload.Crowd(cluster, SEED)
        probes = cluster_support.Probes(cluster, crowd.admin)
        before, pids = cluster.lives(), [cluster.pid(name) for name in cluster.names()]
        crowd.start()
        time.sleep(1)
        database.tell("stop")
        began = time.monotonic()
        self.wait_until(lambda: not any(self.is_ready(cluster, name) for name in before), OUTAGE_S, "some node says it serves")
        time.sleep(max(0.0, began + OUTAGE_S - time.monotonic()))
        database.tell("start")
        back = time.monotonic()
        took_s = max(probes.seconds_until_all_answer([name], back, BACK_LIMIT_S) for name in before)
        print(f"\nall shards answer through every node {took_s:.2f} s after PostgreSQL is back (promised: {BACK_S:.0f} s)", flush=True)
        self.wait_until(lambda: all(self.is_ready(cluster, name) for name in before), BACK_LIMIT_S, "some node is not ready")
        crowd.stop()
        self.assertEqual(cluster.lives(), before)
        self.assertEqual([cluster.pid(name) for name in cluster.names()], pids)
        self.assert_answered_in_time(crowd.history)
        self.assert_sound(cluster, crowd)

    def is_ready(self, cluster, name):
        client = support.Client(cluster.node_url(name), timeout_s=5)
        try:
            return client.send("GET", "/readyz").status == 200
        finally:
            client.close()


if __name__ == "__main__":
    unittest.main()
