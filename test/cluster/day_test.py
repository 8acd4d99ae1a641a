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

        self.check_edits(cluster, staff, list(tasks)[:12])
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
        self.check_books(cluster, staff, day["day"])
        self.assertLess(cluster.stop(), 10)

    def check_edits(self, cluster, staff, tasks):
        """Through whichever node a task is edited, all of them see it at once, and its history."""
        clients = [cluster.client_of(name, staff.admin) for name in cluster.names()]
        for task in tasks:
            for number, client in enumerate(clients):
                edited = client.patch(f"/tasks/{task}", {"title": f"Words of node {number}"}).expect(200)
                for other in clients:
                    self.assertEqual(other.get(f"/tasks/{task}").expect(200), edited)
            for client in clients:
                changes = [change["what"] for change in client.all(f"/tasks/{task}/history", limit=2)]
                self.assertEqual(changes, ["edited"] * len(clients) + ["assigned", "assigned", "created"])

    def check_books(self, cluster, staff, day):
        """Every node tells the same of the day, and it is what the ledger says."""
        ledger = staff.admin.all("/accounting/log")
        earned = -sum(entry["amount"] for entry in ledger if entry["kind"] != "payout")
        paths = ("/accounting/earnings", "/analytics/days", "/analytics/today",
                 "/analytics/most-expensive?period=month")
        register = {payee["account_id"]: payee["amount"] for payee in staff.admin.all(f"/payouts/{day}/accounts")}
        self.assertEqual(register, {entry["account_id"]: -entry["amount"] for entry in ledger if entry["kind"] == "payout"})
        told = {path: staff.admin.get(path).expect(200) for path in paths}
        self.assertEqual(told["/accounting/earnings"]["total"]["earnings"], earned)
        self.assertEqual(told["/analytics/days"]["data"][0]["earnings"], earned)
        for name in cluster.names():
            client = cluster.client_of(name, staff.admin)
            self.assertEqual(client.all("/accounting/log", limit=100), ledger)
            for path in paths:
                self.assertEqual(client.get(path).expect(200), told[path], path)


if __name__ == "__main__":
    unittest.main()
