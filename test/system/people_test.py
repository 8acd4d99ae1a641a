"""People change and leave: their tasks go to others, their tokens end, the last ones stay (contract.md §2, B1, B16)."""

import collections
import time
import unittest

import company
import support

TASKS = 150  # of three workers: about 50 each
RELEASED_LIMIT_S = 10  # contract.md B16
TOKENS_END_S = 5


class People(support.SystemTest):
    def setUp(self):
        self.staff = company.start(self)
        self.node, self.admin = self.staff.node, self.staff.admin

    def change(self, person, **fields):
        return self.admin.patch(f"/employees/{person['id']}", fields)

    def open_tasks_of(self, person):
        return self.admin.all("/tasks", assignee=person["id"], status="open")

    def test_who_is_deactivated_in_the_middle_of_a_shuffle_loses_the_open_tasks_and_the_tokens(self):
        leaver, *others = self.staff.hire("worker", 3)
        client = self.staff.client(leaver)
        signed_in = self.node.client().send("POST", "/v1/auth", client.secret).expect(200)
        tasks = self.staff.post_tasks([f"Task {n}" for n in range(TASKS)])
        run = self.admin.post("/tasks/assign").expect(202)
        self.change(leaver, active=False).expect(200)
        left = time.monotonic()
        everywhere = self.node.views_of(client)
        self.wait_until(lambda: {view.get("/me").status for view in everywhere} == {401}, TOKENS_END_S,
                        "the access token still works")
        self.assertEqual({view.get("/me").json["code"] for view in everywhere}, {"account_inactive"})
        refused = self.node.client().send("POST", "/v1/auth/refresh", {"refresh_token": signed_in["refresh_token"]})
        self.assertEqual(refused.status, 401)
        self.node.client().send("POST", "/v1/auth", client.secret).expect(401)
        self.staff.finished(run["id"])
        self.wait_until(lambda: not self.open_tasks_of(leaver), RELEASED_LIMIT_S, "the leaver still has open tasks")
        print(f"\nnone left after {time.monotonic() - left:.2f} s", flush=True)

        # Each task is charged for each of its assignments: made, shuffled, and once more if it was the leaver's then.
        self.wait_until(lambda: self.charges() == self.assignments(), company.POSTING_LIMIT_S + 1, "fees are missing")
        released = [task for task, reasons in self.reasons().items() if "released" in reasons]
        self.assertTrue(released, "nothing was released: the test shows nothing")
        fees = {task["id"]: task["fee"] for task in tasks}
        owed = collections.Counter()
        for entry in self.staff.logs():
            self.assertEqual(entry["amount"], -fees[entry["task"]["id"]])
            owed[entry["account_id"]] += entry["amount"]
        self.assertEqual({owner: balance for owner, balance in self.staff.balances().items() if balance}, dict(owed))
        self.node.verify()

        self.change(leaver, active=True).expect(200)
        self.staff.client(leaver).get("/me").expect(200)
        self.wait_until(lambda: self.staff.post_tasks(["Another one"]) and self.open_tasks_of(leaver), 30,
                        "the one who came back is not drawn")
        again = self.node.client().send("POST", "/v1/auth/refresh", {"refresh_token": signed_in["refresh_token"]})
        self.assertEqual(again.status, 401, "a revoked token has come back")

    def reasons(self):
        """Task -> the reasons of its fees."""
        found = collections.defaultdict(list)
        for entry in self.staff.logs():
            found[entry["task"]["id"]].append(entry["reason"])
        return found

    def charges(self):
        return sum(len(reasons) for reasons in self.reasons().values())

    def assignments(self):
        return int(self.node.sql("select count(*) from event where type = 'task.assigned.v1'"))

    def test_the_last_ones_stay(self):
        worker, = self.staff.hire("worker", 1)
        self.assertEqual(self.change(self.admin.account, active=False).expect(409)["code"], "last_admin")
        self.assertEqual(self.change(self.admin.account, role="worker").expect(409)["code"], "last_admin")
        self.assertEqual(self.admin.get("/me").expect(200)["role"], "admin")
        task, = self.staff.post_tasks(["Only one"])
        self.assertEqual(self.change(worker, active=False).expect(409)["code"], "last_assignee")
        self.assertEqual(self.change(worker, role="manager").expect(409)["code"], "last_assignee")
        self.assertEqual(self.admin.get(f"/employees/{worker['id']}").expect(200)["active"], True)
        self.staff.client(worker).post(f"/tasks/{task['id']}/complete").expect(200)
        self.assertEqual(self.change(worker, active=False).expect(200)["active"], False)
        self.assertEqual(self.admin.post("/tasks", {"title": "For nobody"}).expect(409)["code"], "no_assignable_account")
        self.assertEqual(self.admin.post("/tasks/assign").expect(409)["code"], "no_assignable_account")
        self.assertEqual(self.admin.all("/tasks", status="open"), [])

    def test_a_new_role_and_a_new_password_hold_at_once(self):
        worker, _ = self.staff.hire("worker", 2)
        client = self.staff.client(worker)
        client.post("/tasks/assign").expect(403)
        self.assertEqual(self.change(worker, role="manager").expect(200)["role"], "manager")
        client.post("/tasks/assign").expect(202)
        other = self.node.client().send("POST", "/v1/auth", client.secret).expect(200)
        own = f"/employees/{worker['id']}"
        client.patch(own, {"password": "another long secret"}).expect(422)
        client.patch(own, {"password": "another long secret", "current_password": "wrong one, I fear"}).expect(422)
        client.patch(own, {"password": "another long secret", "current_password": company.PASSWORD}).expect(200)
        client.get("/me").expect(200)
        self.node.client().send("POST", "/v1/auth", client.secret).expect(401)
        self.node.client().sign_in(worker["login"], "another long secret")
        refresh = {"refresh_token": other["refresh_token"]}
        self.wait_until(lambda: self.node.client().send("POST", "/v1/auth/refresh", refresh).status == 401,
                        company.POSTING_LIMIT_S, "the other session goes on")
        self.assertEqual(client.patch(own, {"name": "  Ädä, the 2nd "}).expect(200)["name"], "Ädä, the 2nd")
        self.assertEqual(self.admin.get(own).expect(200)["name"], "Ädä, the 2nd")


if __name__ == "__main__":
    unittest.main()
