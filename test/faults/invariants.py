"""What must hold of the books, whatever happened: design.md §12. One function each; its name is the sentence that a report
gives, and it yields what is against it. What must hold of answers is in answers.py.

`e` is everything that is known when all is at rest: books, model, history, observer, letters (what the SMTP server took),
verified (what `atesd --verify` said), audited (what it found before), poisoned (tasks that may be in quarantine),
given_up (what nodes did of themselves), stale (what they wrote from an old state, before the first fault)."""

import collections
import itertools

import company

import model as business
from books import where

ONCE = {"task.created.v2": ("subject",), "task.estimated.v1": ("subject",), "task.completed.v1": ("subject",),
        "account.created.v1": ("subject",), "shuffle.requested.v1": ("subject",), "shuffle.finished.v1": ("subject",),
        "day.closed.v1": ("day",), "audit_log_record.created.v1": ("transfer_id",),
        "payment_log_record.created.v1": ("account_id", "day"), "account.day_closed.v1": ("account_id", "day"),
        "email.sent.v1": ("account_id", "day"), "email.failed.v1": ("account_id", "day")}


# ── the log ──

def the_log_of_a_shard_has_no_gap(e):
    for shard, events in e.books.log.items():
        numbers = [event["seq"] for event in events]
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"shard {shard}: {len(numbers)} events, the last is {numbers[-1]}"


def the_line_from_shard_to_shard_has_no_gap(e):
    lines = collections.defaultdict(list)
    for event in e.books.event:
        if event["target"] is not None:
            lines[event["shard"], event["target"]].append(event["target_seq"])
    for (shard, target), numbers in lines.items():
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"from {shard} to {target}: {numbers[-5:]}"


def epochs_never_fall_along_the_log(e):
    epochs = {row["shard"]: row["epoch"] for row in e.books.shard}
    for shard, events in e.books.log.items():
        for before, after in zip(events, events[1:]):
            if after["epoch"] < before["epoch"]:
                yield f"{where(after)}: epoch {after['epoch']} after {before['epoch']}"
        if events[-1]["epoch"] > epochs[shard]:
            yield f"shard {shard}: epoch {epochs[shard]}, in its log {events[-1]['epoch']}"


def nothing_is_written_under_a_lease_that_is_over(e):
    """Whatever was under way: once a later lease of its shard was seen, an earlier one writes no more."""
    for event in e.books.event:
        epoch, owner = e.observer.lease_before(event["shard"], event["seq"])
        if event["epoch"] < epoch:
            yield f"{event['type']} {where(event)}: written under epoch {event['epoch']}, when {owner} had it under {epoch}"


def every_change_of_a_lease_raises_its_epoch(e):
    for before, after in itertools.pairwise(e.observer.leases):
        for shard, (one, next_one) in enumerate(zip(before, after)):
            if next_one != one and next_one[0] <= one[0]:
                yield f"shard {shard}: {one[1]} had it under epoch {one[0]}, then {next_one[1]} under {next_one[0]}"


def nothing_is_in_the_log_twice(e):
    seen = {}
    for event in e.books.event:
        fields = ONCE.get(event["type"])
        if fields:
            one = (event["type"], *(event["subject"] if field == "subject" else event["data"][field] for field in fields))
            if one in seen:
                yield f"{' '.join(map(str, one))}: {seen[one]} and {where(event)}"
            seen[one] = where(event)


def every_event_has_its_effect_once(e):
    for (source, target, number), event in e.model.sources.items():
        times = e.model.effects[source, target, number]
        if times != 1:
            yield f"{event['type']} {where(event)} for shard {target}: {times} effects"
    for cause in e.model.effects:
        if cause not in e.model.sources:
            yield f"an effect of event {cause[2]} from {cause[0]} to {cause[1]}, which is not there"


def cursors_stand_at_the_end_of_their_lines(e):
    ends = collections.Counter()
    for source, target, number in e.model.sources:
        ends[target, source] = max(ends[target, source], number)
    cursors = {(row["shard"], row["source"]): row["position"] for row in e.books.inbox_cursor}
    for line, end in ends.items():
        if cursors.get(line, 0) != end:
            yield f"shard {line[0]} has taken in {cursors.get(line, 0)} of {end} events of shard {line[1]}"


def the_log_keeps_the_rules_of_business(e):
    for rule, what in e.model.wrong:
        yield f"{rule}: {what}"


# ── the log and what is stored ──

def every_task_is_what_its_events_make_it(e):
    fixed = {row["id"]: row for row in e.books.task}
    states = {row["id"]: row for row in e.books.task_state}
    for task in fixed.keys() | states.keys() | e.model.tasks.keys():
        if task not in fixed or task not in states or not e.model.tasks.get(task):
            versions = len(e.model.tasks.get(task, ()))
            yield f"task {task}: {task in fixed} fixed part, {task in states} state, {versions} versions"
            continue
        wanted, row, state = e.model.tasks[task][-1], fixed[task], states[task]
        found = {**{name: row[name] for name in ("title", "description", "fee", "reward", "created_by", "created_at")},
                 "jira_id": row["jira_id"] or None, "version": state["version"], "assignee": state["assignee"],
                 "status": ("open", "done")[state["status"] - 1], "assigned_at": state["assigned_at"],
                 "completed_at": state["completed_at"]}
        for name, value in found.items():
            if wanted[name] != value:
                yield f"task {task}: {name} is {value!r}, its events make it {wanted[name]!r}"
        if state["last_run"] != e.model.last_run[task]:
            yield f"task {task}: last run {state['last_run']}, its events say {e.model.last_run[task]}"


def every_ledger_is_what_its_events_make_it(e):
    ledgers = collections.defaultdict(list)
    for row in e.books.transfer:
        kind = business.KINDS[row["kind"]]
        sides = (business.COMPANY[kind], row["account"])
        if (row["debit"], row["credit"]) != (sides if kind == "completion_reward" else sides[::-1]):
            yield f"transfer {row['id']}: from {row['debit']} to {row['credit']}"
        ledgers[row["account"]].append({
            "id": row["id"], "at": row["at"], "day": row["day"], "kind": kind, "balance_after": row["balance_after"],
            "amount": row["amount"] if kind == "completion_reward" else -row["amount"], "task": row["task"],
            "reason": business.REASONS[row["reason"]], "shuffle": row["shuffle"], "entry": row["entry"]})
    for account in ledgers.keys() | e.model.accounts.keys():
        wanted, found = e.model.accounts.get(account, []), ledgers[account]
        if [row["entry"] for row in found] != list(range(1, len(wanted) + 1)):
            yield f"account {account}: {len(found)} entries, its events make {len(wanted)}"
        for want, row in zip(wanted, found):
            for name, value in row.items():
                if name != "entry" and want[name] != value:
                    yield f"account {account} entry {row['entry']}: {name} is {value!r}, its event says {want[name]!r}"


def every_balance_is_the_sum_of_its_entries(e):
    for row in e.books.account:
        entries = e.model.accounts.get(row["id"], [])
        balance = sum(entry["amount"] for entry in entries)
        if (row["balance"], row["entries"]) != (balance, len(entries)):
            yield f"account {row['id']}: {row['balance']} after {row['entries']}; the sum of {len(entries)} is {balance}"
        today = [entry for entry in entries if entry["day"] == row["open_day"]]
        sums = sums_of(today)
        found = {"fees": row["fees"], "rewards": row["rewards"], "paid_out": row["paid_out"]}
        if found != sums:
            yield f"account {row['id']} on {row['open_day']}: {found}, its entries make {sums}"
        if entries and entries[-1]["day"] > row["open_day"]:
            yield f"account {row['id']} is at {row['open_day']}, its last entry is of {entries[-1]['day']}"


def the_books_balance(e):
    owed = sum(row["amount"] if row["kind"] == 2 else -row["amount"] for row in e.books.transfer)
    held = sum(row["balance"] for row in e.books.account)
    if owed != held:
        yield f"accounts hold {held}, the company owes {owed}"


def every_daily_figure_is_the_sum_of_its_entries(e):
    wanted = collections.defaultdict(lambda: {"fees": 0, "rewards": 0, "paid_out": 0, "completed": 0, "paid": 0})
    for entries in e.model.accounts.values():
        for entry in entries:
            figures = wanted[entry["shard"], entry["day"]]
            figures[SUM_OF[entry["kind"]]] += abs(entry["amount"])
            figures["completed"] += entry["kind"] == "completion_reward"
            figures["paid"] += entry["kind"] == "payout"
    for row in e.books.shard_day:
        found = {name: row[name] for name in ("fees", "rewards", "paid_out", "completed", "paid")}
        due = wanted.pop((row["shard"], row["day"]), dict.fromkeys(found, 0))
        if found != due:
            yield f"shard {row['shard']} on {row['day']}: {found}, its entries make {due}"
    for (shard, day), due in wanted.items():
        yield f"shard {shard} on {day}: no row, its entries make {due}"


SUM_OF = {"assignment_fee": "fees", "completion_reward": "rewards", "payout": "paid_out"}


def sums_of(entries):
    sums = {"fees": 0, "rewards": 0, "paid_out": 0}
    for entry in entries:
        sums[SUM_OF[entry["kind"]]] += abs(entry["amount"])
    return sums


# ── shuffles ──

def every_draw_of_a_shuffle_is_the_formula_of_seed_and_roster(e):
    rosters = collections.defaultdict(list)
    for row in e.books.shuffle_roster:
        rosters[row["run"]].append(row["account"])
    runs = {row["id"]: row for row in e.books.shuffle}
    for run, roster in rosters.items():
        if roster != sorted(set(roster)):
            yield f"run {run}: its roster is not in ascending order"
    for event in e.books.events("task.assigned.v1"):
        data = event["data"]
        if data["reason"] == "shuffled":
            run = runs[data["shuffle_id"]]
            drawn = company.drawn(run["seed"], data["task_id"], rosters[run["run"]])
            if data["account_id"] != drawn:
                yield f"{where(event)}: task {data['task_id']} went to {data['account_id']}, drawn is {drawn}"


def every_shuffle_reaches_what_was_open_before_it(e):
    """Of what was durable before it was asked for, and older than its start: reassigned, or completed before it was done. It
    goes on without what is in quarantine."""
    asked = {event["subject"]: event for event in e.books.events("shuffle.requested.v1")}
    finished = {event["subject"]: event for event in e.books.events("shuffle.finished.v1")}
    reached = {(event["data"]["shuffle_id"], event["subject"]) for event in e.books.events("task.assigned.v1")
               if event["data"]["reason"] == "shuffled"}
    for run in e.books.shuffle:
        if run["status"] != 3 or run["id"] not in asked or run["id"] not in finished:
            continue
        before = e.observer.before(0, asked[run["id"]]["seq"])
        after = e.observer.since(0, finished[run["id"]]["seq"])
        for task, states in e.model.tasks.items():
            if not states or task in e.poisoned:
                continue
            first, last = states[0], states[-1]
            was_there = first["seq"] <= before[first["shard"]] and first["created_at"] < run["started_at"]
            was_done = last["status"] == "done" and (after is None or last["seq"] <= after[last["shard"]])
            if was_there and not was_done and (run["id"], task) not in reached:
                yield f"run {run['run']} has left out task {task}"


def every_shuffle_counts_what_it_charged(e):
    fees = collections.Counter(entry["shuffle"] for entries in e.model.accounts.values() for entry in entries
                               if entry["reason"] == "shuffled")
    for run in e.books.shuffle:
        if run["status"] not in (3, 4):
            yield f"run {run['run']} is not over"
        elif run["reassigned"] != fees[run["id"]] or run["open_tasks"] < run["reassigned"]:
            yield f"run {run['run']}: {run['open_tasks']} open, {run['reassigned']} reassigned, {fees[run['id']]} fees"


# ── days ──

def every_day_is_paid_out_once_and_whole(e):
    told = {event["data"]["day"]: event["data"] for event in e.books.events("day.closed.v1")}
    paid = collections.defaultdict(list)
    rewards, fees = collections.Counter(), collections.Counter()
    for entries in e.model.accounts.values():
        for entry in entries:
            if entry["kind"] == "payout":
                paid[entry["day"]].append(-entry["amount"])
            (rewards if entry["kind"] == "completion_reward" else fees)[entry["day"]] += (
                abs(entry["amount"]) if entry["kind"] != "payout" else 0)
    for run in e.books.payout:
        day = run["day"]
        sums = (len(paid[day]), sum(paid[day]))
        if run["status"] != 2 or day not in told:
            yield f"the payout of {day} is not over"
        elif (run["accounts_paid"], run["total_paid"]) != sums or told[day]["total_paid"] != sums[1]:
            yield f"{day}: paid {run['accounts_paid']}, {run['total_paid']}, the ledger says {sums}, the event {told[day]}"
        elif told[day]["earnings"] != fees[day] - rewards[day]:
            yield f"{day}: earnings {told[day]['earnings']}, fees {fees[day]}, rewards {rewards[day]}"
    for day in (paid.keys() | told.keys()) - {run["day"] for run in e.books.payout}:
        yield f"{day}: paid out, or told to be closed, without a payout run"


def nobody_keeps_a_positive_balance_over_a_closed_day(e):
    closed = max((run["day"] for run in e.books.payout if run["status"] == 2), default="")
    for account, entries in e.model.accounts.items():
        if entries[-1]["day"] <= closed and entries[-1]["balance_after"] > 0:
            yield f"account {account}: {entries[-1]['balance_after']} since {entries[-1]['day']}, closed through {closed}"


# ── letters ──

def every_payout_has_one_letter(e):
    paid = collections.Counter((account, entry["day"], -entry["amount"]) for account, entries in e.model.accounts.items()
                               for entry in entries if entry["kind"] == "payout")
    letters = collections.Counter((row["account"], row["day"], row["amount"]) for row in e.books.mail)
    for one in paid.keys() | letters.keys():
        if paid[one] != 1 or letters[one] != 1:
            yield f"{one}: {paid[one]} payouts, {letters[one]} letters"


def every_letter_has_an_id_of_its_own_and_keeps_it(e):
    by_id = collections.defaultdict(set)
    known = {}
    for row in e.books.mail:
        if row["message_id"]:
            by_id[row["message_id"]].add((row["account"], row["day"]))
            known[row["message_id"].strip("<>")] = row
    for message_id, rows in by_id.items():
        if len(rows) > 1:
            yield f"{message_id} is of {sorted(rows)}"
    taken = set()
    for recipient, message_id in e.letters:
        taken.add(message_id.strip("<>"))
        row = known.get(message_id.strip("<>"))
        if row is not None and row["address"] != recipient:
            yield f"{message_id} went to {recipient}, it is for {row['address']}"
    for message_id, row in known.items():
        if row["status"] == 2 and message_id not in taken:
            yield f"{message_id} is marked as sent, and the server has not taken it"


# ── people ──

def no_open_task_is_without_an_eligible_assignee(e):
    for task, states in e.model.tasks.items():
        if states and states[-1]["status"] == "open" and not e.model.assignable(states[-1]["assignee"]):
            holder = states[-1]["assignee"]
            yield f"task {task} is with {holder}, {e.model.people.get(holder, ['nobody'])[-1]}"


def every_employee_is_what_the_directory_says(e):
    for row in e.books.employee:
        states = e.model.people.get(row["id"])
        found = {"name": row["name"], "role": ROLES[row["role"]], "active": row["active"]}
        if not states:
            yield f"employee {row['login']}: nothing in the log"
        elif found != {name: states[-1][name] for name in found}:
            yield f"employee {row['login']}: {found}, the log says {states[-1]}"
        if row["leaving"]:
            yield f"employee {row['login']} is leaving for ever"


ROLES = {1: "admin", 2: "manager", 3: "accountant", 4: "worker"}


def no_record_is_stale_before_anything_is_lost(e):
    """The journal refuses such a record, so that the books stay right; but who wrote it had read what was not durable yet, or
    no more."""
    yield from e.stale


def no_node_ends_or_gives_up_anything_by_itself(e):
    yield from e.given_up


def the_program_itself_finds_nothing_wrong(e):
    """Neither at rest nor, at any time, in the middle of faults."""
    if not e.verified.clean:
        yield e.verified.said
    yield from e.audited


INVARIANTS = (
    the_log_of_a_shard_has_no_gap, the_line_from_shard_to_shard_has_no_gap, epochs_never_fall_along_the_log,
    nothing_is_written_under_a_lease_that_is_over, every_change_of_a_lease_raises_its_epoch, nothing_is_in_the_log_twice,
    every_event_has_its_effect_once, cursors_stand_at_the_end_of_their_lines, the_log_keeps_the_rules_of_business,
    every_task_is_what_its_events_make_it, every_ledger_is_what_its_events_make_it,
    every_balance_is_the_sum_of_its_entries, the_books_balance, every_daily_figure_is_the_sum_of_its_entries,
    every_draw_of_a_shuffle_is_the_formula_of_seed_and_roster, every_shuffle_reaches_what_was_open_before_it,
    every_shuffle_counts_what_it_charged, every_day_is_paid_out_once_and_whole,
    nobody_keeps_a_positive_balance_over_a_closed_day, every_payout_has_one_letter,
    every_letter_has_an_id_of_its_own_and_keeps_it, no_open_task_is_without_an_eligible_assignee,
    every_employee_is_what_the_directory_says, no_record_is_stale_before_anything_is_lost,
    no_node_ends_or_gives_up_anything_by_itself, the_program_itself_finds_nothing_wrong,
)
