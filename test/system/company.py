"""A company on a node: its people, its books as HTTP shows them, and the contract's rules computed a second time.

    staff = company.start(self)
    ada, grace = staff.hire("worker", 2)
    staff.client(ada).post("/tasks", {"title": "Tidy up"}).expect(201)
    staff.settle(company.fees_of(staff.tasks().values()))
"""

import collections
import concurrent.futures
import datetime
import hashlib
import math
import re
import statistics
import time
import uuid

import support

PASSWORD = "correct horse battery"
POSTING_S = 2  # contract.md B15
POSTING_LIMIT_S = 20  # a busy machine; what takes longer than promised is printed
ROLES_ASSIGNABLE = ("worker", "accountant")
DOLLAR = 100


class Company:
    def __init__(self, node):
        self.node = node
        self.admin = node.admin()
        self.people = []  # hired, in order: {id, name, role, login, …}

    # ── people ──
    def hire(self, role, count=1):
        """New employees who can sign in."""
        hired = []
        for _ in range(count):
            number = len(self.people) + 1
            person = {"name": f"Person {number}", "login": f"person{number}", "email": f"person{number}@example.org",
                      "role": role, "password": PASSWORD}
            hired.append(self.admin.post("/employees", person).expect(201))
            self.people.append(hired[-1])
        return hired

    def client(self, person):
        return self.node.client().sign_in(person["login"], PASSWORD)

    def clients(self, people):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return list(pool.map(self.client, people))

    def assignable_ids(self):
        return sorted(person["id"] for person in self.people if person["role"] in ROLES_ASSIGNABLE)

    # ── work ──
    def post_tasks(self, titles):
        """New tasks out of titles, as answered."""
        made = []
        for begin in range(0, len(titles), 500):
            items = [{"title": title} for title in titles[begin:begin + 500]]
            results = self.admin.post("/tasks/batch", {"tasks": items}).expect(200)["results"]
            assert all(result["status"] == 201 for result in results), results[:3]
            made += [result["task"] for result in results]
        return made

    def tasks(self, **query):
        return {task["id"]: task for task in self.admin.all("/tasks", **query)}

    def task_of(self, person):
        """An open task of theirs; makes tasks until there is one."""
        for number in range(1000):
            own = self.admin.get("/tasks", assignee=person["id"], status="open", limit=1).expect(200)["data"]
            if own:
                return own[0]
            self.post_tasks([f"For whom it may concern {number}"])
        raise AssertionError(f"1000 draws have missed {person}")

    def shuffle(self):
        """One finished run."""
        return self.finished(self.admin.post("/tasks/assign").expect(202)["id"])

    def finished(self, shuffle_id, limit_s=30):
        """The run, once it is over."""
        run = {}

        def over():
            run.update(self.admin.get(f"/shuffles/{shuffle_id}").expect(200))
            return run["status"] in ("done", "failed")
        assert support.processes.wait_until(over, limit_s), f"not over after {limit_s} s: {run}"
        return run

    def close_day(self):
        """The finished payout run of a close by hand."""
        return self.payout_done(self.admin.post("/payouts").expect(202)["day"])

    def payout_done(self, day, limit_s=30):
        last = []

        def done():
            last[:] = [self.admin.get(f"/payouts/{day}")]
            return last[0].status == 200 and last[0].json["status"] == "done"
        assert support.processes.wait_until(done, limit_s), f"not done after {limit_s} s: {last[0]}"
        return last[0].json

    # ── books ──
    def accounts(self):
        return {account["account_id"]: account for account in self.admin.all("/accounts")}

    def balances(self):
        return {owner: account["balance"] for owner, account in self.accounts().items()}

    def log(self, owner_id, **query):
        """Entries of one account, oldest first."""
        return self.admin.all(f"/accounts/{owner_id}/log", **query)[::-1]

    def logs(self):
        """Every entry there is, each with its `account_id`; oldest first in each account."""
        return [{**entry, "account_id": owner} for owner in self.accounts() for entry in self.log(owner)]

    def settle(self, expected, since=None):
        """Insists that the balances become `expected` (missing ids: 0). `since` (time.monotonic(), default now) they are
        owed."""
        began = time.monotonic() if since is None else since
        while True:
            asked = time.monotonic()
            differing = {owner: (balance, expected.get(owner, 0)) for owner, balance in self.balances().items()
                         if balance != expected.get(owner, 0)}
            if not differing:
                if asked > began + POSTING_S:
                    print(f"\nposted {asked - began:.2f} s later (promised: {POSTING_S} s)", flush=True)
                return
            if asked > began + POSTING_LIMIT_S:
                raise AssertionError(f"balances after {POSTING_LIMIT_S} s, (shown, expected): {differing}")


def start(test):
    """The company of a new node of this test, on which it is noon: no day ends while the test runs."""
    return Company(test.start_node(environment={"ATES_CLOCK_OFFSET": str(noon_offset())}))


def fees_of(tasks):
    """What each assignee owes when each of these tasks has been assigned once: account id -> balance."""
    owed = collections.Counter()
    for task in tasks:
        owed[task["assignee"]["id"]] -= task["fee"]
    return owed


def drawn(seed, task_id, roster):
    """Who gets the task: the formula of contract.md §3, GET /shuffles/{id}/roster."""
    count = len(roster)
    for k in range(256):
        said = int(seed).to_bytes(8, "big") + uuid.UUID(task_id).bytes + bytes([k])
        number = int.from_bytes(hashlib.sha256(said).digest()[:8], "big")
        if number < count * (2**64 // count):
            return roster[number % count]
    raise AssertionError("256 misses")


def task_name(title, jira_id=None):
    """B12: (jira_id or None, title), or None when it is refused."""
    match = re.fullmatch(r"\s*\[([A-Z][A-Z0-9_]{0,19}-[0-9]{1,10})\]\s*(-\s*)?(.+)", title, re.ASCII)
    if match and jira_id and match[1] != jira_id:
        return None
    jira_id, title = (match[1], match[3].strip()) if match else (jira_id or None, title.strip())
    if not title or len(title) > 500 or "[" in title or "]" in title:
        return None
    return jira_id, title


def chance_of(counts):
    """How likely counts at least as uneven are, if each of them was equally probable (chi-square test; the
    distribution as approximated by Wilson and Hilferty)."""
    counts = list(counts)
    expected = sum(counts) / len(counts)
    square = sum((count - expected) ** 2 for count in counts) / expected
    freedom = len(counts) - 1
    spread = 2 / (9 * freedom)
    deviation = ((square / freedom) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)
    return 1 - statistics.NormalDist().cdf(deviation)


def instant(text):
    """A time of the API. It always is UTC."""
    assert text.endswith("Z"), text
    return datetime.datetime.fromisoformat(text)


def noon_offset():
    """An ATES_CLOCK_OFFSET with which it is noon on some day now, so that no day ends during a test."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return round((now.replace(hour=12, minute=0, second=0) - now).total_seconds())


def day_after(day, days=1):
    return str(datetime.date.fromisoformat(day) + datetime.timedelta(days))
