"""Three nodes as a new user starts them, and a short day through the edge."""

import unittest

import cluster_support
import company

TASKS = 60


class Day(cluster_support.ClusterTest):
    def test_three_nodes_share_the_shards_and_a_day_goes_through_the_edge(self):
        cluster = self.start_cluster()
        self.assertEqual(sorted(cluster.shards_by_node().values()), [21, 21, 22])
        staff = company.Company(cluster)
        workers, [manager] = staff.hire("worker", 5), staff.hire("manager")
        staff.post_tasks([f"[DAY-{number}] Task {number}" for number in range(TASKS)])
        clients = dict(zip((worker["id"] for worker in workers), staff.clients(workers)))

        run = staff.finished(staff.client(manager).post("/tasks/assign").expect(202)["id"])
        self.assertEqual((run["status"], run["open_tasks"], run["reassigned"]), ("done", TASKS, TASKS))
        roster = staff.admin.all(f"/shuffles/{run['id']}/roster")
        tasks = staff.tasks()
        self.assertEqual(len(tasks), TASKS)
        for task in tasks.values():
            self.assertEqual(task["assignee"]["id"], company.drawn(run["seed"], task["id"], roster))

        half = [task for number, task in enumerate(tasks.values()) if number % 2]
        for task in half:
            clients[task["assignee"]["id"]].post(f"/tasks/{task['id']}/complete").expect(200)
        self.assert_sound(cluster)
        logs = staff.logs()
        self.assertEqual(sum(entry["kind"] == "assignment_fee" for entry in logs), 2 * TASKS)
        self.assertEqual(sum(entry["kind"] == "completion_reward" for entry in logs), len(half))

        due = {owner: balance for owner, balance in staff.balances().items() if balance > 0}
        day = staff.close_day()
        self.assertEqual((day["accounts_paid"], day["total_paid"]), (len(due), sum(due.values())))
        paid = {entry["account_id"]: -entry["amount"] for entry in staff.logs() if entry["kind"] == "payout"}
        self.assertEqual(paid, due)
        self.assertTrue(all(balance <= 0 for balance in staff.balances().values()))
        self.assert_sound(cluster)
        self.assertLess(cluster.stop(), 10)


if __name__ == "__main__":
    unittest.main()
