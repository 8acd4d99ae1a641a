"""What clients want: random commands and reads of the whole contract. Every method of Worker that a menu names is one
intention."""

import people

JIRA_SHARE = 0.3
BATCH = (2, 12)
WALK_PAGES = 4
ROLES = ("worker", "accountant", "manager")


class Worker(people.Person):
    # ── tasks ──
    def new_task(self, number=""):
        """The body of a creation, and what must come out of it."""
        title, jira_id = self.new_name() + number, None
        body = {"title": title}
        if self.dice.random() < JIRA_SHARE:
            jira_id = f"POPUG-{self.dice.randrange(1000)}"
            body = self.dice.choice(({"title": f"[{jira_id}] - {title}"}, {"title": title, "jira_id": jira_id}))
        if self.dice.random() < JIRA_SHARE:
            body["description"] = f"[as it says] {self.dice.randrange(10**6)}\nнад кружкой 🦜"
        return body, {"title": title, "jira_id": jira_id, "description": body.get("description", "")}

    def create(self, body, wants, key=None, **more):
        command = self.history.begin("create", self.me, wants["title"], key, wants)
        one = self.pursue([command], "POST", "/tasks", body, key, **more)
        self.remember(one.json if one.ok else None)
        return command

    def remember(self, task):
        if task:
            self.crowd.tasks.append(task["id"])

    def create_with_key(self):
        body, wants = self.new_task()
        self.create(body, wants, key=wants["title"])

    def create_without_key(self):
        body, wants = self.new_task()
        self.create(body, wants, tries=1)

    def create_by_reference(self):
        body, wants = self.new_task()
        ref = wants["title"]
        self.create({**body, "external_ref": ref}, {**wants, "external_ref": ref})

    def create_again(self):
        """Somebody presses the button twice, at another node."""
        body, wants = self.new_task()
        command = self.create(body, wants, key=wants["title"])
        self.go_elsewhere()
        one = self.pursue([command], "POST", "/tasks", body, wants["title"])
        self.remember(one.json if one.ok else None)

    def use_a_key_twice(self):
        """For two different tasks: at most one of them may be made."""
        key = self.new_name()
        for number in (".a", ".b"):
            body, wants = self.new_task(number)
            self.create(body, wants, key=key)

    def create_batch(self):
        commands, items = [], []
        key = self.new_name() if self.dice.random() < 0.7 else None
        for number in range(self.dice.randint(*BATCH)):
            body, wants = self.new_task(f".{number}")
            if key is None:
                body["external_ref"] = wants["external_ref"] = wants["title"]
            if self.dice.random() < 0.05:
                body, wants = {"title": "a [ in the middle"}, {"title": None}
            items.append(body)
            commands.append(self.history.begin("create", self.me, wants["title"], key and f"{key}#{number}", wants))
        self.pursue(commands, "POST", "/tasks/batch", {"tasks": items}, key)
        for command in commands:
            for task in command.acknowledged[:1]:
                self.remember(task)

    def some_task(self):
        """Often one that is being changed by somebody else."""
        known = list(self.crowd.busy) if self.crowd.busy and self.dice.random() < 0.6 else self.crowd.tasks
        return known[int(self.dice.random() * len(known))]

    def complete(self, task, key=None):
        self.crowd.busy.append(task)
        command = self.history.begin("complete", self.me, task, key)
        self.pursue([command], "POST", f"/tasks/{task}/complete", key=key)

    def complete_own(self):
        mine = self.look("/tasks", assignee="me", status="open", limit=20)
        if mine and mine["data"]:
            task = self.dice.choice(mine["data"])["id"]
            self.complete(task, self.new_name() if self.dice.random() < 0.5 else None)

    def complete_any(self):
        self.complete(self.some_task(), self.new_name())

    def complete_done(self):
        done = self.look("/tasks", status="done", limit=20)
        if done and done["data"]:
            self.complete(self.dice.choice(done["data"])["id"])

    def edit(self, task=None):
        task, title = task or self.some_task(), f"{self.new_name()} edited"
        body = {"title": title}
        if self.dice.random() < 0.5:
            body["description"] = f"described {self.number}"
        self.crowd.busy.append(task)
        command = self.history.begin("edit", self.me, title, None, {"task": task, **body})
        self.pursue([command], "PATCH", f"/tasks/{task}", body)

    def read_task(self):
        self.look(f"/tasks/{self.some_task()}")

    def read_what_changes(self):
        """The same task through two nodes, one after the other."""
        task = self.some_task()
        self.look(f"/tasks/{task}")
        self.go_elsewhere()
        self.look(f"/tasks/{task}")

    def list_tasks(self):
        self.look("/tasks", status=self.dice.choice(("open", "done")), limit=self.dice.choice((5, 50)))

    def task_history(self):
        self.look(f"/tasks/{self.some_task()}/history")

    # ── own books ──
    def my_books(self):
        self.look("/accounts/me")
        self.look("/accounts/me/log", limit=self.dice.choice((5, 50)))

    def who_am_i(self):
        self.look("/me")

    def rename_me(self):
        self.change_employee(self.me, {})

    # ── everybody's books ──
    def books(self):
        owner = self.dice.choice(self.crowd.people).me
        self.look(f"/accounts/{owner}")
        self.look(f"/accounts/{owner}/log", limit=20)
        self.look("/accounts", limit=100)

    def figures(self):
        self.look("/accounting/earnings")
        self.look("/payouts", limit=10)

    # ── shuffles ──
    def shuffle(self):
        key = self.new_name() if self.dice.random() < 0.6 else None
        command = self.history.begin("shuffle", self.me, self.new_name(), key)
        self.pursue([command], "POST", "/tasks/assign", key=key, tries=None if key else 1)

    def see_shuffles(self):
        runs = self.look("/shuffles", limit=10)
        if runs and runs["data"]:
            run = self.dice.choice(runs["data"])["id"]
            self.look(f"/shuffles/{run}")
            self.look(f"/shuffles/{run}/roster", limit=500)

    # ── days ──
    def close_day(self):
        key = self.new_name() if self.dice.random() < 0.6 else None
        command = self.history.begin("close", self.me, self.new_name(), key)
        self.pursue([command], "POST", "/payouts", key=key, tries=None if key else 1)

    def see_figures(self):
        self.look("/analytics/today")
        self.look("/analytics/days", limit=20)

    def walk_events(self):
        for _ in range(WALK_PAGES):
            if not self.next_events():
                return

    def next_events(self):
        """Whether there may be more behind what it read; None if it read nothing."""
        cursor = self.crowd.events_cursor
        page = self.look("/events", limit=500, **({"after": cursor} if cursor else {}))
        if page is None:
            return None
        self.history.events += page["data"]
        self.crowd.events_cursor = page["next_cursor"]
        return page["has_more"]

    # ── people ──
    def hire(self):
        if self.crowd.hired >= self.crowd.hires_max:
            return
        self.crowd.hired += 1
        name, role = f"Hired {self.new_name()}", self.dice.choice(ROLES)
        self.crowd.hire(self, name, f"hired{self.number}", role, password=None)

    def change_employee(self, account, what):
        name = f"Changed {self.new_name()}"
        command = self.history.begin("change", self.me, name, None, {"account": account, **what})
        self.pursue([command], "PATCH", f"/employees/{account}", {"name": name, **what})
        return command

    def some_movable(self):
        movable = self.crowd.movable
        return movable[int(self.dice.random() * len(movable))]

    def send_away_or_back(self):
        account = self.some_movable()
        active = account in self.crowd.away
        command = self.change_employee(account, {"active": active})
        if command.acknowledged:
            (self.crowd.away.discard if active else self.crowd.away.add)(account)

    def change_role(self):
        self.change_employee(self.some_movable(), {"role": self.dice.choice(ROLES)})

    def see_people(self):
        self.look("/employees", limit=100)
        self.look(f"/employees/{self.some_movable()}")


WORK = {"create_with_key": 9, "create_without_key": 4, "create_by_reference": 6, "create_again": 2, "use_a_key_twice": 1,
        "create_batch": 2, "complete_own": 30, "complete_any": 5, "complete_done": 3, "read_task": 9, "read_what_changes": 6,
        "list_tasks": 4, "task_history": 2, "my_books": 7, "who_am_i": 1, "rename_me": 1, "refresh": 3, "sign_in_again": 1,
        "sign_out": 1}
BOOKKEEPING = {**WORK, "books": 15, "figures": 10}
MANAGING = {"shuffle": 3, "see_shuffles": 12, "edit": 20, "create_batch": 6, "read_task": 8, "create_with_key": 5,
            "refresh": 2}
CLOSING = {"close_day": 5, "see_figures": 12, "walk_events": 30, "books": 8, "figures": 5, "edit": 8, "list_tasks": 5}
PEOPLE = {"hire": 8, "send_away_or_back": 25, "change_role": 12, "see_people": 20, "create_with_key": 6, "read_task": 6}
