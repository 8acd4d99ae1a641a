"""One Idempotency-Key, one effect: asked for fifty times at once, while the daemon is killed, and after the answer is kept
no more."""

import concurrent.futures
import http.client
import random
import threading
import time
import unittest
import uuid

import company
import gateway_test
import support

AT_ONCE = 50
KILLS = 4
BATCH = 100
AGAIN_LIMIT_S = 60
FORGOTTEN_LIMIT_S = 30


class Keys(gateway_test.OneNode):
    FIRST_ONES = 1  # of batches and operations asked for at once: how many may not know of another

    def setUp(self):
        self.key = str(uuid.uuid4())
        self.title = self.id().rsplit(".", 1)[1]

    def like(self, client):
        """Another connection of the same person."""
        other = self.node.client()
        other.token, other.token_ends_at, other.account = client.token, client.token_ends_at, client.account
        return other

    def at_once(self, asks):
        """The answers to all of these, which are sent at the same moment: functions of a client of the admin's."""
        barrier = threading.Barrier(len(asks))
        clients = [self.like(self.admin) for _ in asks]
        for client in clients:
            client.get("/me").expect(200)  # connected

        def one(ask, client):
            barrier.wait()
            return ask(client)
        with concurrent.futures.ThreadPoolExecutor(len(asks)) as pool:
            return list(pool.map(one, asks, clients))

    def fifty(self, path, body=None, at_most=1):
        answers = self.at_once([lambda client: client.post(path, body, key=self.key)] * AT_ONCE)
        self.assert_one(answers, at_most)
        again = self.admin.post(path, body, key=self.key)
        self.assertEqual((again.status, again.json), (answers[0].status, answers[0].json))
        self.assertEqual(again.headers["Idempotent-Replayed"], "true")
        return answers[0].expect(200, 201, 202)

    def assert_one(self, answers, at_most=1):
        """All the same, and all but one replayed, or but `at_most`."""
        for answer in answers:
            self.assertEqual((answer.status, answer.json, answer.headers["Location"]),
                             (answers[0].status, answers[0].json, answers[0].headers["Location"]))
        replayed = [answer.headers["Idempotent-Replayed"] for answer in answers]
        self.assertLessEqual(set(replayed), {None, "true"})
        self.assertIn(replayed.count(None), range(1, at_most + 1))

    # ── each kind ──
    def test_50_at_once_create_one_task(self):
        task = self.fifty("/tasks", {"title": self.title, "description": "x"})
        self.assertEqual([one["id"] for one in self.admin.all("/tasks", q=self.title)], [task["id"]])
        self.assert_problem(self.admin.post("/tasks", {"title": self.title}, key=self.key), 422, "idempotency_mismatch")

    def test_50_at_once_create_the_items_of_a_batch_once(self):
        items = [{"title": f"{self.title} {number}"} for number in range(20)]
        results = self.fifty("/tasks/batch", {"tasks": items}, self.FIRST_ONES)["results"]
        self.assertEqual({one["id"] for one in self.admin.all("/tasks", q=self.title)},
                         {result["task"]["id"] for result in results})
        self.assertEqual(len(results), 20)

    def test_50_at_once_with_one_external_ref_create_one_task(self):
        body = {"title": self.title, "external_ref": self.title}
        answers = self.at_once([lambda client: client.request("POST", "/tasks", body)] * AT_ONCE)
        self.assertEqual(sorted(answer.status for answer in answers), [200] * (AT_ONCE - 1) + [201])
        self.assertEqual({answer.json["id"] for answer in answers},
                         {one["id"] for one in self.admin.all("/tasks", q=self.title)})

    def test_50_at_once_complete_a_task_once(self):
        task = self.staff.task_of({"id": self.worker_id})
        self.admin, admin = self.worker, self.admin  # the assignee asks
        try:
            self.assertEqual(self.fifty(f"/tasks/{task['id']}/complete")["status"], "done")
        finally:
            self.admin = admin
        self.wait_until(lambda: self.rewards(task), company.POSTING_LIMIT_S + 1, "no reward")
        self.assertEqual(len(self.rewards(task)), 1)

    def rewards(self, task):
        return [entry for entry in self.staff.log(self.worker_id)
                if entry["kind"] == "completion_reward" and entry["task"]["id"] == task["id"]]

    def test_a_done_task_that_is_completed_again_with_a_key_is_answered_the_same_again(self):
        task = self.staff.task_of({"id": self.worker_id})
        path = f"/tasks/{task['id']}/complete"
        done = self.worker.post(path).expect(200)
        first, again = (self.worker.post(path, key=self.key) for _ in range(2))
        self.assertEqual((first.expect(200), first.headers["Idempotent-Replayed"]), (done, None))
        self.assertEqual((again.expect(200), again.headers["Idempotent-Replayed"]), (done, "true"))

    def test_50_at_once_ask_for_one_shuffle(self):
        before = len(self.admin.all("/shuffles"))
        run = self.fifty("/tasks/assign")
        self.staff.finished(run["id"])
        self.assertEqual(len(self.admin.all("/shuffles")), before + 1)

    def test_50_at_once_hire_one_person(self):
        person = {"name": "Ada", "login": self.title[:40], "email": "ada@example.org", "role": "worker",
                  "password": company.PASSWORD}
        made = self.fifty("/employees", person)
        self.assertEqual([one["id"] for one in self.admin.all("/employees", q=person["login"])], [made["id"]])
        self.assert_problem(self.admin.post("/employees", {**person, "password": "another password"}, key=self.key),
                            422, "idempotency_mismatch")
        self.node.client().sign_in(person["login"], company.PASSWORD)

    def test_50_at_once_move_a_shard_once(self):
        body = {"reason": self.title, "to": "node1", "dry_run": True}
        self.fifty("/cluster/shards/3/move", body, self.FIRST_ONES)
        self.assertEqual(len([row for row in self.admin.all("/ops/audit") if row["reason"] == self.title]), 1)
        other = self.admin.post("/cluster/shards/3/move", {**body, "dry_run": False}, key=self.key)
        self.assert_problem(other, 422, "idempotency_mismatch")

    def test_a_refused_drain_is_tried_again(self):
        for _ in range(2):
            answer = self.admin.post("/cluster/nodes/node1/drain", {"reason": self.title, "dry_run": True}, key=self.key)
            self.assert_problem(answer, 503, "unavailable")  # there is no other node
            self.assertNotIn("Idempotent-Replayed", answer.headers)
        self.assertEqual(len([row for row in self.admin.all("/ops/audit") if row["reason"] == self.title]), 2)

    # ── scopes ──
    def test_of_two_bodies_at_once_one_wins_and_the_other_is_a_mismatch(self):
        bodies = [{"title": f"{self.title} {number % 2}"} for number in range(AT_ONCE)]
        answers = self.at_once([lambda client, body=body: client.post("/tasks", body, key=self.key) for body in bodies])
        (task,) = self.admin.all("/tasks", q=self.title)
        for body, answer in zip(bodies, answers):
            if body["title"] == task["title"]:
                self.assertEqual(answer.expect(201)["id"], task["id"])
            else:
                self.assert_problem(answer, 422, "idempotency_mismatch")

    def test_the_same_key_of_another_account_or_for_another_path_is_another_key(self):
        ids = {client.post("/tasks", {"title": self.title}, key=self.key).expect(201)["id"]
               for client in (self.admin, self.manager, self.worker)}
        self.assertEqual(len(ids), 3)
        self.admin.post("/tasks/batch", {"tasks": [{"title": self.title}]}, key=self.key).expect(200)
        self.assertEqual(len(self.admin.all("/tasks", q=self.title)), 4)
        # An item's key is no key of its own.
        self.admin.post("/tasks", {"title": self.title}, key=f"{self.key}#0").expect(201)
        self.assertEqual(len(self.admin.all("/tasks", q=self.title)), 5)

    def test_the_same_body_written_otherwise_is_the_same_body(self):
        first = self.admin.post("/tasks", {"title": self.title, "description": "é"}, key=self.key).expect(201)
        for body in (b'{"description":"\\u00e9" , "title":"%s"}', b'\n{ "title": "%s",\t"description": "\xc3\xa9"}\n'):
            connection = http.client.HTTPConnection(self.admin.address.netloc, timeout=10)
            connection.request("POST", "/v1/tasks", body % self.title.encode(),
                               {"Content-Type": "application/json", "Authorization": f"Bearer {self.admin.token}",
                                "Idempotency-Key": self.key})
            response = connection.getresponse()
            self.assertEqual((response.status, response.headers["Idempotent-Replayed"]), (201, "true"))
            self.assertIn(first["id"].encode(), response.read())
            connection.close()

    def test_a_refusal_is_not_kept(self):
        person = {"name": "Ada", "login": self.title[:40], "email": "ada@example.org", "role": "worker"}
        taken = {**person, "login": "admin"}
        for _ in range(2):
            answer = self.admin.post("/employees", taken, key=self.key)
            self.assert_problem(answer, 409, "login_taken")
            self.assertNotIn("Idempotent-Replayed", answer.headers)
        self.assert_problem(self.admin.post("/employees", {**person, "name": ""}, key=self.key), 422, "validation_failed")
        self.admin.post("/employees", person, key=self.key).expect(201)  # another body: none was kept

    # ── when the answer is kept no more ──
    def test_answers_older_than_a_week_are_deleted_and_their_keys_have_no_second_effect(self):
        person = {"name": "Ada", "login": self.title[:40], "email": "ada@example.org", "role": "worker"}
        task = self.admin.post("/tasks", {"title": self.title}, key=self.key).expect(201)
        hired = self.admin.post("/employees", person, key=self.key).expect(201)
        renamed = self.admin.patch(f"/employees/{hired['id']}", {"login": "renamed-since"}).expect(200)
        young = self.admin.post("/tasks", {"title": f"{self.title} young"}, key=f"{self.key}-young").expect(201)
        old = f"'{task['id']}', '{hired['id']}'"  # also the scopes of their keys
        self.node.sql(f"update kept_answer set at = at - interval '8 days' where scope in ({old})")
        # So many in one shard that one sweep does not do.
        self.node.sql("insert into kept_answer (shard, entity_kind, entity_id, scope, request_hash, answer, at)"
                      " select 5, 1, gen_random_uuid(), gen_random_uuid(), '', '{}', now() - interval '8 days'"
                      " from generate_series(1, 3500)")
        self.node.stop()
        self.node.start()
        type(self).admin = self.staff.admin = self.node.admin()
        count = "select count(*) from kept_answer where at < now() - interval '7 days'"
        self.wait_until(lambda: self.node.sql(count) == "0", FORGOTTEN_LIMIT_S, "old answers are still there")
        self.assertEqual(self.node.sql(f"select count(*) from kept_answer where scope = '{young['id']}'"), "1")
        again = self.admin.post("/tasks", {"title": self.title}, key=self.key)
        self.assertEqual(again.expect(201), task)
        self.assertEqual(self.admin.post("/employees", person, key=self.key).expect(201)["id"], hired["id"])
        self.assertEqual(self.admin.get(f"/employees/{hired['id']}").expect(200), renamed)
        self.assertEqual(len(self.admin.all("/tasks", q=self.title)), 2)


class KilledInTheMiddle(gateway_test.OneNode):
    """Everything at once, each several times with its key, while the daemon dies: those who heard nothing ask again."""

    def kinds(self, name, shuffled):
        """What is asked for in one round: (kind, client, path, body). A shuffle would take away what is to be completed."""
        task = self.staff.task_of({"id": self.worker_id})
        person = {"name": "Ada", "login": name, "email": "ada@example.org", "role": "manager", "password": company.PASSWORD}
        return [("task", self.manager, "/tasks", {"title": f"{name} alone"}),
                ("batch", self.manager, "/tasks/batch", {"tasks": [{"title": f"{name} of many {n}"} for n in range(BATCH)]}),
                ("shuffle", self.manager, "/tasks/assign", None) if shuffled else
                ("complete", self.worker, f"/tasks/{task['id']}/complete", None),
                ("payout", self.admin, "/payouts", None),
                ("employee", self.admin, "/employees", person),
                ("move", self.admin, "/cluster/shards/1/move", {"reason": name, "to": "node1", "dry_run": True})]

    def ask_until_told(self, kind, like, path, body, key):
        client = self.node.client()
        client.token, client.token_ends_at = like.token, like.token_ends_at
        until = time.monotonic() + AGAIN_LIMIT_S
        while time.monotonic() < until:
            try:
                answer = client.post(path, body, key=key)
                done = answer.status < 300 and not (kind == "batch" and any(
                    result["status"] >= 500 for result in answer.json["results"]))
                if done:
                    return answer
                if answer.status not in (409, *support.NOT_NOW):
                    return answer
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.05)
        raise AssertionError(f"{kind}: nobody answers")

    def test_whoever_asks_again_with_the_key_has_one_effect(self):
        dice = random.Random()
        for number in range(KILLS):
            self.live_through_a_kill(f"kill{number}", number % 2 == 1, dice.uniform(0.0, 0.25))

    def live_through_a_kill(self, name, shuffled, delay_s):
        shuffles = len(self.admin.all("/shuffles"))
        runs = {run["day"] for run in self.admin.all("/payouts")}
        wishes = [(*wish, f"{name}-{wish[0]}") for wish in self.kinds(name, shuffled) for _ in range(3)]
        with concurrent.futures.ThreadPoolExecutor(len(wishes)) as pool:
            asked = [pool.submit(self.ask_until_told, *wish) for wish in wishes]
            time.sleep(delay_s)
            self.kill()
            heard = [one.result() for one in asked]
        self.wait_back()
        for wish, answer in zip(wishes, heard):
            kind, client, path, body, key = wish
            answer.expect(200, 201, 202)
            again = client.post(path, body, key=key)
            self.assertEqual((again.status, self.shown(kind, again)), (answer.status, self.shown(kind, answer)), kind)
            self.assertEqual(again.headers["Idempotent-Replayed"], "true", kind)
        told = {wish[0]: answer.json for wish, answer in zip(wishes, heard)}
        self.check_effects(name, told, shuffles, runs)

    def kill(self):
        self.node.kill_daemon()

    def wait_back(self):
        self.node.wait_ready()

    def shown(self, kind, answer):
        """What must be the same each time: a closed day is shown as it stands now."""
        if kind == "payout" and answer.status == 200:
            return answer.json["day"]
        if kind == "batch":
            return [result["task"]["id"] for result in answer.json["results"]]
        return answer.json

    def check_effects(self, name, told, shuffles, runs):
        alone = self.admin.all("/tasks", q=f"{name} alone")
        self.assertEqual([task["id"] for task in alone], [told["task"]["id"]])
        many = self.admin.all("/tasks", q=f"{name} of many")
        self.assertEqual(len(many), BATCH)
        self.assertEqual({task["id"] for task in many}, {result["task"]["id"] for result in told["batch"]["results"]})
        if "shuffle" in told:
            self.assertEqual(len(self.admin.all("/shuffles")), shuffles + 1)
            self.staff.finished(told["shuffle"]["id"])
        else:
            done = told["complete"]["id"]
            self.wait_until(lambda: self.rewards(done), 10, "no reward")
            self.assertEqual(len(self.rewards(done)), 1)
        self.staff.payout_done(told["payout"]["day"])
        self.assertEqual({run["day"] for run in self.admin.all("/payouts")}, runs | {told["payout"]["day"]})
        self.assertEqual([one["id"] for one in self.admin.all("/employees", q=name)], [told["employee"]["id"]])
        self.assertEqual(len([row for row in self.admin.all("/ops/audit") if row["reason"] == name]), 1)

    def rewards(self, task_id):
        return [entry for entry in self.staff.log(self.worker_id)
                if entry["kind"] == "completion_reward" and entry["task"]["id"] == task_id]


if __name__ == "__main__":
    unittest.main()
