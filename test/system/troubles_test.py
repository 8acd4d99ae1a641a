"""What fails again and again: damaged rows, an event that its account cannot take. One entity stops, an operator settles it,
everything else goes on (contract.md §3: quarantined, /actors/…/release, /ops/parked)."""

import unittest

import company
import support

REASON = {"reason": "the rows are mended"}
NEIGHBOURS = 1000
LIMIT_S = 20
LOWEST = -2**63 + 1


class Troubles(support.SystemTest):
    def setUp(self):
        self.staff = company.start(self)
        self.node, self.admin = self.staff.node, self.staff.admin

    def passivate(self, kind, thing):
        self.admin.post(f"/actors/{kind}/{thing}/passivate", REASON).expect(202)
        self.wait_until(lambda: self.admin.get(f"/actors/{kind}/{thing}").expect(200)["state"] == "passive", LIMIT_S,
                        "it does not become passive")

    def audited(self):
        return [(row["action"], row["target"], row["reason"]) for row in self.admin.all("/ops/audit")]

    def test_damage_in_one_row_quarantines_one_task_and_a_thousand_beside_it_serve_as_before(self):
        self.staff.hire("worker", 2)
        tasks = self.staff.post_tasks([f"task {number}" for number in range(NEIGHBOURS + 1)])
        damaged = tasks[0]["id"]
        self.passivate("task", damaged)
        self.node.sql(f"update task_state set completed_at = now() where id = '{damaged}'")
        self.node.kill_daemon()
        self.node.wait_ready()
        refused = self.admin.get(f"/tasks/{damaged}")
        self.assertEqual((refused.status, refused.json["code"]), (503, "quarantined"))
        self.assertIn("Retry-After", refused.headers)
        for task in tasks[1:]:
            self.admin.get(f"/tasks/{task['id']}").expect(200)
        self.assertEqual([actor["id"] for actor in self.admin.all("/actors", state="quarantined")], [damaged])
        self.assertIn("damaged", self.admin.get(f"/actors/task/{damaged}").expect(200)["last_error"])

        self.node.sql(f"update task_state set completed_at = null where id = '{damaged}'")
        release = f"/actors/task/{damaged}/release"
        seen = self.admin.post(release, {**REASON, "dry_run": True}).expect(200)
        self.assertEqual((seen["was"], seen["dry_run"]), ("quarantined", True))
        self.assertEqual(self.admin.get(f"/tasks/{damaged}").status, 503)
        first = self.admin.post(release, REASON, key="once")
        again = self.admin.post(release, REASON, key="once")
        self.assertEqual((first.expect(202), again.headers.get("Idempotent-Replayed")), (again.expect(202), "true"))
        self.admin.get(f"/tasks/{damaged}").expect(200)
        self.assertEqual(self.audited().count(("release", f"task {damaged}", REASON["reason"])), 2)
        self.assertEqual(self.node.verify()["differences"], [])

    def overdraw(self, worker):
        """From now on no fee can be charged to this account; returns what mends it."""
        account = worker["id"]
        self.passivate("account", account)
        balance, entry = self.node.sql(f"select balance, entries from account where id = '{account}'").strip().split("|")
        set_balance = ("update account set balance = {0} where id = '%s'; "
                       "update transfer set balance_after = {0} where account = '%s' and entry = %s" % (account, account, entry))
        self.node.sql(set_balance.format(LOWEST))

        def mend():
            self.passivate("account", account)
            self.node.sql(set_balance.format(balance))
        return mend

    def test_an_event_that_an_account_cannot_take_is_parked_and_replayed(self):
        worker, = self.staff.hire("worker", 1)
        self.staff.settle(company.fees_of(self.staff.post_tasks(["the first"])))
        mend = self.overdraw(worker)
        task, = self.staff.post_tasks(["one too many"])
        self.wait_until(lambda: self.admin.all("/ops/parked"), LIMIT_S, "nothing is parked")
        parked, = self.admin.all("/ops/parked")
        self.assertEqual((parked["account_id"], parked["type"], parked["data"]["task_id"]),
                         (worker["id"], "task.assigned.v1", task["id"]))
        replay = f"/ops/parked/{parked['id']}/replay"
        refused = self.admin.post(replay, REASON)
        self.assertEqual((refused.status, refused.json["code"]), (503, "quarantined"))
        mend()
        self.assertEqual(self.node.verify()["in_transit"], 1)
        self.admin.post(replay, {**REASON, "dry_run": True}).expect(200)
        self.assertEqual(len(self.admin.all("/ops/parked")), 1)
        self.admin.post(replay, REASON).expect(202)
        self.assertEqual(self.admin.all("/ops/parked"), [])
        self.assertIn(task["id"], [entry["task"]["id"] for entry in self.staff.log(worker["id"])])
        self.assertEqual(self.node.verify()["differences"], [])
        self.assertEqual(self.admin.post(replay, REASON).status, 404)
        self.assertIn(("replay", f"event {parked['id']}", REASON["reason"]), self.audited())

    def test_a_parked_event_that_is_dropped_is_never_posted_and_no_difference(self):
        worker, = self.staff.hire("worker", 1)
        self.staff.settle(company.fees_of(self.staff.post_tasks(["the first"])))
        mend = self.overdraw(worker)
        self.staff.post_tasks(["one too many"])
        self.wait_until(lambda: self.admin.all("/ops/parked"), LIMIT_S, "nothing is parked")
        parked, = self.admin.all("/ops/parked")
        mend()
        self.admin.post(f"/ops/parked/{parked['id']}/drop", REASON).expect(202)
        self.node.kill_daemon()
        self.node.wait_ready()
        self.assertEqual(len(self.staff.log(worker["id"])), 1)
        verified = self.node.verify()
        self.assertEqual((verified["in_transit"], verified["differences"]), (0, []))

    def test_what_cannot_be_operated_is_refused(self):
        self.staff.hire("worker", 1)
        task, = self.staff.post_tasks(["one"])
        nobody = "00000000-0000-4000-8000-000000000000"
        for path, status in ((f"/actors/task/{nobody}/passivate", 404), (f"/actors/nonsense/{task['id']}/release", 404),
                             (f"/ops/parked/{nobody}/drop", 404)):
            self.assertEqual(self.admin.post(path, REASON).status, status, path)
        directory = next(actor["id"] for actor in self.admin.all("/actors", kind="directory"))
        self.assertEqual(self.admin.post(f"/actors/directory/{directory}/passivate", REASON).status, 422)
        self.assertEqual(self.admin.post(f"/actors/task/{task['id']}/passivate", {}).status, 422)
        self.assertEqual(self.admin.post(f"/actors/task/{task['id']}/passivate", {"reason": "x", "because": 1}).status, 400)


if __name__ == "__main__":
    unittest.main()
