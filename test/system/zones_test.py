"""Business days in time zones: each entry on the right one, each day closed once and in order, over changes of the clock and
over days that the system was down. Which day an instant belongs to was worked out by hand."""

import collections
import datetime
import unittest

import company
import support

FEE, REWARD, PAYOUT = "assignment_fee", "completion_reward", "payout"
CLOSED_LIMIT_S = 60


def instant(text):
    return datetime.datetime.fromisoformat(text)


def offset_to(text):
    """The ATES_CLOCK_OFFSET with which it is this instant now."""
    return str(round((instant(text) - datetime.datetime.now(datetime.timezone.utc)).total_seconds()))


def dates(first, last):
    """Every day from one to the other, as text."""
    day = datetime.date.fromisoformat(first)
    while str(day) <= last:
        yield str(day)
        day += datetime.timedelta(days=1)


class Zones(support.SystemTest):
    def start_at(self, moment, zone, ends_at):
        self.node = self.start_node(environment={"ATES_EXCHANGE_TIMEZONE": zone, "ATES_EXCHANGE_DAY_ENDS_AT": ends_at,
                                                 "ATES_CLOCK_OFFSET": offset_to(moment)})
        self.staff = company.Company(self.node)
        self.staff.hire("worker", 2), self.staff.hire("accountant")
        self.entries = {}  # by id, as they were first seen

    def go_to(self, moment):
        self.node.stop()
        self.node.environment["ATES_CLOCK_OFFSET"] = offset_to(moment)
        self.node.start()
        self.staff.admin = self.node.admin()

    def work(self):
        """Three tasks, one of them completed: returns the entries, all of them posted."""
        made = self.staff.post_tasks([f"Task {number}" for number in range(3)])
        worker = self.staff.people[0]
        task = self.staff.task_of(worker)
        self.staff.client(worker).post(f"/tasks/{task['id']}/complete").expect(200)
        expected = {(FEE, task["id"]) for task in made} | {(REWARD, task["id"])}
        fresh = []

        def posted():
            fresh[:] = [entry for entry in self.staff.logs() if entry["id"] not in self.entries and entry["kind"] != PAYOUT]
            return expected <= {(entry["kind"], entry["task"]["id"]) for entry in fresh}
        self.wait_until(posted, 10, "not everything is posted")
        return fresh

    def check_books(self):
        """No entry that was there before has changed; afterwards all are known."""
        now = {entry["id"]: entry for entry in self.staff.logs()}
        for entry_id, entry in self.entries.items():
            self.assertEqual(now[entry_id], entry)
        self.entries = now

    def check_closed(self, first, today):
        """Every day before `today` is closed: by the schedule, once, in order, with what was earned by its end paid out."""
        closed = list(dates(first, company.day_after(today, -1)))
        for day in closed:
            self.staff.payout_done(day, limit_s=CLOSED_LIMIT_S)
        runs = self.staff.admin.all("/payouts")[::-1]
        self.assertEqual([run["day"] for run in runs], closed)
        self.assertEqual([run["requested_by"] for run in runs], [None] * len(runs))
        starts = [company.instant(run["started_at"]) for run in runs]
        ends = [company.instant(run["finished_at"]) for run in runs]
        for run in range(1, len(runs)):
            self.assertLessEqual(ends[run - 1], starts[run], "a day was closed before the one before it")
        self.check_books()
        paid, balance = collections.defaultdict(dict), collections.Counter()
        for entry in self.entries.values():
            if entry["kind"] == PAYOUT:
                self.assertNotIn(entry["account_id"], paid[entry["day"]], "paid twice")
                paid[entry["day"]][entry["account_id"]] = -entry["amount"]
        for day in closed:
            for entry in self.entries.values():
                if entry["day"] == day and entry["kind"] != PAYOUT:
                    balance[entry["account_id"]] += entry["amount"]
            self.assertEqual(paid[day], {owner: sum_ for owner, sum_ in balance.items() if sum_ > 0}, day)
            balance.subtract(paid[day])
        self.assertEqual([day for day in paid if day not in closed and paid[day]], [])
        self.check_days(first, today)

    def check_days(self, first, today):
        """What the days show is what their entries say."""
        earned = collections.Counter()
        for entry in self.entries.values():
            if entry["kind"] != PAYOUT:
                earned[entry["day"]] -= entry["amount"]
        shown = self.staff.admin.get("/accounting/earnings", **{"from": first, "to": today}).expect(200)["days"]
        self.assertEqual({day["day"]: day["earnings"] for day in shown}, {day: earned[day] for day in dates(first, today)})
        figures = {day["day"]: day["earnings"] for day in self.staff.admin.all("/analytics/days")}
        self.assertEqual(figures, {day: earned[day] for day in dates(first, company.day_after(today, -1))})

    def live(self, zone, ends_at, moments):
        """`moments`: (instant, business day) at which somebody works; between them the node is down."""
        first = moments[0][1]
        for number, (moment, day) in enumerate(moments):
            with self.subTest(f"{zone} {ends_at}, {moment}"):
                if number == 0:
                    self.start_at(moment, zone, ends_at)
                else:
                    self.go_to(moment)
                self.check_closed(first, day)
                shown = {account["today"]["day"] for account in self.staff.accounts().values()}
                self.assertEqual(shown, {day})
                for entry in self.work():
                    self.assertEqual(entry["day"], day)
                    self.assertGreaterEqual(company.instant(entry["at"]), instant(moment))
                self.check_books()
        self.node.verify()

    def test_berlin_over_the_change_to_summer_and_down_over_two_midnights(self):
        self.live("Europe/Berlin", "00:00", [
            ("2026-03-27T12:00:00+01:00", "2026-03-27"),
            ("2026-03-28T23:50:00+01:00", "2026-03-28"),
            ("2026-03-29T00:10:00+01:00", "2026-03-29"),
            ("2026-03-29T23:50:00+02:00", "2026-03-29"),  # 22:50 without the change
            ("2026-03-30T00:10:00+02:00", "2026-03-30"),  # 23:10 of the 29th without it
            ("2026-04-01T12:00:00+02:00", "2026-04-01")])

    def test_berlin_over_the_change_to_winter_and_down_over_two_midnights(self):
        self.live("Europe/Berlin", "00:00", [
            ("2026-10-24T23:50:00+02:00", "2026-10-24"),
            ("2026-10-25T00:10:00+02:00", "2026-10-25"),
            ("2026-10-25T23:50:00+01:00", "2026-10-25"),  # 00:50 of the 26th without the change
            ("2026-10-26T00:10:00+01:00", "2026-10-26"),
            ("2026-10-28T00:10:00+01:00", "2026-10-28")])

    def test_berlin_where_the_end_of_the_day_is_skipped(self):
        self.live("Europe/Berlin", "02:30", [
            ("2026-03-28T02:20:00+01:00", "2026-03-27"),
            ("2026-03-29T01:50:00+01:00", "2026-03-28"),
            ("2026-03-29T03:10:00+02:00", "2026-03-29"),  # the gap ended at 03:00; 02:30 would have been at 03:30
            ("2026-03-30T02:20:00+02:00", "2026-03-29"),
            ("2026-03-30T02:40:00+02:00", "2026-03-30")])

    def test_berlin_where_the_end_of_the_day_comes_twice(self):
        self.live("Europe/Berlin", "02:30", [
            ("2026-10-25T02:20:00+02:00", "2026-10-24"),
            ("2026-10-25T02:40:00+02:00", "2026-10-25"),  # the first 02:30 has ended it
            ("2026-10-25T02:20:00+01:00", "2026-10-25"),
            ("2026-10-26T02:20:00+01:00", "2026-10-25"),
            ("2026-10-26T02:40:00+01:00", "2026-10-26")])

    def test_kathmandu_where_the_day_ends_in_the_evening_and_down_over_two_ends(self):
        self.live("Asia/Kathmandu", "20:00", [
            ("2026-11-21T19:50:00+05:45", "2026-11-21"),
            ("2026-11-21T20:10:00+05:45", "2026-11-22"),
            ("2026-11-22T19:50:00+05:45", "2026-11-22"),
            ("2026-11-25T12:00:00+05:45", "2026-11-25")])

    def test_a_day_of_25_hours_that_ends_while_people_work(self):
        midnight = instant("2026-10-26T00:00:00+01:00")
        self.start_at("2026-10-25T23:59:30+01:00", "Europe/Berlin", "00:00")

        def new_day():
            days = {entry["day"] for entry in self.work()}
            self.check_books()
            return "2026-10-26" in days
        self.wait_until(new_day, 90, "nothing is posted on the new day")
        self.check_closed("2026-10-25", "2026-10-26")
        for entry in self.entries.values():
            if entry["kind"] != PAYOUT:
                self.assertEqual(entry["day"], "2026-10-25" if company.instant(entry["at"]) < midnight else "2026-10-26")
        self.node.verify()


if __name__ == "__main__":
    unittest.main()
