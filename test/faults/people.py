"""One client: a thread with a connection, a token, and intentions that follow from the seed alone. What it asks for is
in people_at_work.py; here is how it asks."""

import http.client
import random
import time
import urllib.parse

import support

import history as told

ANSWER_PATIENCE_S = 14  # longer than any answer may take: then the connection is given up
LAST_PATIENCE_S = 25  # how long a client goes on repeating when all faults are over
PASSWORD = "correct horse battery"
BETWEEN_TRIES_S = (0.05, 0.4)


class Person:
    """`crowd` gives the nodes, the history and what everybody knows. `menu`: how often which intention, {name: weight}."""

    def __init__(self, crowd, login, menu=None):
        self.crowd = crowd
        self.history = crowd.history
        self.login = login
        self.menu = menu or {}
        self.node = random.Random(f"{crowd.seed}/{login}").randrange(len(crowd.nodes))
        self.client = support.Client(crowd.nodes[self.node].url, ANSWER_PATIENCE_S)
        self.me = ""
        self.token = None
        self.refresh_token = None
        self.token_ends_at = 0.0
        self.number = 0
        self.dice = random.Random()

    # ── life ──
    def run(self):
        self.live(self.work)

    def work(self):
        while not self.crowd.ending.is_set():
            self.next_intention()

    def live(self, life):
        """A thread."""
        try:
            life()
        except Exception as error:  # a thread must not take its findings with it
            self.history.fault(f"client {self.login}: {type(error).__name__}: {error}")
        finally:
            self.client.close()

    def next_intention(self):
        self.number += 1
        self.dice = random.Random(f"{self.crowd.seed}/{self.login}/{self.number}")
        time.sleep(self.dice.uniform(*self.crowd.pause_s))
        [what] = self.dice.choices(list(self.menu), list(self.menu.values()))
        if self.stay_signed_in():
            getattr(self, what)()

    def new_name(self):
        return f"{self.crowd.seed}/{self.login}/{self.number}"

    # ── asking ──
    def exchange(self, method, path, body=None, key=None, **query):
        """One request; always returns the Exchange, which the history keeps."""
        one = told.Exchange(method, path, query, body, key, self.me, self.crowd.nodes[self.node].name, time.monotonic())
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if key is not None:
            headers["Idempotency-Key"] = key
        whole = "/v1" + path + ("?" + urllib.parse.urlencode(query, doseq=True) if query else "")
        try:
            answer = self.client.send(method, whole, body, headers)
            one.status, one.json = answer.status, answer.json
            one.retry_after = answer.headers.get("Retry-After")
            one.replayed = answer.headers.get("Idempotent-Replayed") == "true"
        except ConnectionRefusedError:
            one.trouble = "never sent"
        except TimeoutError:
            one.trouble = "silent"
        except (OSError, http.client.HTTPException):
            one.trouble = "broken"
        one.ended = time.monotonic()
        self.history.keep(one)
        if one.trouble or one.status == 503 and self.dice.random() < 0.3:
            self.go_elsewhere()
        return one

    def go_elsewhere(self):
        self.node = (self.node + 1) % len(self.crowd.nodes)
        self.client.aim(self.crowd.nodes[self.node].url)

    def pursue(self, commands, method, path, body=None, key=None, tries=None):
        """Asks until the answer is final, or patience ends; `commands` hear of every try. Returns the last Exchange."""
        tries = tries or self.dice.choice((1, 4, 12, 12, 40))
        while True:
            one = self.exchange(method, path, body, key)
            self.tell(commands, one)
            tries -= 1
            if self.is_final(one) or tries <= 0:
                return one
            if self.crowd.is_over():
                self.history.fault(f"{one}: no final answer {LAST_PATIENCE_S} s after the last fault")
                return one
            time.sleep(self.dice.uniform(*BETWEEN_TRIES_S))

    def tell(self, commands, one):
        """A batch answers each of its commands."""
        if one.ok and isinstance(one.json, dict) and "results" in one.json:
            for command, result in zip(commands, one.json["results"]):
                command.add(one, result["status"], result.get("task") or result.get("problem"))
            return
        for command in commands:
            command.add(one, one.status, one.json)

    def is_final(self, one):
        if one.status is None or one.status >= 500 or one.code == "idempotency_in_progress":
            return False
        if one.ok and isinstance(one.json, dict) and "results" in one.json:
            return all(result["status"] < 500 for result in one.json["results"])
        return True

    def look(self, path, **query):
        """A read; None if it was not answered with 200."""
        one = self.exchange("GET", path, **query)
        return one.json if one.status == 200 else None

    # ── being somebody ──
    def stay_signed_in(self):
        """Whether there is a token that may still be good."""
        if self.token and time.monotonic() < self.token_ends_at:
            return True
        return self.sign_in()

    def sign_in(self):
        command = self.history.begin("sign in", self.me, self.login)
        one = self.exchange("POST", "/auth", {"login": self.login, "password": PASSWORD})
        command.add(one, one.status, one.json)
        self.take_tokens(one)
        if not one.ok:
            time.sleep(self.dice.uniform(0.1, 0.5))
        return one.ok

    def take_tokens(self, one):
        if not one.ok:
            self.token = None
            return
        self.token, self.refresh_token = one.json["access_token"], one.json["refresh_token"]
        self.token_ends_at = one.began + one.json["expires_in"] - 30
        self.me = one.json["account"]["id"]

    def sign_in_again(self):
        self.sign_in()

    def sign_out(self):
        """And sees whether that holds."""
        if self.refresh_token is not None:
            one = self.exchange("POST", "/auth/logout", {"refresh_token": self.refresh_token})
            if one.ok:
                self.refresh()
                self.token = self.refresh_token = None

    def refresh(self):
        """A refused token means a new sign-in; one in doubt is used again, as the contract has it."""
        if self.refresh_token is None:
            return
        one = self.exchange("POST", "/auth/refresh", {"refresh_token": self.refresh_token})
        if one.ok or one.status == 401:
            self.refresh_token = None
            self.take_tokens(one)
