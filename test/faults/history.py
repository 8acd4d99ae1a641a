"""What every client asked, when, and what it was told. Filled by many threads.

    command     something a client wanted: one or more tries that mean the same
    exchange    one request and its answer

What a client may conclude from an answer (contract.md §3): 2xx, it is in the books exactly once; a refusal or 503 other than
outcome_unknown, this try had no effect; outcome_unknown or no answer, it is in doubt."""

import collections
import dataclasses
import threading

NOT_EXECUTED = ("unavailable", "overloaded", "quarantined")


@dataclasses.dataclass(eq=False)
class Exchange:
    """One request and its answer. Times are time.monotonic()."""

    method: str
    path: str  # below /v1, without the query
    query: dict
    body: object
    key: str | None
    by: str  # id of the account
    node: str
    began: float
    ended: float = 0.0
    status: int | None = None  # None: no answer
    json: object = None
    replayed: bool = False
    retry_after: str | None = None
    trouble: str | None = None  # without an answer: never sent, broken, silent
    command: object = None

    @property
    def ok(self):
        return self.status is not None and 200 <= self.status < 300

    @property
    def code(self):
        """Of a problem."""
        return self.json.get("code") if self.status is not None and not self.ok and isinstance(self.json, dict) else None

    @property
    def in_doubt(self):
        """Whether it may have been executed, as far as the client can know."""
        if self.status is None:
            return self.trouble != "never sent"
        return not self.ok and self.status >= 500 and self.code not in NOT_EXECUTED

    def told(self):
        return f"{self.status} {self.code or ''}".strip() if self.status else self.trouble

    def __str__(self):
        what = f"{self.method} {self.path}" + (f" key {self.key}" if self.key else "")
        what += f" {self.body}" if self.body else ""
        return f"[{self.began:.3f}..{self.ended:.3f} {self.node}] {what[:300]} -> {self.told()}"


@dataclasses.dataclass(eq=False)
class Command:
    """`name`: what it can be recognised by in the log, and by nothing else: a title, a name. Of a batch there is one for
    each item."""

    kind: str
    by: str
    name: str
    key: str | None = None
    wants: dict = dataclasses.field(default_factory=dict)
    tries: list = dataclasses.field(default_factory=list)
    # Of what became of each try, where one exchange has several (a batch): (status, JSON, code).
    answers: list = dataclasses.field(default_factory=list)
    in_doubt: bool = False  # some try may have been executed without an answer that says so

    def add(self, exchange, status, json):
        """One try has been answered so (status None: not at all)."""
        self.tries.append(exchange)
        self.answers.append((status, json))
        if status is None or status >= 500:
            code = (json or {}).get("code") if status is not None else None
            self.in_doubt |= exchange.trouble != "never sent" and code not in NOT_EXECUTED

    @property
    def acknowledged(self):
        """The 2xx answers, in order."""
        return [json for status, json in self.answers if status is not None and 200 <= status < 300]

    @property
    def doubts(self):
        """How many tries may have been executed without saying so."""
        return sum(1 for exchange, (status, json) in zip(self.tries, self.answers)
                   if status is None and exchange.trouble != "never sent"
                   or status is not None and status >= 500 and (json or {}).get("code") not in NOT_EXECUTED)

    def end(self):
        return "done" if self.acknowledged else "in doubt" if self.in_doubt else "refused"

    def __str__(self):
        return f"{self.kind} {self.name!r} ({', '.join(exchange.told() or '?' for exchange in self.tries)})"


class History:
    def __init__(self):
        self.exchanges = []
        self.commands = []
        self.faults = []  # sentences: what no client should have seen
        self.events = []  # as pages of events gave them
        self.lock = threading.Lock()

    def begin(self, *words, **more):
        command = Command(*words, **more)
        with self.lock:
            self.commands.append(command)
        return command

    def keep(self, exchange):
        with self.lock:
            self.exchanges.append(exchange)

    def fault(self, sentence):
        with self.lock:
            self.faults.append(sentence)

    def of(self, *kinds):
        return [command for command in self.commands if command.kind in kinds]

    def by_answer(self):
        """How many requests were answered so: {"200": 17, "409 not_assignee": 3, "broken": 1}."""
        return dict(sorted(collections.Counter(exchange.told() for exchange in self.exchanges).items()))

    def by_end(self):
        """How many commands came to which end."""
        return dict(sorted(collections.Counter(f"{command.kind} {command.end()}" for command in self.commands).items()))
