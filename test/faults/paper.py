"""A small history on paper, for the tests of the judge: two workers, tasks, a shuffle, a day paid out, as a run would find
them in the database and in the clients' memory. `paper.evidence()` is without fault."""

import collections
import copy
import hashlib
import types
import uuid

import deployment  # finds test/system
import answers
import company
import history
import model
import observer

DAY = "2026-01-05"
COMPANY = model.COMPANY
ADMIN, ADA, BOB = (str(uuid.UUID(int=number << 64)) for number in (1, 2, 3))
TASK, OTHER, RUN = (str(uuid.UUID(int=number << 64)) for number in (11, 12, 21))
HOME = {ADMIN: 4, ADA: 1, BOB: 2, TASK: 3, OTHER: 5}
PEOPLE = ((ADMIN, "Administrator", "admin"), (ADA, "Ada", "worker"), (BOB, "Bob", "worker"))
ROLES = {"admin": 1, "worker": 4}
FEE, REWARD = 200, 4000


class Paper:
    def __init__(self):
        self.log = collections.defaultdict(list)
        self.lines = collections.Counter()
        names = ("transfer", "account", "task", "task_state", "shard_day", "inbox_cursor", "mail")
        self.tables = {name: [] for name in names}
        self.seconds = 0
        self.balances = collections.defaultdict(lambda: {"balance": 0, "entries": 0, "fees": 0, "rewards": 0, "paid_out": 0})
        self.letters, self.given_up, self.stale = [], [], []
        self.leases = [[(1, 1)] * deployment.SHARDS for _ in range(3)]  # at each look of the observer
        self.verified = types.SimpleNamespace(clean=True, said="")
        self.history = history.History()
        for account, name, role in PEOPLE:
            self.hire(account, name, role)
        roster = sorted((ADA, BOB))
        self.seed = next(seed for seed in range(100) if company.drawn(seed, TASK, roster) == ADA)
        self.create(TASK, "sweep", ADA)
        self.create(OTHER, "mop", BOB)
        self.early = tuple(len(self.log.get(shard, ())) for shard in range(deployment.SHARDS))
        self.event(0, "shuffle.requested.v1", RUN, {"shuffle_id": RUN, "requested_by": ADMIN})
        drawn = {task: company.drawn(self.seed, task, roster) for task in (TASK, OTHER)}
        for task, before in ((TASK, ADA), (OTHER, BOB)):
            self.assign(task, drawn[task], before, "shuffled", RUN)
        self.event(0, "shuffle.finished.v1", RUN, {"shuffle_id": RUN, "open_tasks": 2, "reassigned": 2})
        self.complete(TASK, ADA)
        self.pay(ADA)
        self.finish(drawn[OTHER])

    # ── writing ──
    def now(self):
        self.seconds += 1
        return f"{DAY}T12:{self.seconds // 60:02}:{self.seconds % 60:02}.000000Z"

    def event(self, shard, kind, subject, data, target=None, cause=(None, None)):
        number = None
        if target is not None:
            self.lines[shard, target] += 1
            number = self.lines[shard, target]
        one = {"shard": shard, "seq": len(self.log[shard]) + 1, "epoch": 1, "at": self.now(), "type": kind,
               "subject": subject, "data": data, "target": target, "target_seq": number, "cause_source": cause[0],
               "cause_seq": cause[1]}
        self.log[shard].append(one)
        return one

    def hire(self, account, name, role):
        data = {"account_id": account, "name": name, "role": role, "active": True, "by": None}
        source = self.event(0, "directory.changed.v1", account, {**data, "created": True}, HOME[account])
        self.event(HOME[account], "account.created.v1", account, data, cause=(0, source["target_seq"]))

    def create(self, task, title, assignee):
        words = {"task_id": task, "title": title, "jira_id": None, "description": None, "created_by": ADMIN}
        self.event(HOME[task], "task.created.v2", task, words)
        self.event(HOME[task], "task.estimated.v1", task, {"task_id": task, "fee": FEE, "reward": REWARD})
        self.assign(task, assignee, None, "created", None)

    def assign(self, task, account, before, reason, run):
        data = {"task_id": task, "account_id": account, "previous_account_id": before, "reason": reason, "shuffle_id": run,
                "fee": FEE}
        source = self.event(HOME[task], "task.assigned.v1", task, data, HOME[account])
        self.post(account, "assignment_fee", -FEE, source)

    def complete(self, task, account):
        data = {"task_id": task, "account_id": account, "reward": REWARD, "fees": 2 * FEE}
        source = self.event(HOME[task], "task.completed.v1", task, data, HOME[account])
        self.post(account, "completion_reward", REWARD, source)

    def post(self, account, kind, amount, source=None):
        state = self.balances[account]
        state["balance"] += amount
        state["entries"] += 1
        state[{"assignment_fee": "fees", "completion_reward": "rewards", "payout": "paid_out"}[kind]] += abs(amount)
        cause = (source["shard"], source["target_seq"]) if source else (None, None)
        told = source["data"] if source else {}
        transfer = str(uuid.UUID(bytes=hashlib.md5(f"{account}/{state['entries']}".encode()).digest()))
        one = self.event(HOME[account], "audit_log_record.created.v1", account, {
            "transfer_id": transfer, "account_id": account, "day": DAY, "kind": kind, "amount": amount,
            "balance_after": state["balance"], "task_id": told.get("task_id")}, cause=cause)
        sides = (COMPANY[kind], account) if amount > 0 else (account, COMPANY[kind])
        numbers = {word: number for number, word in model.KINDS.items()}
        reasons = {word: number for number, word in model.REASONS.items()}
        self.tables["transfer"].append({
            "shard": HOME[account], "account": account, "entry": state["entries"], "id": transfer, "at": one["at"],
            "day": DAY, "kind": numbers[kind], "debit": sides[0], "credit": sides[1], "amount": abs(amount),
            "balance_after": state["balance"], "task": told.get("task_id"), "reason": reasons[told.get("reason")],
            "shuffle": told.get("shuffle_id")})

    def pay(self, account):
        amount = self.balances[account]["balance"]
        self.post(account, "payout", -amount)
        letter = {"account_id": account, "day": DAY, "amount": amount}
        self.event(HOME[account], "payment_log_record.created.v1", account, letter)
        self.tables["mail"].append({"shard": HOME[account], "account": account, "day": DAY, "amount": amount, "attempts": 1,
                                    "address": "ada@example.org", "status": 2, "message_id": "<one@ates>"})
        self.letters.append(("ada@example.org", "<one@ates>"))
        self.event(HOME[account], "email.sent.v1", account, letter)

    def finish(self, other_assignee):
        """The end of the day, the snapshots, and what the clients remember."""
        fees = sum(state["fees"] for state in self.balances.values())
        paid = sum(state["paid_out"] for state in self.balances.values())
        self.event(0, "day.closed.v1", RUN, {"day": DAY, "total_paid": paid, "earnings": fees - REWARD})
        for account, state in self.balances.items():
            self.tables["account"].append({"id": account, "shard": HOME[account], "open_day": DAY, **state})
            entries = [row for row in self.tables["transfer"] if row["account"] == account]
            self.tables["shard_day"].append({
                "shard": HOME[account], "day": DAY, **{name: state[name] for name in ("fees", "rewards", "paid_out")},
                "completed": sum(row["kind"] == 2 for row in entries), "paid": sum(row["kind"] == 3 for row in entries)})
        for task, title, status, assignee in ((TASK, "sweep", 2, ADA), (OTHER, "mop", 1, other_assignee)):
            times = {event["type"]: event["at"] for event in self.log[HOME[task]] if event["subject"] == task}
            self.tables["task"].append({
                "shard": HOME[task], "id": task, "title": title, "jira_id": "", "description": "", "fee": FEE,
                "reward": REWARD, "created_by": ADMIN, "created_at": times["task.created.v2"]})
            self.tables["task_state"].append({
                "shard": HOME[task], "id": task, "version": status + 1, "status": status, "assignee": assignee,
                "last_run": 1, "assigned_at": times["task.assigned.v1"], "completed_at": times.get("task.completed.v1")})
        for (source, target), position in self.lines.items():
            self.tables["inbox_cursor"].append({"shard": target, "source": source, "position": position})
        self.tables |= {
            "shard": [{"shard": shard, "owner": 1, "epoch": 1} for shard in range(deployment.SHARDS)],
            "shuffle": [{"run": 1, "id": RUN, "status": 3, "requested_by": ADMIN, "open_tasks": 2, "reassigned": 2,
                         "started_at": self.log[0][3]["at"], "finished_at": self.log[0][4]["at"], "seed": str(self.seed)}],
            "shuffle_roster": [{"run": 1, "account": account} for account in sorted((ADA, BOB))],
            "payout": [{"day": DAY, "status": 2, "accounts_paid": 1, "total_paid": paid}],
            "employee": [{"id": account, "login": name.lower(), "name": name, "role": ROLES[role], "active": True,
                          "leaving": False} for account, name, role in PEOPLE],
        }

    # ── what the clients remember ──
    def asked(self, kind, name, key, status, json, method="POST", path="/tasks", by=ADMIN, at=1.0, **wants):
        command = self.history.begin(kind, by, name, key, wants)
        command.add(self.exchange(method, path, status, json, by, at), status, json)

    def exchange(self, method, path, status, json, by=ADMIN, at=1.0, **query):
        one = history.Exchange(method, path, query, None, None, by, "node1", at, at + 0.1, status, json)
        self.history.keep(one)
        return one

    def shown(self, task, version):
        """The task as HTTP shows it in that version."""
        state = model.Model(self.books()).tasks[task][version - 1]
        task = {name: state[name] for name in ("id", "version", *answers.SHOWN)}
        return {**task, "assignee": {"id": state["assignee"], "name": "?"}, "external_ref": None}

    def remember(self):
        """Everything as it was, asked for at 1 s, when all was durable since 0 s."""
        for account, name in ((ADA, "Ada"), (BOB, "Bob")):
            self.asked("hire", name, name, 201, {"id": account}, path="/employees")
        for task, title in ((TASK, "sweep"), (OTHER, "mop")):
            self.asked("create", title, title, 201, self.shown(task, 1), title=title)
        self.asked("shuffle", "press", "press", 202, {"id": RUN}, path="/tasks/assign")
        self.asked("complete", TASK, None, 200, self.shown(TASK, 3), path=f"/tasks/{TASK}/complete", by=ADA)
        self.asked("close", "day", "day", 202, {"day": DAY}, path="/payouts")
        self.exchange("GET", f"/tasks/{TASK}", 200, self.shown(TASK, 3))
        self.exchange("GET", "/accounts/me", 200, {"account_id": ADA, "balance": 0, "today": {
            "day": DAY, **{name: self.balances[ADA][name] for name in ("fees", "rewards", "paid_out")}}}, by=ADA)
        self.exchange("GET", "/shuffles", 200, {"data": [{"id": RUN, "status": "done"}]})
        ids = [row["id"] for row in self.tables["transfer"] if row["account"] == ADA][::-1]
        self.exchange("GET", "/accounts/me/log", 200, {"data": [{"id": one} for one in ids]}, by=ADA, limit=50)
        self.history.events = [{"id": f"{event['shard']}-{event['seq']}", "type": event["type"], "data": event["data"],
                                "time": event["at"], "partitionkey": event["subject"]}
                               for events in self.log.values() for event in events
                               if event["type"] != "directory.changed.v1"]
        return self

    def books(self):
        events = [event for shard in sorted(self.log) for event in self.log[shard]]
        return types.SimpleNamespace(**copy.deepcopy(self.tables), event=events, log=self.log, events=lambda *kinds: [
            event for event in events if event["type"] in kinds])

    def evidence(self):
        found = self.books()
        watch = observer.Record()
        heads = tuple(len(self.log.get(shard, ())) for shard in range(deployment.SHARDS))
        for at, seen, leases in zip((-1.0, 0.0, 2.0), (self.early, heads, heads), self.leases):
            watch.add(at, seen, at, leases)
        return types.SimpleNamespace(
            books=found, model=model.Model(found), history=self.history, observer=watch, letters=self.letters,
            standstills=[], verified=self.verified, given_up=self.given_up, stale=self.stale,
            poisoned=set(), audited=[], has_read_all=True)
