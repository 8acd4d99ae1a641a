"""The judge itself: it finds nothing in a history without fault, and finds each damage by the invariant that is about it."""

import unittest

import paper  # finds what the others need
import answers
import invariants
import run

INVARIANT_OF = []


def damage(invariant):
    """Marks a function of (paper, evidence-to-be) that damages the books so that `invariant` is violated."""
    def mark(function):
        INVARIANT_OF.append((function.__name__.replace("_", " "), invariant, function))
        return function
    return mark


def rows(p, table, **wanted):
    return [row for row in p.tables[table] if all(row[name] == value for name, value in wanted.items())]


def of_type(p, kind):
    return next(event for events in p.log.values() for event in events if event["type"] == kind)


# ── the log ──

@damage("the log of a shard has no gap")
def an_event_is_missing(p):
    del p.log[3][1]


@damage("the line from shard to shard has no gap")
def a_number_of_a_line_is_left_out(p):
    p.log[3][2]["target_seq"] = 9


@damage("epochs never fall along the log")
def an_old_owner_has_written_late(p):
    p.log[1][0]["epoch"] = 2


@damage("nothing is written under a lease that is over")
def an_old_owner_has_written_where_the_new_one_had_not_yet(p):
    for leases in p.leases:
        leases[3] = (2, 2)
    rows(p, "shard", shard=3)[0]["epoch"] = 2


@damage("every change of a lease raises its epoch")
def a_shard_has_changed_hands_unnoticed(p):
    p.leases[2][3] = (1, 2)


@damage("nothing is in the log twice")
def a_task_is_completed_twice(p):
    again = dict(of_type(p, "task.completed.v1"))
    p.log[3].append({**again, "seq": len(p.log[3]) + 1, "target": None, "target_seq": None})


@damage("every event has its effect once")
def a_fee_is_never_charged(p):
    source = of_type(p, "task.assigned.v1")
    effect = next(event for event in p.log[source["target"]] if event["cause_source"] == source["shard"])
    effect["cause_source"] = effect["cause_seq"] = None


@damage("cursors stand at the end of their lines")
def a_cursor_is_behind(p):
    p.tables["inbox_cursor"][0]["position"] -= 1


@damage("the log keeps the rules of business")
def somebody_completes_the_task_of_another(p):
    of_type(p, "task.completed.v1")["data"]["account_id"] = paper.BOB


@damage("the log keeps the rules of business")
def time_goes_back(p):
    of_type(p, "task.completed.v1")["at"] = "2026-01-05T11:00:00.000000Z"


# ── what is stored ──

@damage("every task is what its events make it")
def an_assignee_is_another_than_in_the_log(p):
    rows(p, "task_state", id=paper.TASK)[0]["assignee"] = paper.BOB


@damage("every ledger is what its events make it")
def a_transfer_is_missing(p):
    p.tables["transfer"].pop(0)


@damage("every balance is the sum of its entries")
def a_cent_is_lost(p):
    rows(p, "account", id=paper.ADA)[0]["balance"] -= 1


@damage("the books balance")
def a_cent_is_found(p):
    rows(p, "account", id=paper.BOB)[0]["balance"] += 1


@damage("every daily figure is the sum of its entries")
def a_daily_figure_is_wrong(p):
    p.tables["shard_day"][0]["fees"] += 100


# ── shuffles, days, letters, people ──

@damage("every draw of a shuffle is the formula of seed and roster")
def a_seed_is_another(p):
    p.tables["shuffle_roster"] = p.tables["shuffle_roster"][::-1]


@damage("every shuffle reaches what was open before it")
def a_shuffle_forgets_a_task(p):
    [missed] = [event for event in p.log[5] if event["data"].get("reason") == "shuffled"]
    missed["data"] = {**missed["data"], "reason": "released", "shuffle_id": None}


@damage("every shuffle counts what it charged")
def a_shuffle_counts_one_too_many(p):
    p.tables["shuffle"][0]["reassigned"] = 3


@damage("every day is paid out once and whole")
def a_payout_run_says_another_sum(p):
    p.tables["payout"][0]["total_paid"] += 1


@damage("nobody keeps a positive balance over a closed day")
def a_payout_is_left_out(p):
    for kind in ("audit_log_record.created.v1", "payment_log_record.created.v1"):
        p.log[1] = [event for event in p.log[1] if event["type"] != kind or event["data"].get("kind", "payout") != "payout"]


@damage("every payout has one letter")
def a_letter_is_missing(p):
    p.tables["mail"].clear()


@damage("every letter has an id of its own and keeps it")
def a_letter_is_marked_and_never_left(p):
    p.letters.clear()


@damage("no open task is without an eligible assignee")
def somebody_left_and_kept_a_task(p):
    holder = rows(p, "task_state", id=paper.OTHER)[0]["assignee"]
    next(event for event in p.log[0] if event["subject"] == holder)["data"]["active"] = False


@damage("every employee is what the directory says")
def a_name_is_another(p):
    p.tables["employee"][1]["name"] = "Eve"


# ── answers ──

@damage("every client saw only what may be")
def an_error_of_the_server_is_answered(p):
    p.exchange("GET", "/tasks", 500, {"code": "internal"})


@damage("every acknowledged command is in the log exactly once")
def an_acknowledged_task_is_not_there(p):
    p.asked("create", "dust", "dust", 201, p.shown(paper.TASK, 1), title="dust")


@damage("nothing is in the log that nobody asked for")
def a_refused_task_is_there(p):
    p.history.commands = [command for command in p.history.commands if command.name != "mop"]


@damage("a key has one answer")
def a_repeated_key_is_another_task(p):
    command = next(command for command in p.history.of("create"))
    command.add(p.exchange("POST", "/tasks", 201, p.shown(paper.OTHER, 1)), 201, p.shown(paper.OTHER, 1))


@damage("a refusal has a reason")
def a_login_is_taken_by_nobody(p):
    p.asked("hire", "Eve", "eve", 409, {"code": "login_taken"}, path="/employees")


@damage("every created task is what was asked for")
def a_title_is_another(p):
    p.history.of("create")[0].wants["title"] = "weep"


@damage("every acknowledged shuffle is one run")
def a_shuffle_runs_twice(p):
    p.tables["shuffle"].append({**p.tables["shuffle"][0], "run": 2, "id": paper.OTHER})


@damage("every task was shown as it was durable")
def a_version_is_shown_that_was_lost(p):
    p.exchange("GET", f"/tasks/{paper.OTHER}", 200, {**p.shown(paper.OTHER, 2), "version": 3})


@damage("every task was shown as it was durable")
def an_old_version_is_shown(p):
    p.exchange("GET", f"/tasks/{paper.TASK}", 200, p.shown(paper.TASK, 2))


@damage("every answer to a completion was true")
def a_done_task_is_said_to_be_somebody_elses(p):
    p.asked("complete", paper.TASK, None, 409, {"code": "not_assignee"}, path=f"/tasks/{paper.TASK}/complete", by=paper.BOB)


@damage("every balance was shown as it was durable")
def a_balance_is_shown_that_never_was(p):
    p.exchange("GET", "/accounts/me", 200, {"account_id": paper.ADA, "balance": 7, "today": {
        "day": paper.DAY, "fees": 0, "rewards": 0, "paid_out": 0}}, by=paper.ADA)


@damage("every log was shown as it was durable")
def a_log_is_shown_with_a_gap(p):
    ids = [row["id"] for row in rows(p, "transfer", account=paper.ADA)][::-1]
    p.exchange("GET", "/accounts/me/log", 200, {"data": [{"id": ids[0]}, {"id": ids[2]}]}, by=paper.ADA, limit=50)


@damage("every edit was shown")
def an_edit_is_answered_with_another_title(p):
    p.asked("edit", "sweep again", None, 200, p.shown(paper.TASK, 3), path=f"/tasks/{paper.TASK}", task=paper.TASK)


@damage("a shuffle is shown done only when all its entries are posted")
def a_shuffle_is_shown_done_too_early(p):
    p.exchange("GET", "/shuffles", 200, {"data": [{"id": paper.RUN, "status": "done"}]}, at=-1.2)


@damage("after a close is answered no entry carries the day")
def a_close_is_answered_too_early(p):
    p.asked("close", "early", "early", 202, {"day": paper.DAY}, path="/payouts", at=-1.2)


@damage("the figures of a closed day do not change")
def a_closed_day_is_shown_with_another_figure(p):
    p.exchange("GET", "/analytics/days", 200, {"data": [{"day": paper.DAY, "total_paid": 1}]})


@damage("every sum of a day was shown as it was durable")
def the_fees_of_a_day_are_shown_as_nothing(p):
    p.exchange("GET", "/accounting/earnings", 200, {"days": [{"day": paper.DAY, "fees": 0, "rewards": 0}]})


@damage("every sign in is in the log once")
def a_sign_in_is_not_in_the_log(p):
    p.asked("sign in", "ada", None, 200, {"account": {"id": paper.ADA}}, path="/auth")


def send_away(p, account, at):
    p.asked("change", "Gone", None, 200, {"id": account}, method="PATCH", path=f"/employees/{account}", at=at,
            account=account, active=False)


@damage("who is deactivated is refused everywhere")
def a_deactivated_account_is_served(p):
    send_away(p, paper.ADA, 1.0)
    p.exchange("GET", "/accounts/me/log", 200, {"data": []}, by=paper.ADA, at=20.0, limit=50)


@damage("who is deactivated gets nothing")
def a_deactivated_account_is_given_tasks(p):
    send_away(p, paper.ADA, -60.0)


@damage("who is not deactivated is not refused")
def an_active_account_is_refused(p):
    p.exchange("GET", "/tasks", 401, {"code": "unauthenticated"}, by=paper.BOB)


@damage("who has signed out stays so")
def a_token_outlives_its_sign_out(p):
    for path, status, at in (("/auth/logout", 204, 1.0), ("/auth/refresh", 200, 2.0)):
        p.exchange("POST", path, status, {}, at=at).body = {"refresh_token": "t"}


@damage("everybody is shown as they were")
def somebody_is_shown_with_another_role(p):
    p.exchange("GET", "/employees", 200, {"data": [{"id": paper.ADA, "name": "Ada", "role": "admin", "active": True}]})


@damage("no record is stale before anything is lost")
def a_node_has_written_from_an_old_state(p):
    p.stale.append("node1 has written 1 times from a state that was not the last one")


@damage("no node ends or gives up anything by itself")
def an_account_is_quarantined(p):
    p.given_up.append(f"entity={paper.ADA} quarantined=...")


@damage("the program itself finds nothing wrong")
def verify_has_found_something(p):
    p.verified.clean = False


@damage("who reads all events has the log")
def an_event_is_never_read(p):
    p.history.events.pop()


@damage("every request is answered in time")
def an_answer_comes_late(p):
    p.exchange("GET", "/tasks", 200, {"data": []}).ended += 60


class Judge(unittest.TestCase):
    def test_a_history_without_fault_is_found_to_be_so(self):
        self.assertEqual(run.judge(paper.Paper().remember().evidence()), {})

    def test_there_is_a_damage_for_each_invariant(self):
        known = {invariant.__name__.replace("_", " ") for invariant in (*invariants.INVARIANTS, *answers.INVARIANTS)}
        self.assertEqual({invariant for _, invariant, _ in INVARIANT_OF}, known)

    def test_each_damage_is_found_by_the_invariant_that_is_about_it(self):
        for name, invariant, function in INVARIANT_OF:
            with self.subTest(name):
                damaged = paper.Paper().remember()
                function(damaged)
                self.assertIn(invariant, run.judge(damaged.evidence()))


if __name__ == "__main__":
    unittest.main()
