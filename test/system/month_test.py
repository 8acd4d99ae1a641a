"""A made-up month: every figure that the company shows is what a slow recomputation out of the ledger says."""

import collections
import csv
import datetime
import io
import os
import random

import company
import support

DAY_S = 86400
MONTH_DAYS = 31
SEED = os.environ.pop("ATES_TEST_SEED", None) or str(random.randrange(10**9))  # no setting of the daemon
FEE, REWARD, PAYOUT = "assignment_fee", "completion_reward", "payout"


def dates(first, last):
    """Every day from one to the other."""
    day = datetime.date.fromisoformat(first)
    while str(day) <= last:
        yield str(day)
        day += datetime.timedelta(days=1)


class Recomputed:
    """What the ledger, and the tasks, make of each day. Slow and simple on purpose."""

    def __init__(self, entries, tasks):
        self.entries = entries  # of everybody, oldest first in each account
        self.tasks = tasks
        self.fees_of_life = collections.Counter()
        for entry in self.of(FEE):
            self.fees_of_life[entry["task"]["id"]] -= entry["amount"]

    def of(self, kind, day=None, account=None):
        return [entry for entry in self.entries if entry["kind"] == kind
                and day in (None, entry["day"]) and account in (None, entry["account_id"])]

    def sum(self, kind, day, account=None):
        return abs(sum(entry["amount"] for entry in self.of(kind, day, account)))

    def balance(self, account, through):
        return sum(entry["amount"] for entry in self.entries if entry["account_id"] == account and entry["day"] <= through)

    def top(self, first, last=None):
        done = [self.tasks[entry["task"]["id"]] for entry in self.of(REWARD) if first <= entry["day"] <= (last or first)]
        if not done:
            return None
        best = min(done, key=lambda task: (-task["reward"], task["completed_at"], task["id"]))
        return {**{key: best[key] for key in ("id", "title", "jira_id", "reward", "completed_at")},
                "completed_by": best["assignee"]["id"]}

    def earnings(self, day):
        fees, rewards = self.sum(FEE, day), self.sum(REWARD, day)
        return {"day": day, "fees": fees, "rewards": rewards, "earnings": fees - rewards}

    def account_day(self, account, day):
        return {"day": day, "fees": self.sum(FEE, day, account), "rewards": self.sum(REWARD, day, account),
                "paid_out": self.sum(PAYOUT, day, account), "closing_balance": self.balance(account, day)}

    def closed_day(self, day, accounts):
        done = [self.tasks[entry["task"]["id"]] for entry in self.of(REWARD, day)]
        profits = [self.fees_of_life[task["id"]] - task["reward"] for task in done]
        before = [self.balance(account, day) + self.sum(PAYOUT, day, account) for account in accounts]
        return {"day": day, "earnings": self.earnings(day)["earnings"], "top_task": self.top(day),
                "tasks_completed": len(done), "tasks_in_profit": sum(profit > 0 for profit in profits),
                "tasks_in_deficit": sum(profit < 0 for profit in profits),
                "accounts_in_profit": sum(balance > 0 for balance in before),
                "accounts_in_debt": sum(balance < 0 for balance in before), "total_paid": self.sum(PAYOUT, day)}


class Month(support.SystemTest):
    maxDiff = 4000
    working_days = 7

    def setUp(self):
        print(f"ATES_TEST_SEED={SEED}", flush=True)
        self.random = random.Random(SEED)
        self.noon = company.noon_offset()
        self.assignments = self.completions = 0
        self.closed = {}  # day -> its figures when they were first seen

    def go_to(self, staff, days):
        """The same company so many days after the first."""
        staff.node.stop()
        staff.node.environment["ATES_CLOCK_OFFSET"] = str(self.noon + days * DAY_S)
        staff.node.start()
        staff.admin = staff.node.admin()
        staff.payout_done(company.day_after(self.first, days - 1), limit_s=60)
        self.see_closed_days(staff)

    def see_closed_days(self, staff):
        for figures in staff.admin.all("/analytics/days"):
            self.assertEqual(self.closed.setdefault(figures["day"], figures), figures, "a closed day has changed")

    def work(self, staff):
        titles = [f"[WORK-{self.random.randrange(5)}] Task {number}" for number in range(self.random.randrange(4, 20))]
        self.assignments += len(staff.post_tasks(titles))
        if self.random.random() < 0.6:
            self.assignments += staff.shuffle()["reassigned"]
        clients = {person["id"]: client for person, client in zip(staff.people, staff.clients(staff.people))}
        tasks = sorted(staff.tasks(status="open").values(), key=lambda task: task["id"])
        for task in self.random.sample(tasks, self.random.randrange(len(tasks))):
            clients[task["assignee"]["id"]].post(f"/tasks/{task['id']}/complete").expect(200)
            self.completions += 1

    def live_through_a_month(self):
        staff = company.Company(self.start_node(environment={"ATES_CLOCK_OFFSET": str(self.noon)}))
        staff.hire("worker", 3), staff.hire("accountant"), staff.hire("manager")
        self.first = staff.accounts()[staff.people[0]["id"]]["today"]["day"]
        days = sorted(self.random.sample(range(1, MONTH_DAYS - 1), self.working_days - 2)) + [MONTH_DAYS - 1]
        by_hand = set(self.random.sample(days, 2))
        self.work(staff)
        for day in days:
            self.go_to(staff, day)
            self.work(staff)
            if day in by_hand:
                staff.close_day()
                self.see_closed_days(staff)
                self.work(staff)  # of the next day, by the cut-off
        self.last = company.day_after(self.first, MONTH_DAYS - 1)

        def settled():
            ledger = collections.Counter(entry["kind"] for entry in staff.admin.all("/accounting/log"))
            return (ledger[FEE], ledger[REWARD]) == (self.assignments, self.completions)
        self.wait_until(settled, 10, "not everything is posted")
        return staff

    def test_every_figure_is_what_the_ledger_says(self):
        staff = self.live_through_a_month()
        entries = staff.admin.all("/accounting/log")
        self.check_ledger(staff, entries)
        books = Recomputed(entries[::-1], staff.tasks())
        accounts = sorted(staff.accounts())
        self.check_earnings(staff, books)
        self.check_account_days(staff, books, accounts)
        self.check_payouts(staff, books)
        self.check_analytics(staff, books, accounts)
        self.check_csv(staff)
        staff.node.verify()

    def check_ledger(self, staff, entries):
        """One list of all accounts: newest first, each entry once, the same as in its account's log."""
        times = [entry["at"] for entry in entries]
        self.assertEqual(times, sorted(times, reverse=True))
        self.assertEqual(len({entry["id"] for entry in entries}), len(entries))
        self.assertEqual(staff.admin.all("/accounting/log", limit=7), entries)
        by_id = {entry["id"]: {key: value for key, value in entry.items() if key not in ("account_id", "name")}
                 for entry in entries}
        names = {person["id"]: person["name"] for person in staff.admin.all("/employees")}
        for owner in staff.accounts():
            own = staff.log(owner)
            self.assertEqual([by_id[entry["id"]] for entry in own], own)
            self.assertEqual({entry["id"] for entry in own},
                             {entry["id"] for entry in entries if entry["account_id"] == owner})
            listed = staff.admin.all("/accounting/log", account=owner)
            self.assertEqual([entry["id"] for entry in listed], [entry["id"] for entry in own[::-1]])
        self.assertEqual({entry["account_id"]: entry["name"] for entry in entries},
                         {owner: names[owner] for owner in {entry["account_id"] for entry in entries}})
        for day in dates(self.first, self.last):
            self.assertEqual(staff.admin.all("/accounting/log", day=day), [e for e in entries if e["day"] == day])
        for kind in (FEE, REWARD, PAYOUT):
            self.assertEqual(staff.admin.all("/accounting/log", kind=kind), [e for e in entries if e["kind"] == kind])

    def check_earnings(self, staff, books):
        days = [books.earnings(day) for day in dates(self.first, self.last)]
        total = {key: sum(day[key] for day in days) for key in ("fees", "rewards", "earnings")}
        self.assertEqual(staff.admin.get("/accounting/earnings", **{"from": self.first, "to": self.last}).expect(200),
                         {"days": days, "total": total})
        self.assertEqual(staff.admin.get("/accounting/earnings", **{"from": self.first}).expect(200)["days"], days)
        today = staff.admin.get("/accounting/earnings").expect(200)
        self.assertEqual(today["days"], days[-1:])
        far = {"from": "2001-01-01", "to": "2002-01-01"}
        self.assertEqual(len(staff.admin.get("/accounting/earnings", **far).expect(200)["days"]), 366)
        staff.admin.get("/accounting/earnings", **{**far, "to": "2002-01-02"}).expect(400)
        staff.admin.get("/accounting/earnings", **{"from": self.last, "to": self.first}).expect(400)

    def check_account_days(self, staff, books, accounts):
        for owner in accounts:
            shown = staff.admin.get(f"/accounts/{owner}/days", **{"from": self.first, "to": self.last}).expect(200)
            self.assertEqual(shown["data"], [books.account_day(owner, day) for day in dates(self.first, self.last)])
        own = staff.client(staff.people[0]).get("/accounts/me/days", to=self.first).expect(200)
        self.assertEqual(own["data"], [books.account_day(staff.people[0]["id"], self.first)])

    def check_payouts(self, staff, books):
        runs = staff.admin.all("/payouts", limit=5)
        self.assertEqual([run["day"] for run in runs], sorted(self.closed, reverse=True))
        for run in runs:
            self.assertEqual(run, {**staff.payout_done(run["day"]), "mails": run["mails"]})
            paid = {entry["account_id"]: -entry["amount"] for entry in books.of(PAYOUT, run["day"])}
            register = staff.admin.all(f"/payouts/{run['day']}/accounts", limit=2)
            self.assertEqual({payee["account_id"]: payee["amount"] for payee in register}, paid)
            self.assertEqual((run["accounts_paid"], run["total_paid"]), (len(paid), sum(paid.values())))
            self.assertLessEqual({payee["mail"] for payee in register}, {"queued", "sent", "failed"})

    def check_analytics(self, staff, books, accounts):
        shown = staff.admin.all("/analytics/days", limit=4)
        self.assertEqual(shown, [books.closed_day(day, accounts) for day in sorted(self.closed, reverse=True)])
        some = {"from": company.day_after(self.first, 3), "to": company.day_after(self.first, 9)}
        self.assertEqual(staff.admin.all("/analytics/days", **some),
                         [day for day in shown if some["from"] <= day["day"] <= some["to"]])
        today = datetime.date.fromisoformat(self.last)
        periods = {"day": self.last, "week": str(today - datetime.timedelta(days=today.weekday())),
                   "month": str(today.replace(day=1))}
        asked = [({"period": period}, since) for period, since in periods.items()]
        for query, since in [*asked, ({}, self.last), ({"from": self.first, "to": self.last}, self.first)]:
            self.assertEqual(staff.admin.get("/analytics/most-expensive", **query).expect(200), {
                "days": [{"day": day, "task": books.top(day)} for day in dates(since, self.last)],
                "overall": books.top(since, self.last)})
        net = {owner: books.sum(REWARD, self.last, owner) - books.sum(FEE, self.last, owner) for owner in accounts}
        self.assertEqual(staff.admin.get("/analytics/today").expect(200), {
            "day": self.last, "earnings": books.earnings(self.last)["earnings"],
            "negative_accounts": sum(balance < 0 for balance in staff.balances().values()),
            "negative_today": sum(value < 0 for value in net.values())})

    def check_csv(self, staff):
        """The ledger as CSV, page after page, says what it says in JSON."""
        path, rows = "/v1/accounting/log?limit=50", []
        while path:
            page = staff.admin.request("GET", path.removeprefix("/v1"), headers={"Accept": "text/csv"})
            self.assertEqual(page.status, 200)
            self.assertTrue(page.headers["Content-Type"].startswith("text/csv"))
            self.assertEqual(page.headers["Vary"], "Accept")
            rows += csv.DictReader(io.StringIO(page.body.decode(), newline=""))
            link = page.headers["Link"] or ""
            path = link[1:link.index(">")] if link else None
        entries = staff.admin.all("/accounting/log")
        self.assertEqual([(row["id"], row["account_id"], int(row["amount"]), row["task_title"]) for row in rows],
                         [(entry["id"], entry["account_id"], entry["amount"],
                           entry["task"]["title"] if entry["task"] else "") for entry in entries])
