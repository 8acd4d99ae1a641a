"""The people of a run: who they are, what they all know, and their threads."""

import collections
import functools
import random
import threading
import time

import people
import people_at_work as work

STEADY, MOVABLE = 4, 4  # workers who stay, and workers who are sent away and come back
BACKLOG = 150
HIRES_MAX = 12
END_LIMIT_S = people.LAST_PATIENCE_S + people.ANSWER_PATIENCE_S + 10
PAUSE_S = (0.0, 0.12)
BUSY = 6
SETUP_TRIES = 100
EDITORS = 6
NUMBERS_OF_AN_EDITOR = 1000000


class Crowd:
    """Same seed, same people and intentions; in what order things happen is the nodes' to decide."""

    def __init__(self, nodes, history, seed):
        self.nodes = nodes
        self.history = history
        self.seed = seed
        self.pause_s = PAUSE_S
        self.ending = threading.Event()
        self.ended_at = None
        self.tasks = []  # ids that somebody has seen
        self.busy = collections.deque(maxlen=BUSY)  # ids of those that somebody has just asked to change
        self.movable = []  # ids of who may be sent away
        self.away = set()
        self.hired, self.hires_max = 0, HIRES_MAX
        self.events_cursor = None
        self.people = []
        self.threads = []

    def is_over(self):
        return self.ending.is_set() and time.monotonic() > self.ended_at + people.LAST_PATIENCE_S

    def settle_in(self):
        """Everybody is hired and signed in, and there is a backlog."""
        admin = work.Worker(self, "admin", work.PEOPLE)
        admin.dice = random.Random(f"{self.seed}/admin")
        self.sign_in(admin)
        self.people.append(admin)
        jobs = [(f"worker{number}", "worker", work.WORK) for number in range(STEADY + MOVABLE)]
        jobs += [("accountant", "accountant", work.BOOKKEEPING), ("manager", "manager", work.MANAGING),
                 ("closer", "admin", work.CLOSING)]
        for login, role, menu in jobs:
            made = self.hire(admin, login.title(), login, role, people.PASSWORD, tries=SETUP_TRIES)
            person = work.Worker(self, login, menu)
            person.dice = random.Random(f"{self.seed}/{login}")
            self.sign_in(person)
            self.people.append(person)
            if role == "worker" and len(self.people) > STEADY + 1:
                self.movable.append(made["id"])
        self.backlog(admin)

    def sign_in(self, person):
        for _ in range(SETUP_TRIES):
            if person.sign_in():
                return
        raise AssertionError(f"{person.login} cannot sign in: {self.history.exchanges[-1]}")

    def hire(self, admin, name, login, role, password, tries=None):
        """The employee as answered, or None."""
        command = self.history.begin("hire", admin.me, name, login, {"role": role})
        body = {"name": name, "login": login, "email": f"{login}@example.org", "role": role}
        admin.pursue([command], "POST", "/employees", {**body, **({"password": password} if password else {})}, login, tries)
        made = command.acknowledged
        if made and login.startswith("hired"):
            self.movable.append(made[0]["id"])
        return made[0] if made else None

    def backlog(self, admin):
        titles = [f"{self.seed}/backlog/{number}" for number in range(BACKLOG)]
        commands = [self.history.begin("create", admin.me, title, f"backlog#{number}", {"title": title})
                    for number, title in enumerate(titles)]
        items = [{"title": title} for title in titles]
        admin.pursue(commands, "POST", "/tasks/batch", {"tasks": items}, "backlog", SETUP_TRIES)
        self.tasks += [command.acknowledged[0]["id"] for command in commands]

    # ── work ──
    def start(self):
        self.threads = [threading.Thread(target=person.run, name=person.login, daemon=True) for person in self.people]
        for thread in self.threads:
            thread.start()

    def crush(self, tasks, seconds):
        """For so long many change the same few tasks, one change after the other."""
        until = time.monotonic() + seconds

        def edit(editor):
            self.sign_in(editor)
            while time.monotonic() < until:
                editor.number += 1
                editor.edit(editor.dice.choice(tasks))
        threads = []
        for number in range(1, EDITORS + 1):
            editor = work.Worker(self, "admin")
            editor.dice = random.Random(f"{self.seed}/editor/{number}")
            editor.number = number * NUMBERS_OF_AN_EDITOR  # its names are of nobody else
            threads.append(threading.Thread(target=editor.live, args=(functools.partial(edit, editor),), daemon=True))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def stop(self):
        """Everybody ends what they have begun."""
        self.ended_at = time.monotonic()
        self.ending.set()
        until = self.ended_at + END_LIMIT_S
        for thread in self.threads:
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                self.history.fault(f"client {thread.name} does not end")

    def read_all_events(self, limit_s):
        """The rest of the log, as one who has followed it all the time reads it. Whether it has come to the end."""
        reader = next(person for person in self.people if person.login == "closer")
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            if reader.stay_signed_in() and reader.next_events() is False:
                return True
        return False

    def client_of(self, node):
        """Somebody new who may see everything, at one node; signed in."""
        admin = work.Worker(self, "admin")
        admin.node = self.nodes.index(node)
        admin.client.aim(node.url)
        return admin
