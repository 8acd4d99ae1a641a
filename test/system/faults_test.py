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

# Taken out of the environment: atesd refuses a variable ATES_… that it does not know.
KILLS = int(os.environ.pop("ATES_TEST_KILLS", "8"))
SEED = os.environ.pop("ATES_TEST_SEED", None) or str(random.SystemRandom().randrange(10**9))
BACK_LIMIT_S = 30
SETTLED_LIMIT_S = 30
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
    """A gate before PostgreSQL loses single batches of the journal. One node for all of them: they also show that each
    loss leaves it as good as new."""

    @classmethod
    def setUpClass(cls):
        cls.share_gated_node()
        cls.admin = cls.node.admin()
        person = {"name": "Ada", "login": "ada", "email": "ada@example.org", "role": "worker", "password": workload.PASSWORD}
        cls.admin.post("/employees", person).expect(201)
        cls.worker = cls.node.client().sign_in("ada", workload.PASSWORD)
        cls.pid = cls.node.daemon_pid()

    @classmethod
    def tearDownClass(cls):
        cls.node.stop()
        assert cls.node.processes() == [], "processes left behind"

    def setUp(self):
        self.title = self.id().rsplit(".", 1)[1]  # what this test creates, and nobody else

    def finish(self):
        """Nothing under way any more, books right, and the same daemon as before."""
        workload.settle(self.node, limit_s=SETTLED_LIMIT_S)
        self.assertEqual(self.node.daemon_pid(), self.pid)

    def create_task(self):
        return self.worker.post("/tasks", {"title": self.title}, key=self.title)

    def created(self):
        """Ids of this test's tasks that are in the books."""
        return [task["id"] for task in self.admin.all("/tasks", q=self.title)]

    def entries(self, task, kind):
        """Entries of the worker's log for this task, of one kind."""
        log = self.worker.all("/accounts/me/log")
        return [entry for entry in log if entry["task"] and entry["task"]["id"] == task and entry["kind"] == kind]

    def lose_while(self, mode, containing, act):
        """Loses the batch that `act` causes. Returns what the client heard, a status or the code of a 503, and the Loss."""
        loss = self.gate.lose(mode, containing.encode())
        answer = act()
        self.assertTrue(loss.connection_ended.wait(SETTLED_LIMIT_S), "the batch has not passed the gate")
        if answer.status != 503:
            return answer.status, loss
        self.assertIn("Retry-After", answer.headers)
        return answer.json["code"], loss

    def until_answered(self, act):
        """What it is told when it repeats what a node that is still settling its shards has refused."""
        answers = []

        def answered():
            answers.append(act())
            return answers[-1].status != 503
        self.wait_until(answered, SETTLED_LIMIT_S, "it is refused for ever")
        return answers[-1]

    def test_a_creation_whose_commit_reply_was_lost_is_one_task(self):
        heard, loss = self.lose_while("reply", self.title, self.create_task)
        self.assertIsNone(loss.sqlstate(), "PostgreSQL has not written it")
        self.assertIn(heard, (201, "outcome_unknown"))
        again = self.until_answered(self.create_task)
        self.assertEqual(self.created(), [again.expect(201)["id"]])
        self.assertEqual(again.headers.get("Idempotent-Replayed"), "true")
        self.finish()

    def test_a_creation_by_external_ref_whose_commit_reply_was_lost_is_one_task(self):
        def create():
            return self.worker.request("POST", "/tasks", {"title": self.title, "external_ref": self.title})
        heard, _ = self.lose_while("reply", self.title, create)
        self.assertIn(heard, (201, "outcome_unknown"))
        self.assertEqual(self.created(), [self.until_answered(create).expect(200)["id"]])
        self.finish()

    def test_a_completion_whose_commit_reply_was_lost_is_paid_once(self):
        task = self.create_task().expect(201)["id"]
        # The batch that posts the fee names the task too: it must not be the one that is lost.
        self.wait_until(lambda: self.entries(task, "assignment_fee"), SETTLED_LIMIT_S, "the fee was not posted")

        def complete():
            return self.worker.post(f"/tasks/{task}/complete", key=self.title)
        heard, _ = self.lose_while("reply", task, complete)
        self.assertIn(heard, (200, "outcome_unknown"))
        self.assertEqual(self.until_answered(complete).expect(200)["status"], "done")
        self.finish()
        self.assertEqual(len(self.entries(task, "completion_reward")), 1)

    def test_a_reward_whose_commit_reply_was_lost_is_posted_once(self):
        task = self.create_task().expect(201)["id"]
        loss = self.gate.lose("reply", b"completion_reward")
        self.worker.post(f"/tasks/{task}/complete").expect(200)
        self.assertTrue(loss.connection_ended.wait(SETTLED_LIMIT_S), "the posting has not passed the gate")
        self.finish()
        self.assertEqual(len(self.entries(task, "completion_reward")), 1)

    def test_a_batch_that_never_arrived_has_no_effect_until_it_is_repeated(self):
        heard, _ = self.lose_while("request", self.title, self.create_task)
        self.assertIn(heard, ("unavailable", "outcome_unknown"))
        self.assertEqual(self.created(), [])
        again = self.until_answered(self.create_task)
        self.assertEqual(self.created(), [again.expect(201)["id"]])
        self.assertNotIn("Idempotent-Replayed", again.headers)
        self.finish()

    def test_a_batch_that_arrives_after_its_outcome_was_settled_is_refused_by_the_fence(self):
        heard, loss = self.lose_while("late", self.title, self.create_task)
        self.assertIn(heard, ("unavailable", "outcome_unknown"))
        created = self.until_answered(self.create_task).expect(201)["id"]
        loss.deliver()
        self.assertTrue(loss.executed.wait(SETTLED_LIMIT_S), "PostgreSQL has not answered")
        self.assertEqual(loss.sqlstate(), "AT001")
        self.assertEqual(self.created(), [created])
        self.finish()

    def test_a_shuffle_whose_commit_replies_were_lost_charges_once(self):
        task = self.create_task().expect(201)["id"]
        losses = [self.gate.lose("reply", step) for step in (b"shuffled", b"shuffle.finished")]

        def shuffle():
            return self.admin.post("/tasks/assign", key=self.title)
        heard, _ = self.lose_while("reply", "shuffle.requested", shuffle)
        self.assertIn(heard, (202, "outcome_unknown"))
        run = self.until_answered(shuffle).expect(202)["id"]
        for loss in losses:
            self.assertTrue(loss.connection_ended.wait(SETTLED_LIMIT_S), f"no batch with {loss.containing}")
        self.finish()
        self.assertEqual([shown["id"] for shown in self.admin.all("/shuffles")], [run])
        fees = [entry["shuffle_id"] for entry in self.entries(task, "assignment_fee")]
        self.assertEqual(sorted(fees, key=str), sorted([None, run], key=str))


class LostBatches(support.SystemTest):
    def test_under_many_clients_lost_batches_lose_and_double_nothing(self):
        print(f"\nATES_TEST_SEED={SEED}", flush=True)
        database = self.make_postgres()
        gate = postgres_gate.PostgresGate(database.folder)
        self.addCleanup(gate.discard)
        url = support.postgres.connection_url(gate.folder, support.postgres.OWNER)
        node = self.start_node(environment={"ATES_DATABASE_URL": url})
        pid = node.daemon_pid()
        crowd = workload.Crowd(node, SEED)
        crowd.start()
        losses = self.lose_batches(gate)
        crowd.stop()
        print(crowd.history.told(), flush=True)
        for loss in losses:
            self.assertTrue(loss.mode == "request" or loss.executed.wait(10), "PostgreSQL has not answered")
        workload.compare(crowd.history, node)
        self.assertEqual(node.daemon_pid(), pid)

    def lose_batches(self, gate):
        dice = random.Random(SEED)
        losses = []
        for mode in dice.choices(("request", "reply", "late"), (3, 5, 2), k=LOSSES):
            time.sleep(dice.uniform(0.1, 1.0))
            losses.append(gate.lose(mode))
            self.assertTrue(losses[-1].connection_ended.wait(SETTLED_LIMIT_S), "no batch has passed the gate")
            if mode == "late":
                threading.Timer(dice.uniform(0.0, 0.3), losses[-1].deliver).start()
        return losses


if __name__ == "__main__":
    unittest.main()
