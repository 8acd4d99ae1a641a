"""A shuffle and a payout whose supervisor is killed in the middle: another node finishes them, each task is charged once, each
account is paid once.

ATES_TEST_TASKS and ATES_TEST_ACCOUNTS set how many tasks are shuffled, and how many accounts are paid."""

import collections
import concurrent.futures
import random
import threading
import time
import unittest

import cluster_support
import company
import open_psql
import postgres
import tokens
import workload

TASKS = int(cluster_support.setting("TASKS", "3000"))
ACCOUNTS = int(cluster_support.setting("ACCOUNTS", "300"))
LIMIT_S = 60 + TASKS / 100
TRIES = 5  # a run may be over before it can be struck
CLIENTS = 8
TASKS_EACH = 4


class Bulk(cluster_support.ClusterTest):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.share_cluster()
        cls.staff = company.Company(cls.cluster)

    def kill_holder_while(self, running):
        """SIGKILL for the node of shard 0 once `running` (a question to the database) is more than 0. Whether it still was
        when the node was gone: else the run was faster than we."""
        holder = self.cluster.owner_of(0)
        self.wait_until(lambda: int(self.database.ask(running)) > 0, 30, f"never: {running}")
        self.cluster.kill(holder)
        was_running = int(self.database.ask(running)) > 0
        print(f"\n{holder} held shard 0 and is killed: {'in the middle' if was_running else 'too late'}", flush=True)
        return holder, was_running

    def setUp(self):
        self.database = open_psql.Psql(self.cluster.database_url(postgres.OWNER))
        self.addCleanup(self.database.close)

    def test_a_shuffle_whose_holder_is_killed_charges_each_task_once(self):
        staff, cluster = self.staff, self.cluster
        staff.hire("worker", 10)
        staff.post_tasks([f"bulk {number}" for number in range(TASKS)])
        for _ in range(TRIES):
            tasks = staff.tasks(status="open")
            asked = staff.admin.post("/tasks/assign").expect(202)["id"]
            holder, in_the_middle = self.kill_holder_while("select count(*) from shuffle where status = 2")
            began = time.monotonic()
            run = self.finished(asked)
            print(f"done {time.monotonic() - began:.1f} s after the kill: {run['reassigned']} of {run['open_tasks']}", flush=True)
            cluster.start_node(holder)
            self.assertEqual((run["status"], run["open_tasks"], run["reassigned"]), ("done", len(tasks), len(tasks)))
            self.assert_drawn_once(run, tasks)
            if in_the_middle:
                break
        self.assertTrue(in_the_middle, "every run was over before it could be struck")
        self.assert_sound(cluster)

    def finished(self, shuffle):
        """The edge may still be finding out who is there."""
        run = {}

        def over():
            answer = self.staff.admin.get(f"/shuffles/{shuffle}")
            run.update(answer.json if answer.status == 200 else {})
            return run.get("status") in ("done", "failed")
        self.wait_until(over, LIMIT_S, f"not over: {run}\n{self.cluster.last_words()}")
        return run

    def assert_drawn_once(self, run, tasks):
        roster = self.staff.admin.all(f"/shuffles/{run['id']}/roster")
        charged = collections.Counter()
        wrong = []
        for account in roster:
            for entry in self.staff.admin.all(f"/accounts/{account}/log"):
                if entry["shuffle_id"] == run["id"]:
                    charged[entry["task"]["id"]] += 1
                    if company.drawn(run["seed"], entry["task"]["id"], roster) != account:
                        wrong.append(f"{entry['task']['id']} is {account}'s")
        self.assertEqual(wrong, [])
        self.assertEqual(charged, collections.Counter(dict.fromkeys(tasks, 1)))

    def test_a_payout_whose_holder_is_killed_pays_each_account_once(self):
        staff, cluster = self.staff, self.cluster
        self.earn()
        due = {owner: balance for owner, balance in staff.balances().items() if balance > 0}
        key = f"close-{random.random()}"
        answers = []
        asking = threading.Thread(target=lambda: answers.append(self.ask_until_answered(key)), daemon=True)
        asking.start()
        holder, in_the_middle = self.kill_holder_while("select count(*) from payout where status = 1")
        asking.join()
        [day] = answers
        began = time.monotonic()
        done = staff.payout_done(day, LIMIT_S)
        print(f"done {time.monotonic() - began:.1f} s later: {done['accounts_paid']} accounts", flush=True)
        cluster.start_node(holder)
        self.assert_sound(cluster)
        self.assertEqual((done["accounts_paid"], done["total_paid"]), (len(due), sum(due.values())))
        self.assertEqual([owner for owner, balance in staff.balances().items() if balance > 0], [])
        for owner in due:
            entries = [entry for entry in staff.log(owner) if entry["kind"] == "payout"]
            self.assertEqual([(entry["day"], -entry["amount"]) for entry in entries], [(day, due[owner])])
        self.assertTrue(in_the_middle, "the run was over before it could be struck")

    def ask_until_answered(self, key):
        client = self.cluster.admin()
        for _ in range(200):
            answer = client.post("/payouts", key=key)
            if answer.status in (200, 202):
                return answer.json["day"]
            time.sleep(0.1)
        raise AssertionError(f"never closed: {answer.body}")

    def earn(self):
        """ACCOUNTS people, nearly all of whom complete something: a reward is at least the fee."""
        seal = tokens.Seal(self.cluster)

        def hire(number):
            person = {"name": f"Earner {number}", "login": f"earner{number}", "email": f"e{number}@example.org", "role": "worker"}
            return self.staff.admin.post("/employees", person).expect(201)

        def work(person):
            client = seal.client(person)
            for task in client.all("/tasks", assignee="me", status="open"):
                client.post(f"/tasks/{task['id']}/complete").expect(200)
            client.close()

        people = [hire(number) for number in range(ACCOUNTS)]
        self.staff.post_tasks([f"earn {number}" for number in range(TASKS_EACH * ACCOUNTS)])
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(work, people))
        workload.settle(self.cluster, cluster_support.SETTLED_LIMIT_S)


if __name__ == "__main__":
    unittest.main()
