"""What must hold of every answer that a client had, whatever happened. As in invariants.py, each function's name is the
sentence that a report gives.

An answer is explained by a moment between its request and itself: by what was durable, as the observer saw it and as other
clients had been told before, and not yet beyond what the first look after it found."""

import bisect
import collections
import re

from books import where
from deployment import LEASE_TTL_S
from invariants import sums_of

ANSWER_LIMIT_S = 5.0  # http.deadline
SLACK_S = 3.0  # of a busy machine
NOTICED_S = 5.0  # contract.md B16: a change of an account is in force everywhere
OLD_DRAWS_S = NOTICED_S + ANSWER_LIMIT_S + LEASE_TTL_S + SLACK_S  # no older draw becomes durable after that
INTERNAL = ("directory.changed.v1", "event.parked.v1")  # what nobody outside gets
ID = "[0-9a-f-]{36}"
# What may be said at all, besides 503 and 401: (method, path) -> statuses and codes.
LEGAL = (
    ("GET", ".*", (200,)),
    ("POST", "/auth(/refresh)?", (200,)),
    ("POST", "/auth/logout", (204,)),
    ("POST", "/tasks", (200, 201, "idempotency_mismatch", "idempotency_in_progress")),
    ("POST", "/tasks/batch", (200, "idempotency_in_progress")),
    ("POST", "/tasks/assign", (202, "idempotency_in_progress")),
    ("POST", f"/tasks/{ID}/complete", (200, "not_assignee", "already_done", "idempotency_in_progress")),
    ("PATCH", f"/tasks/{ID}", (200, "already_done")),
    ("POST", "/payouts", (200, 202, "idempotency_in_progress")),
    ("POST", f"/actors/task/{ID}/release", (202,)),
    ("POST", "/employees", (201, "idempotency_in_progress")),
    ("PATCH", f"/employees/{ID}", (200,)),
)
SHOWN = ("title", "jira_id", "description", "status", "fee", "reward", "created_by", "created_at", "assigned_at",
         "completed_at")


def every_client_saw_only_what_may_be(e):
    yield from e.history.faults
    for one in e.history.exchanges:
        legal = next(said for method, path, said in LEGAL if method == one.method and re.fullmatch(path, one.path))
        if one.status not in (None, 401, 503) and one.status not in legal and one.code not in legal:
            yield f"{one}: {one.json}"
        if one.status == 503 and not (one.retry_after or "").isdigit():
            yield f"{one}: without Retry-After"


# ── commands ──

def every_acknowledged_command_is_in_the_log_exactly_once(e):
    """And what was never acknowledged at most as often as it was in doubt; what was refused, never."""
    effects = effects_by_name(e)
    for command in e.history.of("create", "hire", "edit", "change"):
        if command.name is None:
            if command.acknowledged:
                yield f"{command}: taken"
            continue
        found = effects[command.kind, command.name]
        done = len(command.acknowledged)
        if command.kind in ("create", "hire"):
            least, most = min(done, 1), min(done + command.doubts, 1)
            if command.key is None and "external_ref" not in command.wants:
                least, most = done, done + command.doubts
        else:  # an absolute change: a repetition changes nothing, unless somebody else has changed it meanwhile
            least, most = min(done, 1), done + command.doubts
        if not least <= found <= most:
            yield f"{command}: {found} times in the log, {done} acknowledged, {command.doubts} in doubt"


def effects_by_name(e):
    effects = collections.Counter()
    for event in e.books.event:
        data = event["data"]
        if event["type"] == "task.created.v2":
            effects["create", data["title"]] += 1
        elif event["type"] == "task.updated.v1":
            effects["edit", data["title"]] += 1
        elif event["type"] == "directory.changed.v1":
            effects["hire" if data["created"] else "change", data["name"]] += 1
    return effects


def nothing_is_in_the_log_that_nobody_asked_for(e):
    asked = {(command.kind, command.name) for command in e.history.commands}
    for (kind, name), times in effects_by_name(e).items():
        if (kind, name) not in asked and name != "Administrator":  # made at the first start
            yield f"{kind} {name!r}, {times} times"
    wanted = {(command.name, command.by) for command in e.history.of("complete")
              if command.acknowledged or command.in_doubt}
    for event in e.books.events("task.completed.v1"):
        if (event["subject"], event["data"]["account_id"]) not in wanted:
            yield f"task {event['subject']} is completed by {event['data']['account_id']}"


def a_key_has_one_answer(e):
    """Whatever is repeated with its key or external_ref is one thing; two things are not both done under one key."""
    for command in e.history.commands:
        if command.key is None and "external_ref" not in command.wants:
            continue
        told = {json["id"] if "id" in json else json["day"] for json in command.acknowledged}
        if len(told) > 1:
            yield f"{command}: {sorted(told)}"
    done = collections.defaultdict(set)
    for command in e.history.of("create"):
        if command.key and command.acknowledged:
            done[command.by, command.key].add(command.name)
    for key, names in done.items():
        if len(names) > 1:
            yield f"{key}: {sorted(names)}"


def a_refusal_has_a_reason(e):
    """No login_taken of a login, no idempotency_mismatch of a key, that nobody else has used."""
    keys = collections.Counter((command.by, command.key) for command in e.history.of("create") if command.key)
    for command in e.history.commands:
        for one, (status, json) in zip(command.tries, command.answers):
            code = (json or {}).get("code") if status and status >= 400 else None
            if code == "login_taken" or code == "idempotency_mismatch" and keys[command.by, command.key] < 2:
                yield f"{one}: {json}"
            if code == "validation_failed" and command.name is not None:
                yield f"{one}: {json}"


def every_created_task_is_what_was_asked_for(e):
    for command in e.history.of("create"):
        for task in command.acknowledged[:1]:
            first = e.model.tasks.get(task["id"], [{}])[0]
            wanted = {"title": command.wants["title"], "jira_id": command.wants.get("jira_id"),
                      "description": command.wants.get("description", ""), "created_by": command.by}
            found = {name: first.get(name) for name in wanted}
            if found != wanted or task["external_ref"] != command.wants.get("external_ref"):
                yield f"{command}: {found}, {task['external_ref']}"


def every_acknowledged_shuffle_is_one_run(e):
    yield from runs_differ(e, "shuffle", {run["id"]: run["requested_by"] for run in e.books.shuffle}, "id")


def runs_differ(e, kind, stored, name):
    acknowledged = collections.Counter()
    doubts = collections.Counter()
    for command in e.history.of(kind):
        told = {json[name] for json in command.acknowledged}
        acknowledged.update(told)
        for run in told:
            if stored.get(run) != command.by:
                yield f"{command}: run {run} is {stored.get(run) or 'not there'}"
        if not told:
            doubts[command.by] += 1 if command.key and command.in_doubt else command.doubts
    for run, times in acknowledged.items():
        if times > 1:
            yield f"run {run} is the answer to {times} commands"
    for by, count in collections.Counter(stored.values()).items():
        known = sum(1 for run, owner in stored.items() if owner == by and run in acknowledged)
        if count > known + doubts[by]:
            yield f"{count} runs of {by}: {known} acknowledged, {doubts[by]} in doubt"


# ── tasks as they were shown ──

def tasks_shown(one):
    """(task, whether it must be as new as anything known before) of one answer."""
    if not one.ok or not isinstance(one.json, dict):
        return
    if re.fullmatch("/tasks", one.path) and one.method == "GET":
        yield from ((task, True) for task in one.json["data"])
    elif re.fullmatch("/tasks", one.path):
        yield one.json, False
    elif re.fullmatch("/tasks/batch", one.path):
        yield from ((result["task"], False) for result in one.json["results"] if "task" in result)
    elif re.fullmatch(f"/tasks/{ID}(/complete)?", one.path):
        yield one.json, not one.replayed


class Known:
    """What clients had been told of a task by a time."""

    def __init__(self, exchanges):
        self.told = collections.defaultdict(list)  # task -> (ended, highest version so far)
        for one in sorted(exchanges, key=lambda one: one.ended):
            for task, _ in tasks_shown(one):
                told = self.told[task["id"]]
                told.append((one.ended, max(task["version"], told[-1][1] if told else 0)))

    def version(self, task, at):
        told = self.told.get(task, ())
        found = bisect.bisect_left(told, (at, 0))
        return told[found - 1][1] if found else 0


def every_task_was_shown_as_it_was_durable(e):
    known = Known(e.history.exchanges)
    for one in e.history.exchanges:
        for task, is_new in tasks_shown(one):
            yield from (f"{one}: task {task['id']} {fault}" for fault in task_faults(e, known, one, task, is_new))


def task_faults(e, known, one, task, is_new):
    states, version = e.model.tasks.get(task["id"], ()), task["version"]
    if not 1 <= version <= len(states):
        yield f"is shown in version {version}; only {len(states)} are durable"
        return
    state = states[version - 1]
    wrong = {name: (task[name], state[name]) for name in SHOWN if task[name] != state[name]}
    if task["assignee"]["id"] != state["assignee"]:
        wrong["assignee"] = (task["assignee"], state["assignee"])
    if wrong:
        yield f"version {version} is shown otherwise than it was (shown, was): {wrong}"
    newest = e.model.version_at(task["id"], e.observer.ceiling(one.ended))
    if version > newest:
        yield f"is shown in version {version} when {newest} was durable"
    oldest = max(e.model.version_at(task["id"], e.observer.floor(one.began)), known.version(task["id"], one.began))
    if is_new and version < oldest:
        yield f"is shown in version {version} when {oldest} was known"


def every_answer_to_a_completion_was_true(e):
    """done by me; open and not mine; done, and not by me: at some time between question and answer."""
    known = Known(e.history.exchanges)
    for command in e.history.of("complete"):
        for one in command.tries:
            states = e.model.tasks.get(command.name, [])
            durable = e.model.version_at(command.name, e.observer.floor(one.began))
            oldest = max(durable, known.version(command.name, one.began), 1)
            window = states[oldest - 1:e.model.version_at(command.name, e.observer.ceiling(one.ended))]
            if one.ok:
                true = one.json["status"] == "done" and one.json["assignee"]["id"] == one.by
            elif one.code == "not_assignee":
                true = any(state["status"] == "open" and state["assignee"] != one.by for state in window)
            elif one.code == "already_done":
                true = any(state["status"] == "done" and state["assignee"] != one.by for state in window)
            else:
                continue
            if not true:
                yield f"{one}: {[(state['version'], state['status'], state['assignee']) for state in window]}"


def every_edit_was_shown(e):
    for command in e.history.of("edit"):
        for task in command.acknowledged:
            if task["title"] != command.name or task["id"] != command.wants["task"]:
                yield f"{command}: {task}"


# ── money as it was shown ──

def every_balance_was_shown_as_it_was_durable(e):
    for one in e.history.exchanges:
        if one.status == 200 and re.fullmatch(f"/accounts(/(me|{ID}))?", one.path):
            for account in one.json["data"] if one.path == "/accounts" else [one.json]:
                window = entries_between(e, one, account["account_id"])
                if not any(is_at(e, account, entries) for entries in window):
                    yield f"{one}: {account}, after entries {window[0]}..{window[-1]}"


def entries_between(e, one, account):
    """How many entries the account may have had when the answer was made."""
    return range(e.model.entries_at(account, e.observer.floor(one.began)),
                 e.model.entries_at(account, e.observer.ceiling(one.ended)) + 1)


def is_at(e, account, count):
    entries = e.model.accounts.get(account["account_id"], [])[:count]
    today = account["today"]
    sums = sums_of([entry for entry in entries if entry["day"] == today["day"]])
    return account["balance"] == (entries[-1]["balance_after"] if entries else 0) and all(
        today[name] == amount for name, amount in sums.items())


def every_log_was_shown_as_it_was_durable(e):
    for one in e.history.exchanges:
        if one.status != 200 or not re.fullmatch(f"/accounts/(me|{ID})/log", one.path):
            continue
        account = one.by if "/me/" in one.path else one.path.split("/")[2]
        shown = [entry["id"] for entry in one.json["data"]]
        ids = [entry["id"] for entry in e.model.accounts.get(account, [])]
        if not any(ids[:count][::-1][:one.query["limit"]] == shown for count in entries_between(e, one, account)):
            yield f"{one}: {shown[:5]}…"


# ── runs and days as they were shown ──

def posted_after(e, heads, wanted):
    """An entry that was not durable at that look, for which `wanted` holds."""
    if heads is None:
        return None
    return next((entry for entries in e.model.accounts.values() for entry in reversed(entries)
                 if entry["seq"] > heads[entry["shard"]] and wanted(entry)), None)


def a_shuffle_is_shown_done_only_when_all_its_entries_are_posted(e):
    first = {}
    for one in e.history.exchanges:
        if one.status == 200 and re.fullmatch(f"/shuffles(/{ID})?", one.path):
            for run in one.json["data"] if one.path == "/shuffles" else [one.json]:
                if run["status"] == "done" and (run["id"] not in first or one.ended < first[run["id"]].ended):
                    first[run["id"]] = one
    for run, one in first.items():
        late = posted_after(e, e.observer.ceiling(one.ended), lambda entry: entry["shuffle"] == run)
        if late:
            yield f"{one}: {late}"


def after_a_close_is_answered_no_entry_carries_the_day(e):
    first = {}
    for command in e.history.of("close"):
        for one, (status, json) in zip(command.tries, command.answers):
            if status in (200, 202) and (json["day"] not in first or one.ended < first[json["day"]].ended):
                first[json["day"]] = one
    for day, one in first.items():
        late = posted_after(e, e.observer.ceiling(one.ended),
                            lambda entry: entry["kind"] != "payout" and entry["day"] <= day)
        if late:
            yield f"{one}: {late}"


def the_figures_of_a_closed_day_do_not_change(e):
    final = {event["data"]["day"]: event["data"] for event in e.books.events("day.closed.v1")}
    for one in e.history.exchanges:
        if one.status != 200:
            continue
        if one.path == "/analytics/days":
            for day in one.json["data"]:
                last = final.get(day["day"], {})
                wrong = {name: (day[name], last.get(name)) for name in day if day[name] != last.get(name)}
                if wrong:
                    yield f"{one}: {day['day']} (shown, in the end): {wrong}"
        elif one.path == "/payouts" and one.method == "GET":
            for run in one.json["data"]:
                if run["status"] == "done" and run["total_paid"] != final.get(run["day"], {}).get("total_paid"):
                    yield f"{one}: {run}, in the end {final.get(run['day'])}"


def every_sum_of_a_day_was_shown_as_it_was_durable(e):
    """Fees and rewards of a day only grow."""
    for one in e.history.exchanges:
        if one.status != 200 or one.path != "/accounting/earnings":
            continue
        floor, ceiling = e.observer.floor(one.began), e.observer.ceiling(one.ended)
        for day in one.json["days"]:
            entries = [entry for entries in e.model.accounts.values() for entry in entries if entry["day"] == day["day"]]
            least, most = (sums_of([entry for entry in entries if heads is None or entry["seq"] <= heads[entry["shard"]]])
                           for heads in (floor, ceiling))
            if not all(least[name] <= day[name] <= most[name] for name in ("fees", "rewards")):
                yield f"{one}: {day}, durable {least}..{most}"


# ── events as they were read ──

def who_reads_all_events_has_the_log(e):
    """Each public event once at least, as it stands in the log, and in the order of its key."""
    log = {where(event): event for event in e.books.event if event["type"] not in INTERNAL}
    seen, last = set(), {}
    for event in e.history.events:
        found = log.get(event["id"])
        if found is None:
            yield f"event {event['id']} ({event['type']}) is not in the log"
            continue
        if (event["type"], event["data"], event["time"]) != (found["type"], found["data"], found["at"]):
            yield f"event {event['id']}: read {event}, in the log {found}"
        key = event["partitionkey"], found["shard"]
        if event["id"] not in seen and found["seq"] < last.get(key, 0):
            yield f"event {event['id']} came after {last[key]} of {key}"
        last[key] = max(found["seq"], last.get(key, 0))
        seen.add(event["id"])
    if e.has_read_all:
        for missing in list(log.keys() - seen)[:5]:
            yield f"event {missing} ({log[missing]['type']}) was never read"


# ── people ──

def away_times(e):
    """account -> (since when nobody doubts it, until when somebody may be changing it again) of being deactivated."""
    commands = collections.defaultdict(list)
    for command in e.history.of("change"):
        if "active" in command.wants and command.tries:
            commands[command.wants["account"]].append(command)
    for account, changes in commands.items():
        changes.sort(key=lambda command: command.tries[0].began)
        for number, command in enumerate(changes):
            if command.wants["active"] or not command.acknowledged:
                continue
            until = changes[number + 1].tries[0].began if number + 1 < len(changes) else float("inf")
            yield account, command.tries[-1].ended, until


def who_is_deactivated_is_refused_everywhere(e):
    for account, since, until in away_times(e):
        for one in e.history.exchanges:
            is_late = since + NOTICED_S + SLACK_S < one.began and one.ended < until
            if one.by == account and is_late and one.ok and one.path != "/auth/logout":  # that is answered always
                yield f"{one}: deactivated for {one.began - since:.1f} s"


def who_is_not_deactivated_is_not_refused(e):
    """But a refresh token may be refused that was presented before: its family may have been revoked for that."""
    changed = {command.wants["account"] for command in e.history.of("change") if command.wants.get("active") is False}
    presented = set()
    for one in sorted(e.history.exchanges, key=lambda one: one.began):
        token = refresh_token_of(one)
        if one.status == 401 and one.by not in changed and token not in presented:
            yield str(one)
        if token and one.trouble != "never sent":
            presented.add(token)


def refresh_token_of(one):
    return one.body.get("refresh_token") if one.path in ("/auth/refresh", "/auth/logout") else None


def who_has_signed_out_stays_so(e):
    ended = {}
    for one in sorted(e.history.exchanges, key=lambda one: one.began):
        token = refresh_token_of(one)
        if one.path == "/auth/logout" and one.ok:
            ended.setdefault(token, one.ended)
        elif token in ended and one.ok and one.began > ended[token]:
            yield str(one)


def who_is_deactivated_gets_nothing(e):
    """But of a run whose roster is older."""
    runs = {event["subject"]: event["seq"] for event in e.books.events("shuffle.requested.v1")}
    for account, since, until in away_times(e):
        heads, last = e.observer.ceiling(since + OLD_DRAWS_S), e.observer.floor(until)
        if heads is None or since + OLD_DRAWS_S > until:
            continue
        for event in e.books.events("task.assigned.v1"):
            shard, data = event["shard"], event["data"]
            is_old = data["reason"] == "shuffled" and runs[data["shuffle_id"]] <= heads[0]
            if data["account_id"] == account and heads[shard] < event["seq"] <= last[shard] and not is_old:
                yield f"task {event['subject']} ({data['reason']}), {account} has been away since {since:.1f}"


def everybody_is_shown_as_they_were(e):
    for one in e.history.exchanges:
        if one.status == 200 and re.fullmatch(f"/employees(/{ID})?|/me", one.path) and one.method == "GET":
            for person in one.json["data"] if one.path == "/employees" else [one.json]:
                shown = {name: person[name] for name in ("name", "role", "active")}
                if not any(shown.items() <= state.items() for state in e.model.people.get(person["id"], ())):
                    yield f"{one}: {shown} was never so"


def every_sign_in_is_in_the_log_once(e):
    counted = collections.Counter(event["subject"] for event in e.books.events("account.logged_in.v1"))
    names = {row["login"]: row["id"] for row in e.books.employee}
    least, doubts = collections.Counter(), collections.Counter()
    for command in e.history.of("sign in"):
        least[names[command.name]] += len(command.acknowledged)
        doubts[names[command.name]] += command.doubts
    for account in counted.keys() | least.keys():
        if not least[account] <= counted[account] <= least[account] + doubts[account]:
            yield f"{account}: {counted[account]} in the log, {least[account]} acknowledged, {doubts[account]} in doubt"


# ── time ──

def every_request_is_answered_in_time(e):
    """Unless its node was frozen or ended meanwhile."""
    for one in e.history.exchanges:
        if one.ended - one.began <= ANSWER_LIMIT_S + SLACK_S:
            continue
        stopped = any(node == one.node and begin < one.ended and one.began < end for node, begin, end in e.standstills)
        if not stopped:
            yield f"{one}: after {one.ended - one.began:.1f} s"


INVARIANTS = (
    every_client_saw_only_what_may_be, every_acknowledged_command_is_in_the_log_exactly_once,
    nothing_is_in_the_log_that_nobody_asked_for, a_key_has_one_answer, a_refusal_has_a_reason,
    every_created_task_is_what_was_asked_for, every_acknowledged_shuffle_is_one_run, every_task_was_shown_as_it_was_durable,
    every_answer_to_a_completion_was_true, every_edit_was_shown, every_balance_was_shown_as_it_was_durable,
    every_log_was_shown_as_it_was_durable, a_shuffle_is_shown_done_only_when_all_its_entries_are_posted,
    after_a_close_is_answered_no_entry_carries_the_day, the_figures_of_a_closed_day_do_not_change,
    every_sum_of_a_day_was_shown_as_it_was_durable, who_reads_all_events_has_the_log,
    who_is_deactivated_is_refused_everywhere, who_is_not_deactivated_is_not_refused, who_has_signed_out_stays_so,
    who_is_deactivated_gets_nothing, everybody_is_shown_as_they_were, every_sign_in_is_in_the_log_once,
    every_request_is_answered_in_time,
)
