"""The end of a business day: what was earned is paid out, debts stay, and what was closed never changes again."""

import collections

import company
import support

DAY_S = 86400


class Day(support.SystemTest):
    """It is noon when these tests begin, whatever the clock says."""

    def start_company(self):
        self.noon = company.noon_offset()
        staff = company.Company(self.start_node(environment={"ATES_CLOCK_OFFSET": str(self.noon)}))
        self.rich, self.indebted = staff.hire("worker", 2), staff.hire("accountant", 2)
        staff.hire("manager")  # has no entries at all
        owed = collections.Counter()
        for task in staff.post_tasks([f"Task {number}" for number in range(120)]):
            owed[task["assignee"]["id"]] -= task["fee"]
        for person in self.rich:
            client = staff.client(person)
            for task in client.all("/tasks", assignee="me"):
                client.post(f"/tasks/{task['id']}/complete").expect(200)
                owed[person["id"]] += task["reward"]
        staff.settle(owed)
        self.day = staff.accounts()[self.rich[0]["id"]]["today"]["day"]
        self.assertEqual({person["id"] for person in self.rich}, {who for who, sum_ in owed.items() if sum_ > 0})
        self.assertEqual({person["id"] for person in self.indebted}, {who for who, sum_ in owed.items() if sum_ < 0})
        return staff, owed

    def restart(self, staff, days):
        """Stops the node and starts it again so many days later."""
        staff.node.stop()
        staff.node.environment["ATES_CLOCK_OFFSET"] = str(self.noon + days * DAY_S)
        staff.node.start()
        staff.admin = staff.node.admin()

    def payouts_of(self, staff, owner_id):
        return [(entry["day"], entry["amount"], entry["balance_after"])
                for entry in staff.log(owner_id) if entry["kind"] == "payout"]

    def check_paid(self, staff, before):
        """The first day has been paid out: once, and to nobody else."""
        for owner, account in staff.accounts().items():
            paid = max(before[owner], 0)
            self.assertEqual(account["balance"], before[owner] - paid)
            self.assertEqual(self.payouts_of(staff, owner), [(self.day, -paid, 0)] if paid else [])

    def test_closing_pays_what_is_positive_leaves_debts_and_happens_once(self):
        staff, before = self.start_company()
        closed = staff.admin.post("/payouts")
        run = closed.expect(202)
        self.assertEqual((run["day"], run["requested_by"]), (self.day, staff.admin.account["id"]))
        self.assertEqual(closed.headers["Location"], f"/v1/payouts/{self.day}")
        run = staff.payout_done(self.day)
        paid = [balance for balance in before.values() if balance > 0]
        self.assertEqual((run["accounts_paid"], run["total_paid"]), (len(paid), sum(paid)))
        self.assertEqual(sum(run["mails"].values()), len(paid))
        self.assertLessEqual(company.instant(run["started_at"]), company.instant(run["finished_at"]))
        self.check_paid(staff, before)  # at once: a run that is done has posted everything
        for owner, account in staff.accounts().items():
            self.assertEqual(account["today"]["paid_out"], max(before[owner], 0))

        books = staff.logs()
        again = staff.admin.post("/payouts").expect(200)
        self.assertEqual({**again, "mails": None}, {**run, "mails": None})
        self.assertEqual({**staff.payout_done(self.day), "mails": None}, {**run, "mails": None})
        self.assertEqual(staff.logs(), books)
        staff.node.verify()

    def test_the_next_day_begins_with_zeros_and_the_old_log(self):
        staff, before = self.start_company()
        staff.close_day()
        books, balances = staff.logs(), staff.balances()
        self.restart(staff, days=1)
        for account in staff.accounts().values():
            self.assertEqual(account["today"], {"day": company.day_after(self.day),
                                                "fees": 0, "rewards": 0, "paid_out": 0, "net": 0})
        self.assertEqual(staff.balances(), balances)
        self.assertEqual(staff.logs(), books)
        for person in self.rich:
            self.assertEqual(staff.log(person["id"], day=self.day), staff.log(person["id"]))
            self.assertEqual(staff.log(person["id"], day=company.day_after(self.day)), [])
        self.check_paid(staff, before)
        staff.node.verify()

    def test_entries_after_the_close_belong_to_the_next_day(self):
        staff, before = self.start_company()
        staff.close_day()
        figures = {owner: account["today"] for owner, account in staff.accounts().items()}
        balances = collections.Counter(staff.balances())
        later = staff.post_tasks([f"Later task {number}" for number in range(40)])
        for owner, fees in company.fees_of(later).items():
            balances[owner] += fees
        task = staff.task_of(self.rich[0])
        staff.client(self.rich[0]).post(f"/tasks/{task['id']}/complete").expect(200)
        balances[self.rich[0]["id"]] += task["reward"]
        staff.settle(balances)
        # By the calendar it still is the closed day: no figure of it changes.
        self.assertEqual({owner: account["today"] for owner, account in staff.accounts().items()}, figures)
        tomorrow = company.day_after(self.day)
        entries = [entry for owner in balances for entry in staff.log(owner, day=tomorrow)]
        self.assertEqual(sum(entry["amount"] for entry in entries), task["reward"] - sum(one["fee"] for one in later))

        self.restart(staff, days=1)
        self.assertEqual(staff.balances(), dict(balances))
        expected = {owner: 0 for owner in balances} | company.fees_of(later)
        expected[self.rich[0]["id"]] += task["reward"]
        self.assertEqual({owner: account["today"]["net"] for owner, account in staff.accounts().items()}, expected)
        self.assertEqual({account["today"]["day"] for account in staff.accounts().values()}, {tomorrow})
        self.check_next_close(staff, tomorrow)
        staff.node.verify()

    def check_next_close(self, staff, day):
        """The day after is closed like any other."""
        before = staff.balances()
        run = staff.close_day()
        self.assertEqual((run["day"], run["total_paid"]), (day, sum(max(balance, 0) for balance in before.values())))
        self.assertEqual(staff.balances(), {owner: min(balance, 0) for owner, balance in before.items()})

    def test_days_missed_while_it_was_down_are_closed_in_order(self):
        staff, before = self.start_company()
        self.restart(staff, days=2)
        first, second = (staff.payout_done(company.day_after(self.day, days)) for days in (0, 1))
        self.assertEqual((first["requested_by"], first["total_paid"]),
                         (None, sum(max(balance, 0) for balance in before.values())))
        self.assertEqual((second["requested_by"], second["total_paid"], second["accounts_paid"]), (None, 0, 0))
        self.assertLessEqual(company.instant(first["started_at"]), company.instant(second["started_at"]))
        self.assertEqual(staff.admin.get(f"/payouts/{company.day_after(self.day, 2)}").status, 404)
        self.check_paid(staff, before)
        staff.node.verify()

    def test_the_close_survives_a_killed_daemon(self):
        staff, before = self.start_company()
        staff.admin.post("/payouts").expect(202)
        staff.node.kill_daemon()
        self.wait_until(lambda: staff.node.ready_status() == 200, 30, "not back")
        staff.payout_done(self.day)
        self.check_paid(staff, before)
        staff.node.verify()

    def test_payouts_are_for_those_who_may(self):
        staff, _ = self.start_company()
        manager = staff.client(staff.people[-1])
        worker, accountant = staff.client(self.rich[0]), staff.client(self.indebted[0])
        for client in (manager, worker, accountant):
            self.assertEqual(client.post("/payouts").expect(403)["code"], "forbidden")
        self.assertEqual(accountant.get(f"/payouts/{self.day}").expect(404)["code"], "not_found")
        staff.close_day()
        accountant.get(f"/payouts/{self.day}").expect(200)
        for client in (manager, worker):
            client.get(f"/payouts/{self.day}").expect(403)
        for no_day in ("2020-01-01", "2020-02-30", "today"):
            self.assertEqual(staff.admin.get(f"/payouts/{no_day}").expect(404)["code"], "not_found")
