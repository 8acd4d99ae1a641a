"""A payout over many accounts and a shuffle over many tasks, struck again and again in the middle: each account is paid
once, each task is drawn once and charged once.

ATES_TEST_ACCOUNTS and ATES_TEST_TASKS set how many; ATES_TEST_SEED repeats the moments that a run has printed. What it
is meant for: ATES_TEST_ACCOUNTS=20000 ATES_TEST_TASKS=200000."""

import collections
import http.client
import json
import os
import random
import shutil
import subprocess
import threading
import time
import unittest

import company
import support
from support import postgres, processes

import cluster_node  # scripts/lib and test/support, where support.py has pointed to
import open_psql
import services
import workload

# Taken out of the environment: atesd refuses a variable ATES_… that it does not know.
ACCOUNTS = int(os.environ.pop("ATES_TEST_ACCOUNTS", "600"))
TASKS = int(os.environ.pop("ATES_TEST_TASKS", "2500"))
SEED = os.environ.pop("ATES_TEST_SEED", None) or str(random.SystemRandom().randrange(10**9))
PAYOUT_KILLS = 10
SHUFFLE_KILLS = 5
SHUFFLE_RESTARTS = 2
RUNS = 20  # a small run may be over before all strikes are done: then another one is begun
LATEST = 0.8  # part of a run: a later strike often comes too late
TASKS_EACH = 3  # of an account, on average: 5 in 100 have none
SPARE = 1.1  # accounts, for those that nobody is due anything
DAY_S = 86400
COPY = "again"  # a database
LIMIT_S = 300 + (ACCOUNTS + TASKS) / 100
PAID, SHUFFLED = 3, 2  # transfer.kind, transfer.reason


class Daemon(services.Daemon):
    def __init__(self, site):
        super().__init__(site.var, "127.0.0.1", cluster_node.free_port())
        self.site = site

    def environment(self):
        return self.site.environment


class LoneNode(support.Site):
    """atesd alone, on a PostgreSQL of its own; made-up books are put into it. Nobody but us starts it again. It is noon."""

    def __init__(self, accounts, tasks):
        super().__init__()
        self.storage = support.ThrowawayPostgres()
        for folder in ("log", "run"):
            (self.var / folder).mkdir(parents=True)
        # Later than now: books that are put in are not of the future.
        self.environment["ATES_CLOCK_OFFSET"] = str(company.noon_offset() % DAY_S)
        self.daemon = Daemon(self)
        self.url = self.daemon.url()
        self.psql = None
        self.use(postgres.DATABASE)
        assert self.daemon.spawn(self.owner_url(), "--migrate").wait(support.START_LIMIT_S) == 0, self.daemon.log.tail()
        # What the making of the administrator has put on its way is taken in by a node first.
        self.start()
        workload.settle(self, support.START_LIMIT_S)
        self.daemon.stop()
        words = [support.BINARIES / "bench_prepare", "--url", self.owner_url(), "--tasks", tasks, "--accounts", accounts]
        done = subprocess.run(list(map(str, words)), check=True, capture_output=True, text=True)
        print("", done.stdout, end="", flush=True)
        self.run_as_owner("checkpoint")  # a restart of PostgreSQL must not have all of it to do again

    def discard(self):
        self.daemon.stop()
        self.daemon.log.file.close()
        self.psql.close()
        self.storage.discard()
        assert self.discard_folder() == [], "processes left behind"

    # ── life ──
    def start(self):
        """Returns when it serves."""
        self.launch()
        assert processes.wait_until(self.daemon.is_ready, support.START_LIMIT_S, step_s=0.02), self.daemon.log.tail()

    def launch(self):
        self.daemon.log.mark()
        self.daemon.database_url = self.database_url()
        self.daemon.process = self.daemon.launch()

    def use(self, database):
        """From the next start on."""
        self.database = database
        self.environment["ATES_DATABASE_URL"] = postgres.connection_url(self.storage.folder, postgres.APP, database)
        if self.psql:
            self.psql.close()
        self.psql = open_psql.Psql(self.database_url())

    def start_on_copy(self):
        """As start(), on a copy of the books as they were at the first call."""
        self.daemon.stop()
        self.use(COPY)
        self.run_as_owner(f"drop database if exists {COPY}")
        self.run_as_owner(f"create database {COPY} template {postgres.DATABASE}")
        shutil.rmtree(self.var / "mail", ignore_errors=True)
        self.start()

    def owner_url(self, database=None):
        return postgres.connection_url(self.storage.folder, postgres.OWNER, database or self.database)

    def run_as_owner(self, statement):
        """Not within the books."""
        subprocess.run(["psql", "-qX", self.owner_url("postgres"), "-c", statement], check=True, stderr=subprocess.DEVNULL)

    # ── faults ──
    def kill(self):
        """SIGKILL, and an immediate start."""
        assert self.daemon.process.poll() is None, f"it has ended by itself:\n{self.daemon.log.tail()}"
        self.daemon.process.kill()
        self.daemon.process.wait()
        self.launch()

    def restart_storage(self):
        """As `pg_ctl restart -m immediate` does. The daemon stays."""
        self.storage.tell("stop")
        self.storage.tell("start")

    # ── work ──
    def complete_all(self, tasks):
        """So many open tasks, each by its assignee, until the rewards are posted."""
        words = [support.BINARIES / "bench_http", "--url", self.owner_url(), "--node", self.url.removeprefix("http://"),
                 "--key", self.var / "keys" / "jwt.pem", "--tasks", tasks]
        done = subprocess.run(list(map(str, words)), capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads(done.stdout)["completed"] == tasks, done.stdout

    # ── books ──
    def rows(self, query):
        """Of the database itself: one tuple of words per row."""
        return [tuple(row.split("|")) for row in self.sql(query).splitlines()]

    def number(self, query):
        """None: PostgreSQL does not answer now."""
        said = self.psql.ask(query)
        return None if said is None else int(said)


class Strikes:
    """What is still to happen, each at a random moment of whatever run it falls into."""

    def __init__(self, node, seed, verbs):
        self.node = node
        self.dice = random.Random(seed)
        self.left = list(verbs)
        self.dice.shuffle(self.left)
        self.done = []

    def during(self, running, progress, size):
        """Strikes while `running`, a condition in SQL, holds and until it does not: each when `progress`, a count in SQL,
        has come to a random part of `size`, and further than at the last strike. Only what leaves some of it to be done
        has struck."""
        last = -1
        for part in sorted(self.dice.uniform(0, LATEST) for _ in self.left):
            if not self.wait(running, f"{progress} >= {max(last + 1, int(part * size))}"):
                return
            verb = self.left.pop()
            verb()
            last = int(self.ask(progress))
            if last >= size or self.ask(running) == "f":
                self.left.append(verb)
                print(f"  {verb.__name__} came too late", flush=True)
                return
            self.done.append(verb)
            print(f"  {len(self.done)}. {verb.__name__} at {last} of {size}", flush=True)

    def wait(self, running, is_due):
        """Whether that came while it was running."""
        until = time.monotonic() + LIMIT_S
        while time.monotonic() < until:
            said = self.node.psql.ask(f"select {running}, {is_due}")
            if said in ("t|t", "f|t", "f|f"):
                return said == "t|t"
        raise AssertionError(f"never: {is_due}\n{self.node.daemon.log.tail()}")

    def ask(self, value):
        """Waits for PostgreSQL if that is away."""
        said = []
        assert processes.wait_until(lambda: said.append(self.node.psql.ask(f"select {value}")) or said[-1] is not None,
                                    LIMIT_S), "PostgreSQL does not answer"
        return said[-1]


class Bulk(support.SystemTest):
    def start(self, accounts, tasks):
        print(f"\nATES_TEST_SEED={SEED} ATES_TEST_ACCOUNTS={ACCOUNTS} ATES_TEST_TASKS={TASKS}", flush=True)
        self.node = LoneNode(accounts, tasks)
        self.addCleanup(self.node.discard)
        self.node.start()
        self.staff = company.Company(self.node)

    def ask_until_answered(self, path, key):
        """The same request again and again, whatever becomes of the node."""
        answers = []

        def is_answered():
            try:
                answers.append(self.staff.admin.post(path, key=key))
            except (OSError, http.client.HTTPException):
                return False
            return answers[-1].status != 503
        self.wait_until(is_answered, LIMIT_S, f"{path} is never answered")
        return answers[-1].expect(202)

    def wait_done(self, condition):
        began = time.monotonic()
        self.wait_until(lambda: self.node.psql.ask(f"select {condition}") == "t", LIMIT_S, f"never: {condition}")
        print(f"  done {time.monotonic() - began:.1f} s after the last strike", flush=True)

    def settle_and_verify(self):
        """Nothing under way any more, and `atesd --verify` finds nothing."""
        workload.settle(self.node, LIMIT_S)

    # ── the payout ──
    def test_a_payout_struck_ten_times_pays_each_account_once(self):
        accounts = int(SPARE * ACCOUNTS)
        self.start(accounts, TASKS_EACH * accounts)
        self.node.complete_all(TASKS_EACH * accounts)
        workload.settle(self.node, LIMIT_S)
        strikes = Strikes(self.node, SEED, [self.node.kill] * PAYOUT_KILLS)
        for _ in range(RUNS):
            self.node.start_on_copy()
            day, due = self.pay_out(strikes)
            if not strikes.left:
                break
        self.assertEqual(len(strikes.done), PAYOUT_KILLS, "runs were too short to be struck")
        self.assert_letters_left_once(day, due)
        self.settle_and_verify()

    def pay_out(self, strikes):
        """One day, closed under strikes, and everything about it: (the day, account -> amount)."""
        node = self.node
        due = {account: int(balance) for account, balance in node.rows("select id, balance from account where balance > 0")}
        owing = dict(node.rows("select id, balance from account where balance <= 0"))
        self.assertGreaterEqual(len(due), ACCOUNTS, "too few have earned something")
        day = self.staff.admin.get("/accounts/me").expect(200)["today"]["day"]
        print(f"  {day}: {len(due)} accounts are due {sum(due.values())}", flush=True)
        answers = []
        asking = threading.Thread(target=lambda: answers.append(self.ask_until_answered("/payouts", f"close-{day}")))
        asking.start()
        of_day = f"(select status from payout where day = '{day}')"
        self.wait_until(lambda: node.psql.ask(f"select {of_day} = 1 or {of_day} = 2") == "t", LIMIT_S, "it never begins")
        strikes.during(f"{of_day} = 1", f"(select count(*) from transfer where kind = {PAID} and day = '{day}')", len(due))
        asking.join()
        self.assertEqual([answer["day"] for answer in answers], [day])
        self.wait_done(f"{of_day} = 2")
        self.assert_paid_once(day, due)
        self.assertEqual(dict(node.rows("select id, balance from account where balance <> 0")),
                         {account: balance for account, balance in owing.items() if balance != "0"})
        run = self.staff.admin.get(f"/payouts/{day}").expect(200)
        self.assertEqual((run["accounts_paid"], run["total_paid"]), (len(due), sum(due.values())))
        self.settle_and_verify()
        return day, due

    def assert_paid_once(self, day, due):
        """The entry, the event and the queued letter of each."""
        def of(query):
            return sorted((account, int(amount)) for account, amount in self.node.rows(query))
        expected = sorted(due.items())
        self.assertEqual(of(f"select account, amount from transfer where kind = {PAID} and day = '{day}'"), expected)
        self.assertEqual(of("select data ->> 'account_id', data ->> 'amount' from event "
                            f"where type = 'payment_log_record.created.v1' and data ->> 'day' = '{day}'"), expected)
        self.assertEqual(of(f"select account, amount from mail where day = '{day}'"), expected)

    def assert_letters_left_once(self, day, due):
        node = self.node
        self.wait_until(lambda: node.number(f"select count(*) from mail where day = '{day}' and status = 1") == 0, LIMIT_S,
                        "letters stay queued")
        sent = node.rows("select data ->> 'account_id' from event "
                         f"where type = 'email.sent.v1' and data ->> 'day' = '{day}'")
        self.assertEqual(sorted(account for account, in sent), sorted(due))
        self.assertEqual([letter.name for letter in node.letters(day)], [f"{account}.eml" for account in sorted(due)])

    # ── the shuffle ──
    def test_a_shuffle_struck_seven_times_draws_and_charges_each_task_once(self):
        self.start(max(10, TASKS // 1000), TASKS)
        node = self.node
        strikes = Strikes(node, SEED, [node.kill] * SHUFFLE_KILLS + [node.restart_storage] * SHUFFLE_RESTARTS)
        for _ in range(RUNS):
            asked = self.ask_until_answered("/tasks/assign", f"shuffle-{random.random()}")["id"]
            status = f"(select status from shuffle where id = '{asked}')"
            self.wait_until(lambda: node.psql.ask(f"select {status} > 1") == "t", LIMIT_S, "it never begins")
            [(run,)] = node.rows(f"select run from shuffle where id = '{asked}'")
            strikes.during(f"{status} = 2", f"(select count(*) from task_state where last_run = {run})", TASKS)
            self.wait_done(f"{status} > 2")
            self.assert_drawn_once(asked, run)
            if not strikes.left:
                break
        counts = collections.Counter(verb.__name__ for verb in strikes.done)
        self.assertEqual(counts, {"kill": SHUFFLE_KILLS, "restart_storage": SHUFFLE_RESTARTS}, "runs were too short")
        self.settle_and_verify()

    def assert_drawn_once(self, shuffle, run):
        """Each open task has one task.assigned and one fee of this run, for the one that the formula names."""
        node = self.node
        shown = self.staff.admin.get(f"/shuffles/{shuffle}").expect(200)
        self.assertEqual((shown["status"], shown["open_tasks"], shown["reassigned"]), ("done", TASKS, TASKS))
        roster = [account for account, in node.rows(
            f"select account from shuffle_roster where run = {run} order by ordinal")]
        self.assertEqual(roster, sorted(roster))
        fees = dict(node.rows("select id, fee from task"))
        expected = sorted((task, company.drawn(shown["seed"], task, roster), fee) for task, fee in fees.items())
        self.assertEqual(len(expected), TASKS)
        self.assertEqual(sorted(node.rows("select subject, data ->> 'account_id', data ->> 'fee' from event where "
                                          f"type = 'task.assigned.v1' and data ->> 'shuffle_id' = '{shuffle}'")), expected)
        self.assertEqual(sorted(node.rows("select task, account, amount from transfer where "
                                          f"shuffle = '{shuffle}' and reason = {SHUFFLED}")), expected)
        self.assertEqual(sorted(node.rows(f"select id, assignee from task_state where status = 1 and last_run = {run}")),
                         [(task, account) for task, account, _ in expected])
        self.assertEqual(node.rows("select data ->> 'open_tasks', data ->> 'reassigned' from event where "
                                   f"type = 'shuffle.finished.v1' and data ->> 'shuffle_id' = '{shuffle}'"),
                         [(str(TASKS), str(TASKS))])


if __name__ == "__main__":
    unittest.main()
