"""One run: start, let people work while faults happen, take every fault away, wait until all has come to rest, judge."""

import collections
import dataclasses
import pathlib
import random
import tempfile
import time
import traceback
import types

import deployment  # finds what the others need
import answers
import auditor
import books
import crowd
import faults
import history
import invariants
import meters
import model
import observer
import poison
from support import processes

LIVENESS_S = 30.0  # after the last fault everything is served again, and nothing is under way
EVENTS_LIMIT_S = 20
REVIVE_EVERY_S = 0.1
# Before the first fault commits are slow for so long: much is under way that is not durable yet, and nothing is lost.
SLOW_BEGIN_S = 5.0
SLOW_COMMIT_S = 0.15
SHOWN_PER_INVARIANT = 5
LONG_REST_S = 5.0  # what takes longer is said


@dataclasses.dataclass
class Report:
    seed: str
    nodes: int
    seconds: float
    faults: dict
    skipped: int
    answers: dict
    commands: dict
    differences: dict  # invariant -> what is against it
    events: int
    rest_s: float  # after which all had come to rest
    waited_for: dict  # what was not well -> until so many seconds after the last fault
    counted: dict  # by the nodes
    log: list  # the faults, for people

    def is_clean(self):
        return not self.differences

    def text(self):
        lines = [f"seed {self.seed}, {'one node' if self.nodes == 1 else f'{self.nodes} nodes'}, {self.seconds:.0f} s: "
                 f"{sum(self.faults.values())} faults, {sum(self.answers.values())} requests, {self.events} events, "
                 f"at rest after {self.rest_s:.1f} s, {sum(map(len, self.differences.values()))} differences"]
        lines += [f"  {name}: " + ", ".join(f"{number} {what}" for what, number in figures.items())
                  for name, figures in (("faults", self.faults), ("answers", self.answers), ("commands", self.commands),
                                        ("nodes counted", self.counted))]
        lines += [f"  waited {seconds:.1f} s: {what}" for what, seconds in self.waited_for.items() if seconds > LONG_REST_S]
        if self.skipped:
            lines.append(f"  skipped: {self.skipped} faults that need root")
        for invariant, found in self.differences.items():
            lines.append(f"  VIOLATED: {invariant} ({len(found)} times)")
            lines += [f"    {what[:1500]}" for what in found[:SHOWN_PER_INVARIANT]]
        if self.differences:
            lines += ["  faults done:", *(f"    {line}" for line in self.log)]
        return "\n".join(lines)


class Run:
    def __init__(self, seed, nodes, seconds, build, keeps_logs=True):
        self.seed, self.seconds, self.keeps_logs = str(seed), seconds, keeps_logs
        # From nearly nobody stays in memory to everybody does.
        max_active = random.Random(f"{seed}/memory").choice((64, 200, 100000))
        self.site = deployment.Deployment(nodes, build, {"actors.max_active": max_active})
        self.history = history.History()
        self.done = collections.Counter()
        self.log = []
        self.frozen = {}  # node -> since when
        self.waited_for = {}  # what was not well yet -> how many seconds after the last fault
        self.standstills = []  # (node, begin, end): it did not run
        self.stale = []  # sentences: what nodes wrote from an older state than the durable one, without an excuse

    def perform(self):
        """The Report. Whatever was started has ended then."""
        try:
            self.site.start()
            watch = observer.Observer(self.site.database.url())
            self.site.cleanup.callback(watch.close)
            audits = auditor.Auditor(self.site)
            self.site.cleanup.callback(audits.close)
            counted = meters.Meters(self.site.nodes)
            self.site.cleanup.callback(counted.close)
            people = crowd.Crowd(self.site.nodes, self.history, self.seed)
            self.site.people = people
            people.settle_in()
            people.start()
            self.begin_slowly(people)
            began = time.monotonic()
            self.let_faults_happen(began)
            people.stop()
            differences, rest_s = self.come_to_rest(people, began + self.seconds)
            has_read_all = people.read_all_events(EVENTS_LIMIT_S)
            evidence = self.gather(watch, audits, has_read_all)
            differences |= judge(evidence)
            if differences and self.keeps_logs:
                self.keep_logs()
            return self.report(differences, len(evidence.books.event), rest_s, counted.totals() | self.seen(audits))
        finally:
            self.site.discard()

    # ── faults ──
    def begin_slowly(self, people):
        """Much is under way that is not durable yet. A shard may count stale records when a batch of it was lost, or another
        node has taken it over. Not before."""
        for node in self.site.nodes:
            node.storage.batch_delay_s = SLOW_COMMIT_S
        people.crush(self.site.psql.ask(TASKS_OF_ONE_SHARD).split(","), SLOW_BEGIN_S)
        for node in self.site.nodes:
            if stale := node.metrics().get("ates_journal_stale_records_total", 0):
                self.stale.append(f"{node.name} has written {stale:.0f} times from a state that was not the last one")
            node.storage.batch_delay_s = 0.0

    def let_faults_happen(self, began):
        """In order, begins and ends alike; all are over when it returns."""
        planned = faults.schedule(self.seed, self.site.count, self.seconds, self.site.able)
        agenda = [(fault.at_s, number, fault, None) for number, fault in enumerate(planned)]
        while agenda:
            agenda.sort(key=lambda item: item[:2])
            at_s, number, fault, end = agenda.pop(0)
            if at_s > self.seconds and end is None:
                continue
            self.wait_until(began + min(at_s, self.seconds))
            if end is not None:
                self.end(fault, end)
                continue
            self.log.append(f"{time.monotonic() - began:6.2f} {str(fault)[7:]}")
            end = self.begin(fault)
            if end is not None:
                agenda.append((fault.at_s + fault.lasts_s, number, fault, end))
        self.wait_until(began + self.seconds)
        for poisoner in self.site.poisoners:
            poisoner.end()
        self.site.heal()
        for name in list(self.frozen):
            self.runs_again(name)

    def wait_until(self, then):
        while (left := then - time.monotonic()) > 0:
            self.site.revive_the_poisoned()
            time.sleep(min(left, REVIVE_EVERY_S))

    def begin(self, fault):
        self.done[fault.verb.name] += 1
        if fault.verb.busy in ("node", "nodes"):
            for node in self.site.nodes if fault.verb.busy == "nodes" else [self.site.nodes[fault.node]]:
                self.frozen.setdefault(node.name, time.monotonic())
        end = fault.verb.begin(self.site, fault)
        if end is None and fault.verb.busy == "nodes":
            for node in self.site.nodes:
                self.runs_again(node.name)
        return end

    def end(self, fault, end):
        end()
        if fault.verb.busy == "node":
            self.runs_again(self.site.nodes[fault.node].name)

    def runs_again(self, name):
        self.standstills.append((name, self.frozen.pop(name), time.monotonic()))

    # ── rest ──
    def come_to_rest(self, people, since):
        """({what does not hold: [why]}, seconds since the last fault until all was well)."""
        unsettled = []

        def settled():
            self.site.revive_the_poisoned()  # of a command that was still on its way
            unsettled[:] = list(self.unsettled(people))[:5]
            if unsettled:
                self.waited_for[unsettled[0][:200]] = time.monotonic() - since
            return not unsettled
        if processes.wait_until(settled, LIVENESS_S, step_s=0.2):
            return {}, time.monotonic() - since
        said = unsettled + [self.site.last_words()]
        return {"when faults are over, everything is served again and comes to an end": said}, time.monotonic() - since

    def unsettled(self, people):
        for node in self.site.nodes:
            if not node.is_ready():
                yield f"{node.name} is not ready"
                return
        sql = self.site.psql
        for task in (sql.ask("select coalesce(string_agg(entity::text, ','), '-') from quarantine") or "").split(","):
            if task in self.site.poisoned():
                poison.release(people.client_of(self.site.nodes[0]), task)
                yield f"task {task} was in quarantine"
                return
        for what, query in RESTLESS.items():
            found = sql.ask(f"select ({query})::text")
            if found != "0":
                yield f"{found} {what}"
                return
        for node in self.site.nodes:
            admin = people.client_of(node)
            if not admin.sign_in():
                yield f"nobody can sign in at {node.name}"
                continue
            for task in (sql.ask(PROBES) or "").split(","):
                one = admin.exchange("GET", f"/tasks/{task}")
                if one.status != 200:
                    yield f"{one}"
            admin.client.close()

    # ── judging ──
    def gather(self, watch, audits, has_read_all):
        found = books.read(self.site)
        return types.SimpleNamespace(
            books=found, model=model.Model(found), history=self.history, observer=watch, verified=self.site.verify(),
            letters=[(recipients[0], message_id_of(content)) for recipients, content, _ in self.site.mail.letters],
            standstills=self.standstills, given_up=self.site.given_up(), stale=self.stale,
            poisoned=self.site.poisoned(), audited=audits.found, has_read_all=has_read_all)

    def seen(self, audits):
        return {"audits": audits.looks, "deaths_of_poison": self.site.deaths_of_poison,
                "quarantined": sum(poisoner.quarantined for poisoner in self.site.poisoners)}

    def report(self, differences, events, rest_s, counted):
        for fault, loss in self.site.losses:
            self.done[fault.verb.name] -= not loss.connection_ended.is_set()  # no batch has come
        return Report(self.seed, self.site.count, self.seconds, dict(sorted(self.done.items())),
                      faults.skipped(self.seed, self.site.count, self.seconds, self.site.able),
                      self.history.by_answer(), self.history.by_end(), differences, events, rest_s, self.waited_for, counted,
                      self.log)

    def keep_logs(self):
        """Of a run that has found something: what the nodes said."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix=f"ates-faults-found-{self.seed.replace('/', '-')}-", dir="/tmp"))
        for node in self.site.nodes:
            (folder / f"{node.name}.log").write_text(node.log())
        self.log.append(f"what the nodes said is in {folder}")


# What is 0 when all is at rest.
RESTLESS = {
    "shards without a living owner": "select count(*) from shard s left join node n on n.incarnation = s.owner "
                                     "where n.incarnation is null or n.dead",
    "shuffles under way": "select count(*) from shuffle where status in (1, 2)",
    "payouts under way": "select count(*) from payout where status = 1",
    "lines with events in transit": "select count(*) from (select shard, target, max(target_seq) as head from event "
                                    "where target is not null group by shard, target) l left join inbox_cursor c "
                                    "on c.shard = l.target and c.source = l.shard where coalesce(c.position, 0) < l.head",
    "open tasks of who cannot have them": "select count(*) from task_state s join employee e on e.id = s.assignee "
                                          "where s.status = 1 and not (e.active and e.role in (3, 4))",
}
# Of the shard that has most of them: where few may be in memory, each drives out the others.
TASKS_OF_ONE_SHARD = "select string_agg(id::text, ',') from task group by shard order by count(*) desc limit 1"
# A task of every shard.
PROBES = "select string_agg(id::text, ',') from (select distinct on (shard) id from task order by shard, id) t"


def message_id_of(content):
    head = content.decode(errors="replace").replace("\r\n ", " ").split("\r\n\r\n")[0]
    return next(line.split(":", 1)[1].strip() for line in head.split("\r\n") if line.lower().startswith("message-id:"))


def judge(evidence):
    """{invariant: what is against it}, only what is violated."""
    found = {}
    for invariant in (*invariants.INVARIANTS, *answers.INVARIANTS):
        try:
            against = list(invariant(evidence))
        except Exception:  # what no history without fault can do to it
            against = [f"cannot be checked: {traceback.format_exc(limit=-2)}"]
        if against:
            found[invariant.__name__.replace("_", " ")] = against
    return found
