"""People at work, and what they were told: many clients create, complete and shuffle at once, through whatever happens to
the node, and remember every answer. Afterwards the history is compared with the books.

    crowd = workload.Crowd(node, seed)      employees, a backlog, one signed-in client per thread
    crowd.start(); …faults…; crowd.stop()         as often as you like
    workload.compare(crowd.history, node)   raises AssertionError with every difference

What a client may conclude from an answer (contract.md §3):
    2xx                                  it is in the books exactly once
    503 unavailable, overloaded          it is not, unless it was in doubt before
    outcome_unknown, no answer           in doubt: it is there at most once; repeated with the same key it is one effect

`node` is a support.Node or a cluster_support.Cluster, whose clients go through the edge: that one says outcome_unknown with
502 and 504, too."""

import collections
import dataclasses
import http.client
import random
import threading
import time

import support

WORKERS = 14  # and one who shuffles, and one who closes the day
BACKLOG = 200
NOT_EXECUTED = ("unavailable", "overloaded", "quarantined")
PATIENCE_S = 60  # how long a client repeats a request once all faults are over before it calls that a fault of the node
GIVES_UP = 0.15  # share of requests that are not repeated
PASSWORD = "correct horse battery"


@dataclasses.dataclass
class Moment:
    """One request and when it was answered."""

    path: str
    began: float  # time.monotonic()
    took_s: float
    status: int | None  # None: the connection ended
    code: str | None  # of a problem
    repeatable: bool  # a read, or it had a key: whoever stands between may send it twice


@dataclasses.dataclass
class Wish:
    """Something a client wanted, and what it knows about it."""

    what: str  # create, complete, shuffle, close
    by: str  # id of the account
    name: str  # title of the task to create; id of the task to complete; key of the shuffle
    in_doubt: bool = False  # some try may have been executed
    answer: dict | None = None  # of the 2xx
    refused: str | None = None  # code of the refusal that ended it

    def must_exist(self):
        return self.answer is not None

    def may_exist(self):
        return self.answer is not None or self.in_doubt


class History:
    """Everything that every client asked for. Filled by many threads."""

    def __init__(self, prefix):
        self.prefix = prefix  # of every title that is in it
        self.wishes = []
        self.moments = []
        self.faults = []  # sentences: what no answer may ever say
        self.lock = threading.Lock()

    def begin(self, *words):
        wish = Wish(*words)
        with self.lock:
            self.wishes.append(wish)
        return wish

    def fault(self, sentence):
        with self.lock:
            self.faults.append(sentence)

    def of(self, what):
        return [wish for wish in self.wishes if wish.what == what]

    def told(self):
        """How often each thing was acknowledged, left in doubt, refused: a line for people."""
        count = collections.Counter()
        for wish in self.wishes:
            count[wish.what, "done" if wish.must_exist() else "in doubt" if wish.in_doubt else "refused"] += 1
        return ", ".join(f"{number} {what} {how}" for (what, how), number in sorted(count.items()))


class Crowd:
    """WORKERS + 2 threads. Same seed (without spaces), same people and intentions (not the same history: the node decides the order).
    May be started again when it has stopped; the history goes on."""

    def __init__(self, node, seed):
        self.seed = seed
        self.history = History(f"{seed}/")
        self.shifts = 0
        self.threads = []
        self.admin = admin = node.admin()  # works, too: only while nobody else does may others ask with it
        people = [self._employ(admin, f"worker{i}", "worker") for i in range(WORKERS)]
        manager = self._employ(admin, "manager", "manager")
        self.jobs = [(Worker, node.client().sign_in(login, PASSWORD)) for login in people]
        self.jobs += [(Shuffler, node.client().sign_in(manager, PASSWORD)), (Closer, admin)]
        titles = [f"{seed}/backlog-{i}" for i in range(BACKLOG)]
        made = admin.post("/tasks/batch", {"tasks": [{"title": title} for title in titles]}).expect(200)
        for title, result in zip(titles, made["results"]):
            self.history.begin("create", admin.account["id"], title).answer = result["task"]

    def _employ(self, admin, login, role):
        admin.post("/employees", {"name": login.title(), "login": login, "email": f"{login}@example.org", "role": role,
                                  "password": PASSWORD}).expect(201)
        return login

    def start(self):
        self.shifts += 1
        self.ending = threading.Event()
        people = [job(client, f"{self.seed}/{self.shifts}/{i}", self.history, self.ending)
                  for i, (job, client) in enumerate(self.jobs)]
        self.threads = [threading.Thread(target=person.run, daemon=True) for person in people]
        for thread in self.threads:
            thread.start()

    def stop(self):
        """Everybody ends what they have begun: what is repeated at all is repeated until it is answered."""
        self.ending.set()
        for thread in self.threads:
            thread.join(2 * PATIENCE_S)
            if thread.is_alive():
                raise AssertionError("a client does not end")


class Person:
    """One client, one thread."""

    pause_s = 0.0

    def __init__(self, client, seed, history, ending):
        self.client = client
        self.me = client.account["id"]
        self.seed = seed
        self.random = random.Random(seed)
        self.history = history
        self.ending = ending
        self.made = 0

    def run(self):
        try:
            while not self.ending.wait(self.pause_s * self.random.random()):
                self.act()
        except Exception as error:  # a thread must not take its findings with it
            self.history.fault(f"client {self.seed}: {type(error).__name__}: {error}")

    def new_name(self):
        self.made += 1
        return f"{self.seed}-{self.made}"

    def pursue(self, wish, path, body=None, key=None, accepted=(200, 201, 202), refusals=()):
        """Asks until the answer is final, or gives up as some people do."""
        patient = self.random.random() > GIVES_UP
        deadline = None
        while True:
            answer = self.ask(path, body, key)
            if answer is None:
                wish.in_doubt = True
            elif answer.status in accepted:
                wish.answer = answer.json
                return
            else:
                code = answer.json["code"]
                if answer.status == 409 and code in refusals:
                    wish.refused = code
                    return
                if not (self.is_refusal_for_now(answer) or code == "idempotency_in_progress"):
                    self.history.fault(f"{path}: {answer.status} {answer.body!r}")
                    return
                wish.in_doubt |= code not in NOT_EXECUTED
            if not patient:
                return
            if self.ending.is_set():
                deadline = deadline or time.monotonic() + PATIENCE_S
                if time.monotonic() > deadline:
                    said = answer.json["code"] if answer else "nothing"
                    return self.history.fault(f"{path} {wish.name}: no final answer in {PATIENCE_S} s, at last {said}")
            time.sleep(self.random.uniform(0.02, 0.2))

    def is_refusal_for_now(self, answer):
        if answer.status in (502, 504):
            return answer.json["code"] == "outcome_unknown"
        return answer.status == 503 and "Retry-After" in answer.headers

    def ask(self, path, body, key):
        """None: no answer, the connection ended."""
        return self._timed(path, key is not None, lambda: self.client.request("POST", path, body, {"Idempotency-Key": key} if key else {}))

    def look(self, path, **query):
        """A read; None if it was not answered now."""
        answer = self._timed(path, True, lambda: self.client.get(path, **query))
        if answer is None or self.is_refusal_for_now(answer):
            return None
        if answer.status != 200:
            self.history.fault(f"{path}: {answer.status} {answer.body!r}")
        return answer.json

    def _timed(self, path, repeatable, send):
        self._stay_signed_in()
        began, answer = time.monotonic(), None
        try:
            answer = send()
        except TimeoutError:
            self.history.fault(f"{path}: no answer within {self.client.timeout_s} s")
        except (OSError, http.client.HTTPException):
            pass
        status, code = (answer.status, (answer.json or {}).get("code")) if answer else (None, None)
        self.history.moments.append(Moment(path, began, time.monotonic() - began, status, code, repeatable))
        return answer

    def _stay_signed_in(self):
        """Through an outage: the token lasts for a while longer."""
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.client.renew()
            except (AssertionError, OSError, http.client.HTTPException):
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)


class Worker(Person):
    """Creates with a key or an external_ref, completes, and looks whether what was acknowledged is there."""

    def __init__(self, *words):
        super().__init__(*words)
        self.known = {}  # task id -> whether its completion was acknowledged

    def act(self):
        self.random.choices((self.create, self.create_by_reference, self.complete, self.check), (25, 15, 45, 15))[0]()

    def create(self):
        title = self.new_name()
        self._create(title, {"title": title}, key=title)

    def create_by_reference(self):
        title = self.new_name()
        self._create(title, {"title": title, "external_ref": title}, key=None)

    def _create(self, title, body, key):
        wish = self.history.begin("create", self.me, title)
        self.pursue(wish, "/tasks", body, key)
        if wish.answer is None:
            return
        self.known.setdefault(wish.answer["id"], False)
        if self.random.random() < 0.1:  # somebody presses the button again
            again = Wish("create", self.me, title)
            self.pursue(again, "/tasks", body, key)
            if again.answer and again.answer["id"] != wish.answer["id"]:
                self.history.fault(f"{title}: repeated, it is another task")

    def complete(self):
        mine = self.look("/tasks", assignee="me", status="open", limit=100)
        if not mine or not mine["data"]:
            return
        task = self.random.choice(mine["data"])["id"]
        wish = self.history.begin("complete", self.me, task)
        self.pursue(wish, f"/tasks/{task}/complete", key=self.new_name(), refusals=("not_assignee", "already_done"))
        if wish.answer is not None:
            self.known[task] = True
            if wish.answer["status"] != "done" or wish.answer["assignee"]["id"] != self.me:
                self.history.fault(f"task {task}: 200, but {wish.answer}")

    def check(self):
        if not self.known:
            return
        task, completed = self.random.choice(list(self.known.items()))
        seen = self.look(f"/tasks/{task}")
        if seen and completed and seen["status"] != "done":
            self.history.fault(f"task {task}: acknowledged as completed, and open again")


class Shuffler(Person):
    pause_s = 1.0

    def act(self):
        key = self.new_name()
        self.pursue(self.history.begin("shuffle", self.me, key), "/tasks/assign", key=key)


class Closer(Person):
    """Closes the day; from the second time on, nothing."""

    pause_s = 3.0

    def act(self):
        key = self.new_name()
        self.pursue(self.history.begin("close", self.me, key), "/payouts", key=key)


# ── the history and the books ──

@dataclasses.dataclass
class Books:
    """Everything there is, read through the API."""

    tasks: list
    entries: list  # of all accounts, each with its `account`
    balances: dict
    shuffles: list


def read_books(admin):
    accounts = admin.all("/accounts")
    entries = [{**entry, "account": account["account_id"]}
               for account in accounts for entry in admin.all(f"/accounts/{account['account_id']}/log")]
    return Books(tasks=admin.all("/tasks"), entries=entries, shuffles=admin.all("/shuffles"),
                 balances={account["account_id"]: account["balance"] for account in accounts})


def compare(history, node, limit_s=60):
    """Waits until nothing is under way any more; then raises AssertionError unless history and books agree."""
    settle(node, limit_s)
    books = read_books(node.admin())
    wrong = [*history.faults, *_tasks_differ(history, books), *_rewards_differ(history, books),
             *_shuffles_differ(history, books), *_payouts_differ(history, books), *_balances_differ(books)]
    if wrong:
        raise AssertionError(f"{len(wrong)} differences ({history.told()}):\n" + "\n".join(wrong[:40]))


def settle(node, limit_s):
    """Waits until every shuffle is done and no event is in transit; `atesctl verify` must find nothing at any time."""
    admin = node.admin()
    unsettled = None

    def settled():
        nonlocal unsettled
        shuffles = admin.get("/shuffles", limit=500)
        if shuffles.status == 503:
            unsettled = "no list of shuffles"
            return False
        running = [run for run in shuffles.expect(200)["data"] if run["status"] not in ("done", "failed")]
        unsettled = f"shuffles {running}" if running else f"{node.verify()['in_transit']} events in transit"
        return unsettled == "0 events in transit"

    if not support.processes.wait_until(settled, limit_s, step_s=0.1):
        raise AssertionError(f"not settled within {limit_s} s: {unsettled}")


def _tasks_differ(history, books):
    by_title = collections.defaultdict(list)
    for task in books.tasks:
        by_title[task["title"]].append(task["id"])
    for wish in history.of("create"):
        found = by_title.pop(wish.name, [])
        if wish.must_exist() and found != [wish.answer["id"]]:
            yield f"task {wish.name!r}: acknowledged as {wish.answer['id']}, in the books {found}"
        elif len(found) > 1 or found and not wish.may_exist():
            yield f"task {wish.name!r}: never acknowledged (in doubt: {wish.in_doubt}), in the books {found}"
    for title in filter(lambda title: title.startswith(history.prefix), by_title):
        yield f"task {title!r}: nobody asked for {by_title[title]}"


def _rewards_differ(history, books):
    rewards = collections.defaultdict(list)
    for entry in books.entries:
        if entry["kind"] == "completion_reward":
            rewards[entry["task"]["id"]].append((entry["account"], entry["amount"]))
    acknowledged = {wish.name: wish.by for wish in history.of("complete") if wish.must_exist()}
    wanted = {(wish.name, wish.by) for wish in history.of("complete") if wish.may_exist()}
    for task in books.tasks:
        paid, completer = rewards.pop(task["id"], []), acknowledged.pop(task["id"], None)
        due = [(task["assignee"]["id"], task["reward"])] if task["status"] == "done" else []
        if paid != due:
            yield f"task {task['id']}: rewards {paid}, due {due}"
        if completer and [completer] != [account for account, _ in due]:
            yield f"task {task['id']}: acknowledged as completed by {completer}, in the books {due}"
        if due and (task["id"], task["assignee"]["id"]) not in wanted:
            yield f"task {task['id']}: done, and nobody completed it"
    for task in (*rewards, *acknowledged):
        yield f"task {task}: completed, and not in the books"


def _shuffles_differ(history, books):
    charged = collections.Counter()
    for entry in books.entries:
        if entry["reason"] == "shuffled":
            charged[entry["shuffle_id"], entry["task"]["id"]] += 1
    for (run, task), times in charged.items():
        if times > 1:
            yield f"shuffle {run}: task {task} charged {times} times"
    found = collections.Counter(run["id"] for run in books.shuffles)
    for run in books.shuffles:
        fees = sum(1 for shuffle, _ in charged if shuffle == run["id"])
        if run["status"] != "done" or run["reassigned"] != fees:
            yield f"shuffle {run}: {fees} fees in the logs"
    acknowledged = [wish.answer["id"] for wish in history.of("shuffle") if wish.must_exist()]
    if len(set(acknowledged)) != len(acknowledged) or any(found[run] != 1 for run in acknowledged):
        yield f"shuffles: acknowledged {acknowledged}, in the books {dict(found)}"
    in_doubt = sum(1 for wish in history.of("shuffle") if wish.in_doubt and not wish.must_exist())
    if len(found) > len(acknowledged) + in_doubt:
        yield f"shuffles: {len(found)} in the books, acknowledged {len(acknowledged)}, in doubt {in_doubt}"


def _payouts_differ(history, books):
    paid = collections.Counter((entry["account"], entry["day"]) for entry in books.entries if entry["kind"] == "payout")
    for (account, day), times in paid.items():
        if times > 1:
            yield f"account {account}: paid {times} times on {day}"
    days = {wish.answer["day"] for wish in history.of("close") if wish.must_exist()}
    if {day for _, day in paid} - days and not any(wish.in_doubt for wish in history.of("close")):
        yield f"payouts on {sorted({day for _, day in paid})}, closed were {sorted(days)}"


def _balances_differ(books):
    sums, numbers = collections.Counter(), {}
    for entry in books.entries:
        sums[entry["account"]] += entry["amount"]
        if numbers.setdefault(entry["id"], entry["account"]) != entry["account"]:
            yield f"entry {entry['id']} is in two logs"
    for account, balance in books.balances.items():
        if sums[account] != balance:
            yield f"account {account}: balance {balance}, entries {sums[account]}"
    created = collections.Counter(entry["task"]["id"] for entry in books.entries if entry["reason"] == "created")
    for task in books.tasks:
        if created.pop(task["id"], 0) != 1:
            yield f"task {task['id']}: not charged once for its creation"
    for task, times in created.items():
        yield f"task {task}: charged {times} times, and not in the books"
