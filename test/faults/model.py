"""A second implementation of the business, with one thread and no cleverness: it replays the log, shard by shard in the
order of commits, by the rules of contract.md §1. What the log says that these rules do not, it calls wrong.

    model.tasks[id]      the states of a task: item n is version n + 1, with the (shard, seq) that made it durable
    model.accounts[id]   the entries of an account: item n is entry n + 1
    model.people[id]     the states of an employee"""

import collections

from books import where

FEES, REWARDS = range(100, 301, 100), range(2000, 4001, 100)  # as deployment.py sets them, and by default
COMPANY = {"assignment_fee": "00000000-0000-0000-0000-000000000001",
           "completion_reward": "00000000-0000-0000-0000-000000000002",
           "payout": "00000000-0000-0000-0000-000000000003"}
KINDS = {1: "assignment_fee", 2: "completion_reward", 3: "payout"}
REASONS = {1: "created", 2: "shuffled", 3: "released", None: None}
TASK_EVENTS = ("task.created.v2", "task.estimated.v1", "task.assigned.v1", "task.updated.v1", "task.completed.v1")


class Model:
    def __init__(self, books):
        self.wrong = []  # (rule, what), as sentences
        self.tasks = collections.defaultdict(list)
        self.accounts = collections.defaultdict(list)
        self.people = collections.defaultdict(list)
        self.unfinished = {}  # task -> its state while it is being created
        self.charged = collections.Counter()  # task -> fees
        self.last_run = collections.Counter()
        self.sources = {(event["shard"], event["target"], event["target_seq"]): event
                        for event in books.event if event["target"] is not None}
        self.effects = collections.Counter()
        self.run_of = {row["id"]: row["run"] for row in books.shuffle}
        for shard in sorted(books.log):
            for event in books.log[shard]:
                self.apply(event)
        for task in self.unfinished:
            self.is_wrong("a task is created whole", f"task {task} has never been assigned")

    def is_wrong(self, rule, what):
        self.wrong.append((rule, what))

    def apply(self, event):
        if event["cause_source"] is not None:
            self.effects[event["cause_source"], event["shard"], event["cause_seq"]] += 1
        kind = event["type"]
        if kind in TASK_EVENTS:
            self.apply_to_task(event)
        elif kind == "audit_log_record.created.v1":
            self.apply_to_account(event)
        elif kind == "directory.changed.v1":
            data = event["data"]
            self.people[data["account_id"]].append(
                {"name": data["name"], "role": data["role"], "active": data["active"], "seq": event["seq"], "by": data["by"],
                 "created": data["created"], "at": event["at"]})

    # ── tasks ──
    def apply_to_task(self, event):
        task, kind, data = event["subject"], event["type"], event["data"]
        states = self.tasks[task]
        if kind == "task.created.v2":
            if states or task in self.unfinished:
                self.is_wrong("a task is created once", f"task {task}: again at {where(event)}")
            self.unfinished[task] = {"id": task, "title": data["title"], "jira_id": data["jira_id"],
                                     "description": data["description"] or "", "created_by": data["created_by"],
                                     "created_at": event["at"], "status": "open", "completed_at": None}
        elif kind == "task.estimated.v1":
            self.estimate(task, event)
        elif kind == "task.assigned.v1" and data["reason"] == "created":
            state = self.unfinished.pop(task, None)
            if state is None or "fee" not in state:
                return self.is_wrong("a task is created whole", f"task {task}: assigned at {where(event)} before that")
            self.assign(task, state, event)
        elif not states:
            self.is_wrong("a task is created whole", f"task {task}: {kind} at {where(event)} before that")
        else:
            self.change_task(task, dict(states[-1]), event)

    def estimate(self, task, event):
        state, data = self.unfinished.get(task), event["data"]
        if state is None or "fee" in state:
            return self.is_wrong("a task is priced once", f"task {task}: priced at {where(event)}")
        if data["fee"] not in FEES or data["reward"] not in REWARDS:
            self.is_wrong("a price is in whole dollars of its range", f"task {task}: {data}")
        state |= {"fee": data["fee"], "reward": data["reward"]}

    def change_task(self, task, state, event):
        kind, data = event["type"], event["data"]
        if state["status"] == "done":
            return self.is_wrong("a done task does not change", f"task {task}: {kind} at {where(event)}")
        if kind == "task.updated.v1":
            state |= {"title": data["title"], "jira_id": data["jira_id"], "description": data["description"] or ""}
        elif kind == "task.assigned.v1":
            if data["previous_account_id"] != state["assignee"]:
                self.is_wrong("an assignment names the one before it", f"task {task} at {where(event)}: {data}")
            if data["reason"] == "shuffled":
                run = self.run_of.get(data["shuffle_id"], 0)
                if run <= self.last_run[task]:
                    self.is_wrong("a run gives a task once, and runs come in order",
                                  f"task {task} at {where(event)}: run {run} after {self.last_run[task]}")
                self.last_run[task] = run
            return self.assign(task, state, event)
        else:
            if data["account_id"] != state["assignee"]:
                self.is_wrong("only its assignee completes a task", f"task {task} at {where(event)}: {data}")
            if data["reward"] != state["reward"] or data["fees"] != self.charged[task]:
                self.is_wrong("a completion names the reward and all fees", f"task {task} at {where(event)}: {data}, "
                              f"reward {state['reward']}, fees {self.charged[task]}")
            state |= {"status": "done", "completed_at": event["at"]}
        self.new_version(task, state, event)

    def assign(self, task, state, event):
        data = event["data"]
        if data["fee"] != state["fee"]:
            self.is_wrong("every assignment costs the fee of the task", f"task {task} at {where(event)}: {data}")
        self.charged[task] += data["fee"]
        state |= {"assignee": data["account_id"], "assigned_at": event["at"]}
        self.new_version(task, state, event)

    def new_version(self, task, state, event):
        states = self.tasks[task]
        if states and event["at"] < states[-1]["at"]:
            self.is_wrong("time never falls along the life of a task", f"task {task} at {where(event)}: {event['at']} after "
                          f"{states[-1]['at']}")
        states.append({**state, "version": len(states) + 1, "shard": event["shard"], "seq": event["seq"], "at": event["at"]})

    # ── money ──
    def apply_to_account(self, event):
        """One entry of the ledger, as the event of it says; and whether it is what caused it."""
        data, account = event["data"], event["subject"]
        entries = self.accounts[account]
        balance = entries[-1]["balance_after"] if entries else 0
        day = entries[-1]["day"] if entries else data["day"]
        reason = shuffle = None
        if data["kind"] == "payout":
            if balance <= 0 or data["amount"] != -balance or data["day"] != day:
                self.is_wrong("a payout pays a positive balance to zero, on the account's own day",
                              f"account {account} at {where(event)}: {data}, balance {balance} of {day}")
        else:
            source = self.sources.get((event["cause_source"], event["shard"], event["cause_seq"]))
            if source is None:
                self.is_wrong("every fee and reward has one cause", f"account {account} at {where(event)}: {data}")
            else:
                reason, shuffle = self.check_cause(event, source)
            if data["day"] < day:
                self.is_wrong("days never fall along an account's log",
                              f"account {account} at {where(event)}: {data} after {day}")
            if data["day"] > day and balance > 0:
                self.is_wrong("a balance is paid out before the next day begins",
                              f"account {account} at {where(event)}: {data}, balance {balance} of {day}")
        after = balance + data["amount"]
        if data["balance_after"] != after:
            self.is_wrong("a balance is the sum of its entries",
                          f"account {account} at {where(event)}: {data}, before {balance}")
        entries.append({"id": data["transfer_id"], "at": event["at"], "day": data["day"], "kind": data["kind"],
                        "amount": data["amount"], "balance_after": after, "task": data["task_id"], "reason": reason,
                        "shuffle": shuffle, "shard": event["shard"], "seq": event["seq"]})

    def check_cause(self, event, source):
        """(reason, shuffle) of the entry."""
        data, cause = event["data"], source["data"]
        kind, amount = (("assignment_fee", -cause["fee"]) if source["type"] == "task.assigned.v1" else
                        ("completion_reward", cause["reward"]) if source["type"] == "task.completed.v1" else (None, None))
        owed = (kind, amount, cause["account_id"], cause.get("task_id"))
        if owed != (data["kind"], data["amount"], data["account_id"], data["task_id"]):
            self.is_wrong("an entry is what its cause owes", f"{where(event)}: {data} because of {where(source)}: {cause}")
        return cause.get("reason"), cause.get("shuffle_id")

    # ── looking ──
    def version_at(self, task, heads):
        """The version of the task that is durable when the log is so far; `heads` None: the last."""
        states = self.tasks.get(task, ())
        return number_at(states, heads)

    def entries_at(self, account, heads):
        return number_at(self.accounts.get(account, ()), heads)

    def assignable(self, account):
        states = self.people.get(account)
        return bool(states) and states[-1]["active"] and states[-1]["role"] in ("worker", "accountant")


def number_at(items, heads):
    """How many of these are durable."""
    if heads is None:
        return len(items)
    number = len(items)
    while number and items[number - 1]["seq"] > heads[items[number - 1]["shard"]]:
        number -= 1
    return number
