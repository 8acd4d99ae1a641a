"""Who may do what: every operation of the OpenAPI document, asked by nobody and by each role, for the own object and for
those of others, for one that is there and one that is not. What must come is contract.md §2, written down here by hand."""

import itertools
import math
import unittest
import uuid

import company
import documented
import support

ROLES = ("admin", "manager", "accountant", "worker")
EVERYBODY = set(ROLES)
ADMIN = {"admin"}
SHUFFLERS = {"admin", "manager"}
BOOKKEEPERS = {"admin", "accountant"}
ANYBODY = None  # signed in or not

# Who may, whosever the object is.
RIGHTS = {
    "POST /v1/auth": ANYBODY,
    "POST /v1/auth/refresh": ANYBODY,
    "POST /v1/auth/logout": ANYBODY,
    "GET /v1/me": EVERYBODY,
    "GET /v1/employees": EVERYBODY,
    "POST /v1/employees": ADMIN,
    "GET /v1/employees/{id}": EVERYBODY,
    "PATCH /v1/employees/{id}": ADMIN,
    "GET /v1/tasks": EVERYBODY,
    "POST /v1/tasks": EVERYBODY,
    "POST /v1/tasks/batch": EVERYBODY,
    "POST /v1/tasks/assign": SHUFFLERS,
    "GET /v1/tasks/{id}": EVERYBODY,
    "PATCH /v1/tasks/{id}": {"admin", "manager"},
    "GET /v1/tasks/{id}/history": EVERYBODY,
    "POST /v1/tasks/{id}/complete": EVERYBODY,
    "GET /v1/shuffles": SHUFFLERS,
    "GET /v1/shuffles/{id}": SHUFFLERS,
    "GET /v1/shuffles/{id}/roster": SHUFFLERS,
    "GET /v1/accounts": BOOKKEEPERS,
    "GET /v1/accounts/{id}": BOOKKEEPERS,
    "GET /v1/accounts/{id}/log": BOOKKEEPERS,
    "GET /v1/accounts/{id}/days": BOOKKEEPERS,
    "GET /v1/accounting/log": BOOKKEEPERS,
    "GET /v1/accounting/earnings": BOOKKEEPERS,
    "POST /v1/payouts": ADMIN,
    "GET /v1/payouts": BOOKKEEPERS,
    "GET /v1/payouts/{day}": BOOKKEEPERS,
    "GET /v1/payouts/{day}/accounts": BOOKKEEPERS,
    "GET /v1/analytics/today": ADMIN,
    "GET /v1/analytics/most-expensive": ADMIN,
    "GET /v1/analytics/days": ADMIN,
    "GET /v1/events": ADMIN,
    "GET /v1/events/stream": ADMIN,
    "GET /v1/cluster": ADMIN,
    "GET /v1/cluster/shards": ADMIN,
    "POST /v1/cluster/nodes/{name}/drain": ADMIN,
    "POST /v1/cluster/shards/{n}/move": ADMIN,
    "GET /v1/actors": ADMIN,
    "GET /v1/actors/{kind}/{id}": ADMIN,
    "POST /v1/actors/{kind}/{id}/passivate": ADMIN,
    "POST /v1/actors/{kind}/{id}/release": ADMIN,
    "GET /v1/ops/audit": ADMIN,
    "GET /v1/ops/parked": ADMIN,
    "POST /v1/ops/parked/{id}/replay": ADMIN,
    "POST /v1/ops/parked/{id}/drop": ADMIN,
    "POST /v1/ops/verify": ADMIN,
    "GET /v1/ops/verifications/{id}": ADMIN,
    "GET /livez": ANYBODY,
    "GET /readyz": ANYBODY,
    "GET /metrics": ANYBODY,
    "GET /.well-known/jwks.json": ANYBODY,
    "GET /schemas/{file}": ANYBODY,
    "GET /openapi.json": ANYBODY,
}
# With their own object everybody may: their account, or the task that they created.
OWN = {
    "PATCH /v1/employees/{id}": "account",
    "GET /v1/accounts/{id}": "account",
    "GET /v1/accounts/{id}/log": "account",
    "GET /v1/accounts/{id}/days": "account",
    "PATCH /v1/tasks/{id}": "task",
}
# Only the object tells whether it is the own one, so a missing one is 404 for everybody.
RIGHT_OF_OBJECT = {"PATCH /v1/tasks/{id}"}

NOWHERE = "ffffffff-ffff-4fff-bfff-ffffffffffff"


class Rights(support.SystemTest):
    Site = support.Node
    rights = RIGHTS  # of what is asked here

    @classmethod
    def setUpClass(cls):
        cls.node = cls.Site()
        cls.addClassCleanup(cls.node.discard)
        cls.node.start()
        cls.staff = company.Company(cls.node)
        cls.people = {"admin": cls.staff.admin.get("/me").expect(200)}
        cls.people |= {role: cls.staff.hire(role)[0] for role in ROLES[1:]}
        cls.clients = {"admin": cls.staff.admin}
        cls.clients |= {role: cls.staff.client(cls.people[role]) for role in ROLES[1:]}
        cls.stranger = cls.staff.hire("worker")[0]  # none of the four
        cls.tasks = {role: client.post("/tasks", {"title": f"Of the {role}"}).expect(201)["id"]
                     for role, client in cls.clients.items()}
        cls.their_task = cls.staff.client(cls.stranger).post("/tasks", {"title": "Of a stranger"}).expect(201)["id"]
        cls.shuffle = cls.staff.admin.post("/tasks/assign").expect(202)["id"]
        cls.day = cls.staff.admin.post("/payouts").expect(202)["day"]
        cls.verification = cls.staff.admin.post("/ops/verify").expect(202)["id"]
        cls.parked = str(uuid.uuid4())
        cls.node.sql("insert into parked (id, shard, source, target_seq, type, subject, at, data, reason) values "
                     f"('{cls.parked}', 1, 2, 3, 'task.assigned.v1', '{cls.their_task}', now(), '{{}}', 'made up')")

    # ── what is asked ──
    def paths(self, operation):
        """The path with what its variables mean: something of somebody else; a list of what is not there."""
        path = operation.split()[1]
        by_path = {
            "/v1/employees/{id}": (self.stranger["id"], NOWHERE, "nonsense"),
            "/v1/accounts/{id}": (self.stranger["id"], NOWHERE, "nonsense"),
            "/v1/tasks/{id}": (self.their_task, NOWHERE, "nonsense"),
            "/v1/shuffles/{id}": (self.shuffle, NOWHERE, "nonsense"),
            "/v1/payouts/{day}": (self.day, "1999-01-01", "nonsense"),
            "/v1/cluster/nodes/{name}": ("node1", "nobody"),
            "/v1/cluster/shards/{n}": ("0", "9999", "nonsense"),
            "/v1/actors/{kind}/{id}": (f"task/{self.their_task}", f"task/{NOWHERE}", f"nonsense/{NOWHERE}", "task/nonsense"),
            "/v1/ops/parked/{id}": (self.parked, NOWHERE, "nonsense"),
            "/v1/ops/verifications/{id}": (self.verification, NOWHERE, "nonsense"),
            "/schemas/{file}": ("task/created/v2.json", "task/created/v99.json", "task"),
        }
        if "{" not in path:
            return path, []
        start, values = next(one for one in by_path.items() if path.startswith(one[0]))
        there, *nowhere = [start[:start.index("{")] + value + path.removeprefix(start) for value in values]
        return there, nowhere

    def good(self, operation):
        """A body that the operation takes, and what it then answers; each time anew where things must be new."""
        new = uuid.uuid4().hex
        person = {"name": "New", "login": new, "email": f"{new}@example.org", "role": "worker"}
        asked = {"reason": "a test", "dry_run": True}
        return {
            "POST /v1/auth": ({"login": self.stranger["login"], "password": company.PASSWORD}, {200}),
            "POST /v1/auth/refresh": ({"refresh_token": "of nobody"}, {401}),
            "POST /v1/auth/logout": ({"refresh_token": "of nobody"}, {204}),
            "POST /v1/employees": (person, {201}),
            "PATCH /v1/employees/{id}": ({"name": "Newly called"}, {200}),
            "POST /v1/tasks": ({"title": "New"}, {201}),
            "POST /v1/tasks/batch": ({"tasks": [{"title": "New"}]}, {200}),
            "POST /v1/tasks/assign": (None, {202}),
            "PATCH /v1/tasks/{id}": ({"description": new}, {200}),
            "POST /v1/tasks/{id}/complete": (None, {200, 409}),  # that of whoever has it now
            "POST /v1/payouts": (None, {200, 202}),
            "POST /v1/cluster/nodes/{name}/drain": (asked, {503}),  # there is nobody to take its shards
            "POST /v1/cluster/shards/{n}/move": ({**asked, "to": "node1"}, {200}),
            "POST /v1/actors/{kind}/{id}/passivate": (asked, {200}),
            "POST /v1/actors/{kind}/{id}/release": (asked, {200}),
            "POST /v1/ops/parked/{id}/replay": (asked, {200}),
            "POST /v1/ops/parked/{id}/drop": (asked, {200}),
            "POST /v1/ops/verify": (None, {202}),
        }[operation]

    def bad(self, operation):
        """Requests that cannot be read."""
        method = operation.split()[0]
        yield "?no_such_parameter=1", None
        if method != "GET":
            yield "", {"no such field": 1}

    def ask(self, client, operation, path, query="", body=None):
        method = operation.split()[0]
        if operation == "GET /v1/events/stream":
            method = "HEAD"  # which does not stay
        client.renew()
        authorization = {"Authorization": f"Bearer {client.token}"} if client.token else {}
        return client.send(method, path + query, body, authorization)

    def expect(self, wanted, client, operation, path, query="", body=None):
        answer = self.ask(client, operation, path, query, body)
        who = client.account["role"] if client.token else "nobody"
        self.assertIn(answer.status, wanted, f"{who}: {operation} {path}{query} {body}: {answer.body[:300]!r}")

    # ── the tests ──
    def operations(self):
        return {f"{method.upper()} {path}": operation for path, item in documented.document()["paths"].items()
                for method, operation in item.items()}

    def test_the_node_shows_the_document_that_answers_are_compared_with(self):
        shown = self.node.client().send("GET", "/openapi.json")
        self.assertEqual(shown.expect(200), documented.document())

    def test_the_document_has_the_operations_and_rights_of_the_contract(self):
        operations = self.operations()
        self.assertEqual(set(operations), set(RIGHTS))
        for name, operation in operations.items():
            with self.subTest(name):
                self.assertEqual(operation["security"], [] if RIGHTS[name] is ANYBODY else [{"bearer": []}])
                if RIGHTS[name] is not ANYBODY and name not in RIGHT_OF_OBJECT:
                    self.assertEqual(set(operation["x-roles"]), RIGHTS[name])
                    self.assertEqual(operation["x-own"], name in OWN)

    def test_without_a_token_401_comes_before_everything_else(self):
        nobody, forged = self.node.client(), self.node.client()
        forged.token, forged.token_ends_at, forged.account = "x.y.z", math.inf, {"role": "a forged token"}
        for operation, who in self.rights.items():
            there, nowhere = self.paths(operation)
            for client, path in itertools.product((nobody, forged), (there, *nowhere)):
                for query, body in [*self.bad(operation), ("", None)]:
                    with self.subTest(path=path, query=query, body=body):
                        status = self.ask(client, operation, path, query, body).status
                        self.assertEqual(status == 401, who is not ANYBODY, status)

    def test_each_role_may_what_the_contract_says_with_the_objects_of_others(self):
        for operation, role in itertools.product(self.rights, ROLES):
            client, allowed = self.clients[role], self.rights[operation]
            there, nowhere = self.paths(operation)
            with self.subTest(operation=operation, role=role):
                if allowed is ANYBODY or role in allowed:
                    self.may(client, operation, there)
                else:
                    self.may_not(client, operation, there)
                wanted = 404 if allowed is ANYBODY or role in allowed or operation in RIGHT_OF_OBJECT else 403
                for path in nowhere:
                    for query, body in [*self.bad(operation), ("", self.body_of(operation))]:
                        self.expect({wanted}, client, operation, path, query, body)

    def test_everybody_may_with_the_own_object(self):
        for (operation, kind), role in itertools.product(OWN.items(), ROLES):
            own = self.people[role]["id"] if kind == "account" else self.tasks[role]
            path = operation.split()[1]
            with self.subTest(operation=operation, role=role):
                self.may(self.clients[role], operation, path.replace("{id}", own))
                if operation.startswith("GET /v1/accounts/"):
                    self.may(self.clients[role], operation, path.replace("{id}", "me"))

    def body_of(self, operation):
        return None if operation.startswith("GET") else self.good(operation)[0]

    def may(self, client, operation, path):
        for query, body in self.bad(operation):
            self.expect({400}, client, operation, path, query, body)
        wanted = {200} if operation.startswith("GET") else self.good(operation)[1]
        self.expect(wanted, client, operation, path, "", self.body_of(operation))

    def may_not(self, client, operation, path):
        for query, body in self.bad(operation):
            self.expect({403}, client, operation, path, query, body)
        self.expect({403}, client, operation, path, "", self.body_of(operation))

    def test_only_admins_change_login_role_and_active_also_of_themselves(self):
        for role, fields in itertools.product(ROLES[1:], ({"role": "admin"}, {"active": True}, {"login": "root"})):
            with self.subTest(role=role, fields=fields):
                me = f"/employees/{self.people[role]['id']}"
                self.clients[role].patch(me, fields).expect(403)
                self.clients[role].patch(me, {**fields, "name": ""}).expect(403)  # 403 comes before 422
        admin = f"/employees/{self.people['admin']['id']}"
        self.assertEqual(self.clients["worker"].patch(admin, {"active": False}).expect(403)["code"], "forbidden")
        self.assertEqual(self.clients["admin"].patch(admin, {"active": False}).expect(409)["code"], "last_admin")

    def test_login_and_address_are_shown_to_admins_and_to_oneself(self):
        for role, whose in itertools.product(ROLES, ROLES):
            with self.subTest(role=role, whose=whose):
                one = self.clients[role].get(f"/employees/{self.people[whose]['id']}").expect(200)
                listed = next(person for person in self.clients[role].all("/employees") if person["id"] == one["id"])
                for shown in (one, listed):
                    self.assertEqual({"login", "email", "created_at"} <= shown.keys(), role in ("admin", whose))

    def test_a_task_is_completed_by_its_assignee_only_whatever_the_role(self):
        for role in ROLES:
            with self.subTest(role=role):
                client = self.clients[role]
                others = self.task_of({"accountant", "worker"} - {role})
                self.assertEqual(client.post(f"/tasks/{others}/complete").expect(409)["code"], "not_assignee")
                if role in company.ROLES_ASSIGNABLE:
                    own = self.task_of({role})
                    done = client.post(f"/tasks/{own}/complete").expect(200)
                    self.assertEqual(client.post(f"/tasks/{own}/complete").expect(200), done)
                    for other in set(ROLES) - {role}:
                        refused = self.clients[other].post(f"/tasks/{own}/complete").expect(409)
                        self.assertEqual(refused["code"], "already_done")

    def task_of(self, roles):
        """A new task of one of the four that has one of these roles."""
        wanted = {self.people[role]["id"] for role in roles}
        for _ in range(1000):
            task = self.clients["admin"].post("/tasks", {"title": "For somebody"}).expect(201)
            if task["assignee"]["id"] in wanted:
                return task["id"]
        self.fail("the draw never comes to one of three")

    def test_a_done_task_is_refused_to_others_with_403_and_to_its_editors_with_409(self):
        task = self.task_of({"worker"})  # the admin made it
        self.clients["worker"].post(f"/tasks/{task}/complete").expect(200)
        for role, wanted in {"admin": 409, "manager": 409, "accountant": 403, "worker": 403}.items():
            with self.subTest(role=role):
                self.clients[role].patch(f"/tasks/{task}", {"description": "late"}).expect(wanted)


if __name__ == "__main__":
    unittest.main()
