"""Everything that is in the database, at one moment: one repeatable-read transaction."""

import collections
import json
import subprocess

import support

AT = "to_char({0} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') as {0}"
READ_LIMIT_S = 60


def at(*columns):
    return ", ".join(AT.format(column) for column in columns)


# Times as HTTP shows them.
TABLES = {
    "event": f"select shard, seq, epoch, {at('at')}, type, subject, data, target, target_seq, cause_source, cause_seq "
             "from event order by shard, seq",
    "transfer": f"select shard, account, entry, id, {at('at')}, day, kind, debit, credit, amount, balance_after, task, "
                "reason, shuffle from transfer order by shard, account, entry",
    "account": "select * from account",
    "task": "select shard, id, title, jira_id, description, external_ref, fee, reward, created_by, "
            f"{at('created_at')} from task",
    "task_state": f"select shard, id, version, status, assignee, assignments, last_run, {at('assigned_at', 'completed_at')} "
                  "from task_state",
    "shard": "select shard, owner, epoch from shard",
    "shard_day": "select * from shard_day",
    "shard_state": "select shard, open_day, paid_through, run_done from shard_state",
    "inbox_cursor": "select * from inbox_cursor",
    "shuffle": f"select run, id, status, requested_by, {at('started_at', 'finished_at')}, open_tasks, reassigned, "
               "seed::text from shuffle order by run",
    "shuffle_roster": "select run, account from shuffle_roster order by run, ordinal",
    "payout": "select day, status, accounts_paid, total_paid from payout",
    "mail": "select shard, account, day, amount, address, status, attempts, message_id from mail",
    "employee": "select id, login, name, role, active, leaving from employee",
}


class Books:
    """A list of rows (dicts) per table, as attributes."""

    def __init__(self, url):
        script = "\\set ON_ERROR_STOP on\nbegin isolation level repeatable read read only;\n"
        for name, query in TABLES.items():
            script += f"\\echo :{name}\nselect row_to_json(r) from ({query}) r;\n"
        done = subprocess.run([support.postgres.PSQL, "--no-psqlrc", "-qAt", url], input=script + "commit;\n", text=True,
                              capture_output=True, timeout=READ_LIMIT_S)
        if done.returncode != 0:
            raise AssertionError(f"the books cannot be read: {done.stderr}")
        rows = {}
        for line in done.stdout.split("\n"):
            if line.startswith(":"):
                rows[line[1:]] = current = []
            elif line:
                current.append(json.loads(line))
        self.__dict__ |= rows
        self.log = collections.defaultdict(list)  # shard -> its events, in order
        for event in self.event:
            self.log[event["shard"]].append(event)

    def events(self, *types):
        return [event for event in self.event if event["type"] in types]


def where(event):
    """How a difference names an event."""
    return f"{event['shard']}-{event['seq']}"


def read(site):
    return Books(site.database.url(support.postgres.OWNER))
