"""Many times more than a node can do, and the same while PostgreSQL hardly answers: whoever cannot be served hears so, what
was accepted is there once, what was refused is not, and when it is over nothing is left of it."""

import collections
import json
import resource
import unittest

import attacks
import open_loop
import support

WAVES = 12
WAVE = 500
CROWD = 900
ROUNDS = 5
AT_WORK_MAX = 256 + 64  # http/limits.hpp: threads and waiting_requests
MEMORY_MAX_KIB = 400 * 1024
SILENCE_LIMIT_S = 30


class Overload(support.SystemTest):
    @classmethod
    def setUpClass(cls):
        # Each request that is under way has a descriptor here.
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 2 * WAVES * WAVE)), hard))
        cls.share_gated_node()
        cls.admin = cls.node.admin()
        ada = {"name": "Ada", "login": "ada", "email": "ada@example.org", "role": "worker"}
        cls.admin.post("/employees", ada).expect(201)
        cls.pid = cls.node.daemon_pid()

    def setUp(self):
        self.crowd = open_loop.Crowd(self.node.url)
        self.addCleanup(self.crowd.close)
        self.asked = []

    def tearDown(self):
        self.gate.thaw()
        self.assertEqual(self.node.daemon_pid(), self.pid)
        self.node.wait_ready()
        self.admin.post("/tasks", {"title": "as before"}).expect(201)
        self.assertLess(self.memory_peak_kib(), MEMORY_MAX_KIB)
        self.node.verify()

    def memory_peak_kib(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))

    def arrive(self, count):
        """So many want a task made, each a task of its own."""
        self.admin.renew()
        for _ in range(count):
            ref = f"{self.id()}-{len(self.asked)}"
            body = json.dumps({"title": "one of many", "external_ref": ref}).encode()
            headers = (f"Authorization: Bearer {self.admin.token}\r\n{attacks.JSON}Content-Length: {len(body)}\r\n"
                       f"X-Request-Id: {len(self.asked)}\r\n")
            self.crowd.ask(ref, attacks.request("POST /v1/tasks", headers, body))
            self.asked.append(ref)

    def answers(self, code):
        return [ref for ref, answer in self.crowd.heard.items() if self.kind_of(answer) == code]

    @staticmethod
    def kind_of(answer):
        return "accepted" if answer.status == 201 else answer.problem["code"]

    def check_answers(self):
        """Everybody has heard, what the contract allows; the books say the same."""
        self.assertTrue(self.crowd.listen(lambda: not self.crowd.waiting, SILENCE_LIMIT_S),
                        f"{len(self.crowd.waiting)} never hear anything")
        self.assertEqual(self.crowd.lost, [])
        for number, ref in enumerate(self.asked):
            answer = self.crowd.heard[ref]
            kind = self.kind_of(answer)
            self.assertIn((answer.status, kind), {(201, "accepted"), (503, "overloaded"), (503, "unavailable"),
                                                  (503, "outcome_unknown")})
            if answer.status == 503:
                self.assertIn("retry-after", answer.headers)
                self.assertEqual(answer.problem["request_id"], answer.headers["x-request-id"])
            if answer.headers.get("connection") != "close":
                self.assertEqual(answer.headers["x-request-id"], str(number))
        there = collections.Counter(task["external_ref"] for task in self.admin.all("/tasks"))
        self.assertEqual({ref: there[ref] for ref in self.answers("accepted") if there[ref] != 1}, {})
        self.assertEqual([ref for code in ("overloaded", "unavailable") for ref in self.answers(code) if there[ref]], [])
        self.assertEqual([ref for ref in self.answers("outcome_unknown") if there[ref] > 1], [])
        print(f"\n{dict(collections.Counter(map(self.kind_of, self.crowd.heard.values())))}, memory at most "
              f"{self.memory_peak_kib()} KiB", flush=True)

    def test_more_than_it_can_do_is_refused_and_what_is_accepted_is_done_once(self):
        for _ in range(WAVES):
            self.arrive(WAVE)
            before = len(self.crowd.heard)
            self.crowd.listen(lambda: len(self.crowd.heard) > before, SILENCE_LIMIT_S)  # the rest has not heard yet
        self.check_answers()
        self.assertGreater(len(self.answers("accepted")), 0)
        self.assertGreater(len(self.answers("overloaded")), 0)

    def test_while_postgresql_does_not_answer_all_but_a_bounded_number_are_refused_and_the_node_tells_of_itself(self):
        for _ in range(ROUNDS):
            before = len(self.crowd.heard)
            self.gate.freeze()
            self.arrive(CROWD)
            refused = before + CROWD - AT_WORK_MAX
            self.assertTrue(self.crowd.listen(lambda: len(self.crowd.heard) >= refused, SILENCE_LIMIT_S),
                            f"{len(self.crowd.waiting)} have not heard anything")
            self.assertEqual(self.node.ready_status("/livez"), 200)
            self.assertEqual(self.node.ready_status("/metrics"), 200)
            self.gate.thaw()
            self.assertTrue(self.crowd.listen(lambda: not self.crowd.waiting, SILENCE_LIMIT_S))
        self.check_answers()
        self.assertGreater(len(self.answers("accepted")), 0)


if __name__ == "__main__":
    unittest.main()
