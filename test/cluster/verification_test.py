"""A verification that one node of a cluster was asked for, and that another one finishes."""

import cluster_support
from ledger_lock import LedgerLock

LIMIT_S = 60


class Verification(cluster_support.ClusterTest):
    def test_one_whose_node_is_killed_is_finished_by_the_node_that_is_asked(self):
        cluster = self.start_cluster(nodes=2)
        admin = cluster.admin()
        first, second = (cluster.client_of(name, admin) for name in ("node1", "node2"))
        with LedgerLock(cluster):
            path = first.post("/ops/verify").expect(202)["id"]
            self.wait_until(lambda: self.look(second, path).get("progress"), LIMIT_S, "it runs, as the other node says")
            cluster.kill("node1")
        self.wait_until(lambda: self.look(second, path).get("status") == "done", LIMIT_S, "it is done")
        self.assertEqual(self.look(second, path)["difference_count"], 0)
        runner = cluster.sql("select n.name from verification v join node n on n.incarnation = v.runner")
        self.assertEqual(runner, "node2")

    def look(self, client, verification):
        """As it is shown; nothing while a node has to find its feet."""
        answer = client.get(f"/ops/verifications/{verification}")
        return {} if answer.status == 503 else answer.expect(200)
