"""Whatever dies, not one acknowledged thing is lost or doubled: processes are killed and replies to commits are lost under
many clients, and afterwards what the clients were told is compared with the books.

ATES_TEST_KILLS and ATES_TEST_SEED set how many kills there are and replay the schedule that a failing test has printed."""

import os
import random
import threading
import time
import unittest

import support
from support import processes

import postgres_gate  # test/support, where support.py has pointed to
import workload

KILLS = int(os.environ.get("ATES_TEST_KILLS", "8"))
SEED = os.environ.get("ATES_TEST_SEED") or str(random.SystemRandom().randrange(10**9))
BACK_LIMIT_S = 30
LOSSES = 12


class Kills(support.SystemTest):
    def test_every_2xx_is_in_the_books_once_whatever_is_killed(self):
        print(f"\nATES_TEST_SEED={SEED} ATES_TEST_KILLS={KILLS}", flush=True)
        node = self.start_node()
        crowd = workload.Crowd(node, SEED)
        crowd.start()
        for kind, delay_s, recovered_first in self.schedule():
            time.sleep(delay_s)
            if recovered_first:
                node.wait_ready(BACK_LIMIT_S)
            self.kill(node, kind)
        node.wait_ready(BACK_LIMIT_S)
        crowd.stop()
        print(crowd.history.told(), flush=True)
        workload.compare(crowd.history, node)
        self.assertIsNone(node.runner.poll(), "scripts/run has ended")

    def schedule(self):
        """(who is killed, seconds after the last kill, whether the node must be back by then)."""
        dice = random.Random(SEED)
        kinds = [("daemon", "postmaster", "daemon", "backend")[i % 4] for i in range(KILLS)]
        dice.shuffle(kinds)
        # What dies while it is coming back makes scripts/run wait longer and longer: not too often.
        return [(kind, dice.uniform(0.2, 2.5), dice.random() < 0.75) for kind in kinds]

    def kill(self, node, kind):
        """SIGKILL, as soon as there is somebody of this kind."""
        victims = []

        def found():
            try:
                victims[:] = {"daemon": lambda: [node.daemon_pid()],
                              "postmaster": lambda: [node.postmaster_pid()],
                              "backend": lambda: self.backends(node)}[kind]()
            except (OSError, ValueError):  # nobody, or somebody is just writing the file
                victims.clear()
            victims[:] = [pid for pid in victims if processes.alive(pid)]
            return victims

        self.wait_until(found, BACK_LIMIT_S, f"no {kind} to kill:\n{node.said()}")
        support.kill_and_wait(random.Random(f"{SEED}/{kind}").choice(victims))

    def backends(self, node):
        return [pid for pid in processes.find("postgres", working_directory=node.var / "pg")
                if "ates_" in processes.command_line(pid)[0]]


class LostReplies(support.SystemTest):
    """A gate before PostgreSQL loses single batches of the journal."""

    def start_behind_gate(self):
        database = self.make_postgres()
        gate = postgres_gate.PostgresGate(database.folder)
        self.addCleanup(gate.discard)
        return self.start_node(environment={"ATES_DATABASE_URL": support.postgres.connection_url(
            gate.folder, support.postgres.OWNER)}), gate

    def setUp(self):
        self.node, self.gate = self.start_behind_gate()
        self.admin = self.node.admin()
        person = {"name": "Ada", "login": "ada", "email": "ada@example.org", "role": "worker", "password": workload.PASSWORD}
        self.admin.post("/employees", person).expect(201)
        self.worker = self.node.client().sign_in("ada", workload.PASSWORD)
        self.pid = self.node.daemon_pid()

    def finish(self):
        """Books right, nothing in transit, and the same daemon as before."""
        workload.settle(self.node, limit_s=15)
        self.assertEqual(self.node.daemon_pid(), self.pid)

    def titles(self, title):
        return [task["id"] for task in self.admin.all("/tasks", q=title)]

    def rewards(self):
        log = self.worker.all("/accounts/me/log")
        return [entry["task"]["id"] for entry in log if entry["kind"] == "completion_reward"]

    def lose_while(self, mode, containing, act):
        """Loses the batch that `act` causes. Returns its answer and the Loss."""
        loss = self.gate.lose(mode, containing.encode())
        answer = act()
        self.assertTrue(loss.connection_ended.wait(5), "the batch has not passed the gate")
        if answer.status == 503:
            self.assertIn("Retry-After", answer.headers)
        return answer, loss

    def code(self, answer):
        return answer.json["code"] if answer.status == 503 else answer.status

    def test_a_creation_whose_commit_reply_was_lost_is_one_task(self):
        def create():
            return self.worker.post("/tasks", {"title": "with a key"}, key="one")
        answer, loss = self.lose_while("reply", "with a key", create)
        self.assertIsNone(loss.sqlstate())
        self.assertIn(self.code(answer), (201, "outcome_unknown"))
        again = create()
        self.assertEqual(again.expect(201)["id"], *self.titles("with a key"))
        self.assertEqual(again.headers.get("Idempotent-Replayed"), "true")
        self.finish()

    def test_a_creation_by_external_ref_whose_commit_reply_was_lost_is_one_task(self):
        def create():
            return self.worker.request("POST", "/tasks", {"title": "with a reference", "external_ref": "r1"})
        answer, _ = self.lose_while("reply", "with a reference", create)
        self.assertIn(self.code(answer), (201, "outcome_unknown"))
        self.assertEqual(create().expect(200)["id"], *self.titles("with a reference"))
        self.finish()

    def test_a_completion_whose_commit_reply_was_lost_is_paid_once(self):
        task = self.worker.post("/tasks", {"title": "to do"}).expect(201)["id"]

        def complete():
            return self.worker.post(f"/tasks/{task}/complete", key="done")
        answer, _ = self.lose_while("reply", task, complete)
        self.assertIn(self.code(answer), (200, "outcome_unknown"))
        self.assertEqual(complete().expect(200)["status"], "done")
        self.finish()
        self.assertEqual(self.rewards(), [task])

    def test_a_reward_whose_commit_reply_was_lost_is_posted_once(self):
        task = self.worker.post("/tasks", {"title": "to do"}).expect(201)["id"]
        loss = self.gate.lose("reply", b"completion_reward")
        self.worker.post(f"/tasks/{task}/complete").expect(200)
        self.assertTrue(loss.connection_ended.wait(5), "the posting has not passed the gate")
        self.finish()
        self.assertEqual(self.rewards(), [task])

    def test_a_batch_that_never_arrived_has_no_effect_until_it_is_repeated(self):
        def create():
            return self.worker.post("/tasks", {"title": "not arrived"}, key="one")
        answer, _ = self.lose_while("request", "not arrived", create)
        self.assertIn(self.code(answer), ("unavailable", "outcome_unknown"))
        self.assertEqual(self.titles("not arrived"), [])
        self.assertEqual(create().expect(201)["id"], *self.titles("not arrived"))
        self.finish()

    def test_a_batch_that_arrives_after_its_outcome_was_settled_is_refused_by_the_fence(self):
        def create():
            return self.worker.post("/tasks", {"title": "late"}, key="one")
        answer, loss = self.lose_while("late", "late", create)
        self.assertIn(self.code(answer), ("unavailable", "outcome_unknown"))
        created = create().expect(201)["id"]
        loss.deliver()
        self.assertTrue(loss.executed.wait(10), "PostgreSQL has not answered")
        self.assertEqual(loss.sqlstate(), "AT001")
        self.assertEqual(self.titles("late"), [created])
        self.finish()

    def test_a_shuffle_whose_commit_replies_were_lost_charges_once(self):
        task = self.worker.post("/tasks", {"title": "to shuffle"}).expect(201)["id"]
        losses = [self.gate.lose("reply", word) for word in (b"shuffle.requested", b"shuffled", b"shuffle.finished")]

        def shuffle():
            return self.admin.post("/tasks/assign", key="one")
        self.assertIn(self.code(shuffle()), (202, "outcome_unknown"))
        run = shuffle().expect(202)["id"]
        for loss in losses:
            self.assertTrue(loss.connection_ended.wait(10), f"no batch with {loss.containing} has passed the gate")
        self.finish()
        self.assertEqual([shown["id"] for shown in self.admin.all("/shuffles")], [run])
        log = self.worker.all("/accounts/me/log")
        self.assertEqual([entry["task"]["id"] for entry in log if entry["shuffle_id"] == run], [task])

    def test_under_many_clients_lost_batches_lose_and_double_nothing(self):
        print(f"\nATES_TEST_SEED={SEED}", flush=True)
        crowd = workload.Crowd(self.node, SEED)
        crowd.start()
        dice = random.Random(SEED)
        late = []
        for mode in dice.choices(("request", "reply", "late"), (3, 5, 2), k=LOSSES):
            time.sleep(dice.uniform(0.1, 1.0))
            loss = self.gate.lose(mode)
            self.assertTrue(loss.connection_ended.wait(20), "no batch has passed the gate")
            if mode == "late":
                late.append(loss)
                threading.Timer(dice.uniform(0.0, 0.3), loss.deliver).start()
        crowd.stop()
        print(crowd.history.told(), flush=True)
        for loss in late:
            self.assertTrue(loss.executed.wait(10), "PostgreSQL has not answered a late batch")
        workload.compare(crowd.history, self.node)
        self.finish()


if __name__ == "__main__":
    unittest.main()
