"""A backlog in CSV becomes tasks: parsed, priced, assigned and charged, each row once."""

import collections
import csv
import json
import random
import time
import unittest

import company
import support

REAL_BACKLOG = support.ROOT.parent / "shared" / "data" / "backlog.csv"
FEES = [dollars * company.DOLLAR for dollars in range(10, 21)]
REWARDS = [dollars * company.DOLLAR for dollars in range(20, 41)]


def made_up_backlog(path, rows=3000, refused=17):
    """Titles of every shape that B12 tells apart, some rows twice; so many of them may not come in."""
    dice = random.Random(20260101)
    shapes = ("Mend the {} of {}", "[PAR-{}] Mend the {}", "[OPS_2-{}] - Mend, then paint, the {}", "PAR-{} mends {}",
              "  Mend “{}” at «{}»  ", 'Say "{}", {}', "Überhole {} für {}")
    faults = ("Mend [the] {} of {}", "[par-{}] Mend the {}", "Mend the {} of {}]", "[PAR-{}]", "[PAR-{}] [x] {}")
    lines = [["PAR-7" if dice.random() < 0.3 else "", None, f"2020-01-{number % 28 + 1:02}"] for number in range(rows)]
    wrong = set(dice.sample(range(rows), refused))
    for number, line in enumerate(lines):
        shape = dice.choice(faults if number in wrong else shapes)
        line[1] = shape.format(dice.randrange(300), dice.randrange(9))
        if shape.startswith("["):
            line[0] = ""
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["jira_id", "title", "reported_on"], *lines])


def rows_of(path):
    """(line, jira_id, title) of each row."""
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        return [(reader.line_num, row["jira_id"], row["title"]) for row in reader]


class Import(support.SystemTest):
    def test_a_made_up_backlog_becomes_tasks_once(self):
        node = self.start_node()
        path = node.folder / "backlog.csv"
        made_up_backlog(path)
        self.check_import(node, path)

    @unittest.skipUnless(REAL_BACKLOG.exists(), f"{REAL_BACKLOG} is not there")
    def test_the_real_backlog_becomes_tasks_once(self):
        self.check_import(self.start_node(), REAL_BACKLOG)

    def check_import(self, node, path):
        staff = company.Company(node)  # with the admin: 45
        for role, count in (("worker", 30), ("accountant", 10), ("manager", 3), ("admin", 1)):
            staff.hire(role, count)
        node.atesctl("login", "admin", ATES_PASSWORD=(node.var / "admin-password").read_text().strip())
        rows = rows_of(path)
        names = [(line, company.task_name(title, jira_id)) for line, jira_id, title in rows]
        good = [name for _, name in names if name]
        bad_lines = [line for line, name in names if not name]
        self.assertEqual((len(rows), len(good), len(bad_lines)), (3000, 2983, 17))

        self.import_file(node, path, created=2983, known=0, bad_lines=bad_lines)
        answered_at = time.monotonic()
        tasks = staff.tasks()
        staff.settle(company.fees_of(tasks.values()), since=answered_at)
        self.check_tasks(staff, tasks, good)
        self.check_walk(staff, tasks)

        self.import_file(node, path, created=0, known=2983, bad_lines=bad_lines)
        self.assertEqual(staff.tasks(), tasks)
        staff.settle(company.fees_of(tasks.values()))
        node.verify()

    def import_file(self, node, path, created, known, bad_lines):
        done = node.atesctl("--json", "import", path)
        report = json.loads(done.stdout)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual((report["rows"], report["created"], report["known"]), (3000, created, known))
        self.assertEqual([row["line"] for row in report["refused"]], bad_lines)
        for row in report["refused"]:
            self.assertIn("title", row["reason"])
        self.assertEqual(report["ignored_columns"], ["reported_on"])

    def check_tasks(self, staff, tasks, names):
        self.assertEqual(collections.Counter((task["jira_id"], task["title"]) for task in tasks.values()),
                         collections.Counter(names))
        self.assertEqual({task["status"] for task in tasks.values()}, {"open"})
        assigned = collections.Counter(task["assignee"]["id"] for task in tasks.values())
        self.assertEqual(sorted(assigned), staff.assignable_ids())
        fees = collections.Counter(task["fee"] for task in tasks.values())
        rewards = collections.Counter(task["reward"] for task in tasks.values())
        self.assertEqual(sorted(fees), FEES)
        self.assertEqual(sorted(rewards), REWARDS)
        for counts in (assigned, fees, rewards):
            self.assertGreater(company.chance_of(counts.values()), 1e-6, counts)

    def check_walk(self, staff, tasks):
        """Pages of any size meet each task once, newest first."""
        for limit in (500, 97):
            walked = staff.admin.all("/tasks", limit=limit)
            self.assertEqual(sorted(task["id"] for task in walked), sorted(tasks))
            times = [company.instant(task["created_at"]) for task in walked]
            self.assertEqual(times, sorted(times, reverse=True))
        one = next(iter(staff.assignable_ids()))
        of_one = {key for key, task in tasks.items() if task["assignee"]["id"] == one}
        self.assertEqual(set(staff.tasks(assignee=one, limit=7)), of_one)
