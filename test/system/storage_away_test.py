"""PostgreSQL away, in every way it can be away: whoever asks hears so in time, and when it is back everything goes on in
the same process. A crowd is at work all the while; what it was told is compared with the books."""

import http.client
import threading
import time
import unittest

import support
from support import processes

import workload

ANSWER_LIMIT_S = 2.0  # contract.md §3: without storage every request is answered within it
BACK_LIMIT_S = 5.0
NODE_NOTICES_S = 2.0  # until then a request may still find the door open, and wait
SEED = "storage-away"


class StorageAway(support.SystemTest):
    @classmethod
    def setUpClass(cls):
        cls.share_gated_node()
        cls.admin = cls.node.admin()
        cls.crowd = workload.Crowd(cls.node, SEED)
        cls.shuffle = cls.asked("shuffle", cls.admin.post("/tasks/assign").expect(202))["id"]
        cls.day = cls.asked("close", cls.admin.post("/payouts").expect(200, 202))["day"]
        cls.task = cls.admin.get("/tasks").expect(200)["data"][0]["id"]
        cls.pid = cls.node.daemon_pid()

    @classmethod
    def tearDownClass(cls):
        cls.node.stop()
        assert cls.node.processes() == [], "processes left behind"

    @classmethod
    def asked(cls, what, answer=None):
        """Tells the crowd's history that somebody else has asked for this, too. Returns the answer."""
        wish = cls.crowd.history.begin(what, cls.admin.account["id"], "")
        wish.answer, wish.in_doubt = answer, answer is None
        return answer

    def requests(self):
        """(method, path, body) of everything that needs storage."""
        task = {"title": "while away"}
        person = {"name": "A", "login": f"a{time.monotonic_ns()}", "email": "a@example.org", "role": "worker"}
        me = self.admin.account["id"]
        return [
            ("POST", "/auth", self.admin.secret), ("POST", "/auth/refresh", {"refresh_token": self.refresh_tokens.pop()}),
            ("GET", "/me", None), ("GET", "/employees", None), ("POST", "/employees", person),
            ("GET", f"/employees/{me}", None), ("GET", "/tasks", None), ("GET", "/tasks?q=backlog", None),
            ("POST", "/tasks", task), ("POST", "/tasks", {**task, "external_ref": f"away-{time.monotonic_ns()}"}),
            ("POST", "/tasks/batch", {"tasks": [task] * 20}),
            ("GET", f"/tasks/{self.task}", None), ("POST", f"/tasks/{self.task}/complete", None),
            ("POST", "/tasks/assign", None), ("GET", "/shuffles", None), ("GET", f"/shuffles/{self.shuffle}", None),
            ("GET", f"/shuffles/{self.shuffle}/roster", None), ("GET", "/accounts", None), ("GET", "/accounts/me", None),
            ("GET", "/accounts/me/log", None), ("POST", "/payouts", None), ("GET", f"/payouts/{self.day}", None),
        ]

    def wrong_answers(self, is_right):
        """Asks for everything at once. What does not come in time, or is not right, as sentences."""
        wrong = []
        self.asked("shuffle")
        self.asked("close")

        def ask(method, path, body):
            client = support.Client(self.node.url)
            client.token, client.token_ends_at = self.admin.token, self.admin.token_ends_at
            began = time.monotonic()
            try:
                answer = client.request(method, path, body)
                heard, right = f"{answer.status} {answer.body[:80]}", is_right(method, path, answer)
            except (OSError, http.client.HTTPException) as error:
                heard, right = repr(error), False
            took_s = time.monotonic() - began
            client.close()
            if not right or took_s > ANSWER_LIMIT_S:
                wrong.append(f"{method} {path}: after {took_s:.2f} s {heard}")

        threads = [threading.Thread(target=ask, args=request) for request in self.requests()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return wrong

    def is_refused(self, method, path, answer):
        """503, or each item of a batch is."""
        if path == "/tasks/batch" and answer.status == 200:
            return all(item["status"] == 503 for item in answer.json["results"])
        return answer.status == 503 and "Retry-After" in answer.headers

    def is_refused_or_needs_no_storage_yet(self, method, path, answer):
        """For 600 ms after its last heartbeat a node may answer what it knows: reads, a task whose external_ref is known,
        and that somebody else has a task."""
        return self.is_refused(method, path, answer) or answer.status in (200, 409) and path != "/tasks/batch"

    def outage(self, begin, end, lasts_s):
        """Storage goes away and comes back under the crowd; everything is asked for when it goes and when it has been
        away for a while."""
        signed_in = [self.admin.send("POST", "/v1/auth", self.admin.secret).expect(200) for _ in range(2)]
        self.refresh_tokens = [answer["refresh_token"] for answer in signed_in]
        crowd = self.crowd
        crowd.start()
        time.sleep(1)
        begin()
        began = time.monotonic()
        wrong = [f"at once: {sentence}" for sentence in self.wrong_answers(self.is_refused_or_needs_no_storage_yet)]
        live = self.node.ready_status("/livez")
        unready = processes.wait_until(lambda: self.node.ready_status() == 503, NODE_NOTICES_S)
        time.sleep(max(0.0, began + lasts_s - ANSWER_LIMIT_S - time.monotonic()))
        wrong += [f"later: {sentence}" for sentence in self.wrong_answers(self.is_refused)]
        time.sleep(max(0.0, began + lasts_s - time.monotonic()))
        ended = time.monotonic()
        end()
        back = processes.wait_until(self.works, BACK_LIMIT_S)
        crowd.stop()
        wrong += [f"{moment.path}: answered after {moment.took_s:.2f} s with {moment.status} {moment.code}"
                  for moment in crowd.history.moments
                  if moment.began > began and moment.began + ANSWER_LIMIT_S < ended and moment.took_s > ANSWER_LIMIT_S]
        wrong += [f"{moment.path}: the connection ended" for moment in crowd.history.moments if moment.status is None]
        if wrong:
            self.fail("\n".join(wrong))
        self.assertEqual((live, unready), (200, True))
        self.assertTrue(back, f"does not work {BACK_LIMIT_S} s after storage is back:\n{self.node.daemon_log()[-3000:]}")
        self.assertEqual(self.node.daemon_pid(), self.pid)
        print(crowd.history.told(), flush=True)
        workload.compare(crowd.history, self.node)

    def works(self):
        """Ready, and something new can be written and read."""
        if self.node.ready_status() != 200:
            return False
        made = self.admin.post("/tasks", {"title": "back again"})
        return made.status == 201 and self.admin.get(f"/tasks/{made.json['id']}").status == 200

    def test_a_stopped_postgresql_is_503_in_time_and_its_return_is_enough(self):
        self.outage(lambda: self.database.tell("stop"), lambda: self.database.tell("start"), lasts_s=6)

    def test_a_frozen_connection_is_503_in_time_and_its_thaw_is_enough(self):
        self.outage(self.gate.freeze, self.gate.thaw, lasts_s=4)

    def test_a_connection_frozen_longer_than_the_lease_is_503_in_time_and_its_thaw_is_enough(self):
        self.outage(self.gate.freeze, self.gate.thaw, lasts_s=9)

    def test_a_frozen_postgresql_is_503_in_time_and_its_thaw_is_enough(self):
        self.outage(lambda: self.database.tell("freeze"), lambda: self.database.tell("thaw"), lasts_s=4)

    def test_a_single_request_at_a_frozen_connection_is_answered_in_time(self):
        """With nobody else about, no batch is under way from which the node could tell that storage is away."""
        for title in ("first", "second"):
            workload.settle(self.node, limit_s=30)
            self.gate.freeze()
            began = time.monotonic()
            answer = self.admin.post("/tasks", {"title": title})
            took_s = time.monotonic() - began
            self.gate.thaw()
            self.assertEqual(answer.status, 503)
            self.assertLess(took_s, ANSWER_LIMIT_S)
            self.assertTrue(processes.wait_until(self.works, BACK_LIMIT_S))


if __name__ == "__main__":
    unittest.main()
