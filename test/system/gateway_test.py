"""What every client of the HTTP interface may rely on: keys, tokens, rights, refusals, the pages outside /v1."""

import http.client
import json
import pathlib
import time
import uuid

import company
import support

NOBODY = str(uuid.UUID(int=1))
REUSE_WINDOW_S = 10  # contract.md "Tokens"


class OneNode(support.SystemTest):
    """All tests of a class use one node with one person of each role. Another `Site` makes it something else than a node."""

    Site = support.Node

    @classmethod
    def setUpClass(cls):
        cls.open_site()

    @classmethod
    def open_site(cls):
        cls.node = cls.Site(environment={"ATES_CLOCK_OFFSET": str(company.noon_offset())})
        cls.addClassCleanup(cls.discard_node)
        cls.node.start()
        cls.staff = company.Company(cls.node)
        cls.worker_id, cls.accountant_id, cls.manager_id = (
            cls.staff.hire(role)[0]["id"] for role in ("worker", "accountant", "manager"))
        cls.admin = cls.staff.admin
        cls.worker, cls.accountant, cls.manager = (cls.staff.client(person) for person in cls.staff.people)
        cls.by_role = {"admin": cls.admin, "manager": cls.manager, "accountant": cls.accountant, "worker": cls.worker}

    @classmethod
    def tearDownClass(cls):
        cls.node.verify()

    @classmethod
    def discard_node(cls):
        left = cls.node.discard()
        assert left == [], f"processes left behind: {left}"

    def assert_problem(self, answer, status, code):
        problem = answer.expect(status)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        self.assertLessEqual({"type", "title", "status", "detail", "code", "request_id"}, set(problem))
        self.assertEqual((problem["status"], problem["code"]), (status, code))
        self.assertEqual(problem["request_id"], answer.headers["X-Request-Id"])
        return problem


class IdempotencyKeys(OneNode):
    def check_key(self, client, path, status, body=None, other_body=None):
        """The key gives the same answer again, and with another body is a mismatch; returns what was answered."""
        key = f"key of {path}".replace(" ", "-")
        first = client.post(path, body, key=key)
        first.expect(status)
        self.assertNotIn("Idempotent-Replayed", first.headers)
        for _ in range(2):
            again = client.post(path, body, key=key)
            self.assertEqual((again.expect(status), again.headers.get("Location")),
                             (first.json, first.headers.get("Location")))
            self.assertEqual(again.headers.get("Idempotent-Replayed"), "true")
        if other_body is not None:
            self.assert_problem(client.post(path, other_body, key=key), 422, "idempotency_mismatch")
        return first.json

    def test_a_task_is_created_once(self):
        before = len(self.staff.tasks())
        task = self.check_key(self.manager, "/tasks", 201, {"title": "Once"}, {"title": "Twice"})
        self.assertEqual(len(self.staff.tasks()), before + 1)
        # The key is its account's own.
        other = self.worker.post("/tasks", {"title": "Once"}, key="key-of-/tasks").expect(201)
        self.assertNotEqual(other["id"], task["id"])

    def test_in_a_batch_each_item_has_the_key(self):
        before = len(self.staff.tasks())
        items = [{"title": "First"}, {"title": "Second"}]
        first = self.check_key(self.manager, "/tasks/batch", 200, {"tasks": items})
        changed = self.manager.post("/tasks/batch", {"tasks": [items[0], {"title": "Other"}, {"title": "Third"}]},
                                    key="key-of-/tasks/batch").expect(200)["results"]
        self.assertEqual([result["status"] for result in changed], [201, 422, 201])
        self.assertEqual(changed[0], first["results"][0])
        self.assertEqual(changed[1]["problem"]["code"], "idempotency_mismatch")
        self.assertEqual(len(self.staff.tasks()), before + 3)

    def test_a_task_is_completed_once(self):
        task = self.staff.task_of({"id": self.worker_id})
        path = f"/tasks/{task['id']}/complete"
        # A refusal is not kept.
        self.assert_problem(self.accountant.post(path, key="refused"), 409, "not_assignee")
        done = self.check_key(self.worker, path, 200)
        self.assertEqual(done["status"], "done")
        self.assert_problem(self.accountant.post(path, key="refused"), 409, "already_done")

    def test_a_shuffle_is_run_once(self):
        before = len(self.admin.all("/shuffles"))
        run = self.check_key(self.manager, "/tasks/assign", 202)
        self.staff.finished(run["id"])
        self.assertEqual(self.manager.post("/tasks/assign", key="key-of-/tasks/assign").expect(202), run)
        self.assertEqual(len(self.admin.all("/shuffles")), before + 1)

    def test_a_day_is_closed_once(self):
        run = self.check_key(self.admin, "/payouts", 202)
        self.staff.payout_done(run["day"])
        self.assertEqual(self.admin.post("/payouts", key="key-of-/payouts").expect(202), run)
        self.admin.post("/payouts").expect(200)

    def test_an_employee_is_hired_once(self):
        person = {"name": "Ada", "login": "once", "email": "ada@example.org", "role": "worker"}
        made = self.check_key(self.admin, "/employees", 201, person, {**person, "name": "Grace"})
        self.assert_problem(self.admin.post("/employees", {**person, "login": "ONCE"}), 409, "login_taken")
        self.assertEqual([one["id"] for one in self.admin.all("/employees", q="once")], [made["id"]])

    def test_a_key_that_is_none_is_refused(self):
        for key in ("k" * 256, "two words", "kéy"):
            answer = self.admin.request("POST", "/tasks", {"title": "No"}, {"Idempotency-Key": key.encode()})
            self.assert_problem(answer, 400, "bad_request")
        self.admin.post("/tasks", {"title": "Yes"}, key="k" * 255).expect(201)


class Tokens(OneNode):
    def sign_in(self):
        secret = {"login": self.staff.people[0]["login"], "password": company.PASSWORD}
        return self.node.client().send("POST", "/v1/auth", secret).expect(200)

    def refresh(self, token):
        return self.node.client().send("POST", "/v1/auth/refresh", {"refresh_token": token})

    def test_signing_in_gives_a_token_of_one_account(self):
        answer = self.sign_in()
        self.assertEqual((answer["token_type"], answer["expires_in"]), ("Bearer", 300))
        self.assertEqual(answer["account"], {"id": self.worker_id, "name": "Person 1", "role": "worker"})
        client = self.node.client()
        client.token, client.token_ends_at = answer["access_token"], time.monotonic() + 300
        self.assertEqual(client.get("/me").expect(200)["login"], "person1")
        # As the contract draws it: <account id>.<secret>
        self.assertTrue(answer["refresh_token"].startswith(self.worker_id + "."))

    def test_a_wrong_secret_and_an_unknown_login_are_the_same_refusal(self):
        said = [self.node.client().send("POST", "/v1/auth", {"login": login, "password": "wrong horse battery"})
                for login in ("person3", "nobody-of-that-name")]
        for answer in said:
            self.assert_problem(answer, 401, "bad_credentials")
        self.assertEqual(said[0].json["detail"], said[1].json["detail"])

    def test_ten_failures_shut_the_login_and_only_that(self):
        for _ in range(10):
            wrong = self.node.client().send("POST", "/v1/auth", {"login": "PERSON2", "password": "wrong"})
            self.assert_problem(wrong, 401, "bad_credentials")
        right = {"login": "person2", "password": company.PASSWORD}
        shut = self.node.client().send("POST", "/v1/auth", right)
        self.assert_problem(shut, 429, "too_many_requests")
        self.assertGreater(int(shut.headers["Retry-After"]), 60)
        self.sign_in()

    def test_a_refresh_token_is_rotated(self):
        first = self.sign_in()
        second = self.refresh(first["refresh_token"]).expect(200)
        self.assertEqual(set(second), set(first))
        self.assertNotEqual(second["refresh_token"], first["refresh_token"])
        third = self.refresh(second["refresh_token"]).expect(200)
        self.assertEqual(third["account"], first["account"])

    def test_used_again_it_gives_another_pair_for_10_s_and_then_revokes_the_family(self):
        old = self.sign_in()["refresh_token"]
        pairs = [self.refresh(old).expect(200)["refresh_token"]]
        used_at = time.monotonic()
        pairs.append(self.refresh(old).expect(200)["refresh_token"])
        self.assertNotEqual(*pairs)
        pairs = [self.refresh(token).expect(200)["refresh_token"] for token in pairs]  # both are good
        self.wait_until(lambda: time.monotonic() > used_at + 0.7 * REUSE_WINDOW_S, REUSE_WINDOW_S, "time stands still")
        pairs.append(self.refresh(old).expect(200)["refresh_token"])
        self.wait_until(lambda: time.monotonic() > used_at + REUSE_WINDOW_S, REUSE_WINDOW_S, "time stands still")
        self.assert_problem(self.refresh(old), 401, "token_reused")
        for token in pairs:
            self.assertEqual(self.refresh(token).status, 401)
        self.sign_in()  # another family

    def test_logging_out_ends_the_family_and_needs_no_token(self):
        first = self.sign_in()["refresh_token"]
        second = self.refresh(first).expect(200)["refresh_token"]
        other = self.sign_in()["refresh_token"]
        for token in (second, second, "no.token"):
            answer = self.node.client().send("POST", "/v1/auth/logout", {"refresh_token": token})
            self.assertEqual((answer.status, answer.body), (204, b""))
        for token in (second, first):
            self.assertEqual(self.refresh(token).status, 401)
        self.refresh(other).expect(200)

    def test_what_is_no_token_is_refused(self):
        good = self.sign_in()["access_token"]
        head, claims, signature = good.split(".")
        unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0"
        for bad in (None, "", "x", f"{head}.{claims}.", f"{unsigned}.{claims}.", f"{head}.{claims}.{signature[::-1]}",
                    f"{head}.{claims[:-4]}AAAA.{signature}"):
            headers = {} if bad is None else {"Authorization": f"Bearer {bad}"}
            answer = self.node.client().send("GET", "/v1/me", None, headers)
            self.assert_problem(answer, 401, "unauthenticated")
        for bad in ("x", "no.token", f"{NOBODY}.{'A' * 43}"):
            self.assert_problem(self.refresh(bad), 401, "unauthenticated")


class Rights(OneNode):
    EVERYBODY = {"admin", "manager", "accountant", "worker"}
    BOOKS = {"admin", "accountant"}

    def test_each_role_may_what_the_contract_says(self):
        table = [
            ("/me", self.EVERYBODY), ("/employees", self.EVERYBODY), (f"/employees/{self.worker_id}", self.EVERYBODY),
            ("/tasks", self.EVERYBODY), ("/shuffles", {"admin", "manager"}), ("/accounts", self.BOOKS),
            ("/accounts/me", self.EVERYBODY), ("/accounts/me/log", self.EVERYBODY),
            (f"/accounts/{self.worker_id}", self.BOOKS | {"worker"}),
            (f"/accounts/{self.worker_id}/log", self.BOOKS | {"worker"}),
            (f"/accounts/{self.manager_id}", self.BOOKS | {"manager"}),
        ]
        for path, allowed in table:
            for role, client in self.by_role.items():
                with self.subTest(path, role=role):
                    if role in allowed:
                        client.get(path).expect(200)
                    else:
                        self.assert_problem(client.get(path), 403, "forbidden")

    def test_401_comes_before_403_before_404_before_the_rest(self):
        stranger = self.node.client()
        for method, path in (("GET", "/me"), ("GET", f"/tasks/{NOBODY}"), ("POST", "/payouts"), ("POST", "/employees"),
                             ("GET", "/accounts?limit=x"), ("GET", "/nothing/there")):
            self.assert_problem(stranger.request(method, path), 401, "unauthenticated")
        for path in (f"/accounts/{NOBODY}", f"/accounts/{NOBODY}/log", f"/shuffles/{NOBODY}", "/payouts/2020-01-01",
                     "/accounts?limit=x"):
            self.assert_problem(self.worker.get(path), 403, "forbidden")
        self.assert_problem(self.worker.post("/employees", {"nonsense": 1}), 403, "forbidden")
        for path in (f"/accounts/{NOBODY}", f"/accounts/{NOBODY}/log?day=x", f"/shuffles/{NOBODY}", f"/tasks/{NOBODY}",
                     "/tasks/no-uuid", "/employees/no-uuid", f"/shuffles/{NOBODY}/roster?limit=0", "/nothing/there"):
            self.assert_problem(self.admin.get(path), 404, "not_found")
        self.assert_problem(self.admin.post(f"/tasks/{NOBODY}/complete", {"nonsense": 1}), 404, "not_found")

    def test_logins_are_for_admins_and_for_oneself(self):
        private = {"login", "email", "created_at"}
        for client, whose, shown in ((self.admin, self.worker_id, True), (self.worker, self.worker_id, True),
                                     (self.manager, self.worker_id, False), (self.worker, self.manager_id, False)):
            listed = {one["id"]: one for one in client.all("/employees")}[whose]
            for employee in (listed, client.get(f"/employees/{whose}").expect(200)):
                self.assertEqual(private <= set(employee), shown)
                self.assertEqual(private & set(employee), private if shown else set())


class Refusals(OneNode):
    def test_a_body_that_breaks_a_rule_is_422_and_points_at_it(self):
        person = {"name": "N", "login": "l", "email": "a@b", "role": "worker"}
        table = [
            ("/tasks", {}, ["/title"]), ("/tasks", {"title": " "}, ["/title"]),
            ("/tasks", {"title": "x" * 501}, ["/title"]),
            ("/tasks", {"title": "a]"}, ["/title"]), ("/tasks", {"title": "a\u0007"}, ["/title"]),
            ("/tasks", {"title": "t", "jira_id": "lower-1"}, ["/jira_id"]),
            ("/tasks", {"title": "[AB-1] t", "jira_id": "AB-2"}, ["/jira_id"]),
            ("/tasks", {"title": "t", "description": "d" * 10001}, ["/description"]),
            ("/tasks", {"title": "t", "external_ref": ""}, ["/external_ref"]),
            ("/tasks/batch", {"tasks": []}, ["/tasks"]), ("/tasks/batch", {}, ["/tasks"]),
            ("/tasks/batch", {"tasks": [{"title": "t"}] * 1001}, ["/tasks"]),
            ("/employees", {}, ["/email", "/login", "/name", "/role"]),
            ("/employees", {**person, "role": "owner"}, ["/role"]),
            ("/employees", {**person, "email": "@b", "password": "short"}, ["/email", "/password"]),
            ("/employees", {**person, "login": " l", "name": "n" * 201}, ["/login", "/name"]),
        ]
        for path, body, pointers in table:
            with self.subTest(path, body=str(body)[:80]):
                problem = self.assert_problem(self.admin.post(path, body), 422, "validation_failed")
                self.assertEqual(sorted(fault["pointer"] for fault in problem["errors"]), pointers)
                self.assertTrue(all(fault["detail"] for fault in problem["errors"]))

    def test_what_cannot_be_read_is_400(self):
        bodies = [b"{", b"[]", b"null", b'"x"', b'{"title":"a","title":"b"}', b'{"title":1}', b'{"title":"a","x":1}',
                  b'{"title":"\xff"}', b'{"title":"\\ud800"}', b'\xef\xbb\xbf{"title":"a"}', b"[" * 40 + b"]" * 40,
                  b'{"title":123456789012345678901234567890}', b'{"title":null}']
        for body in bodies:
            with self.subTest(body):
                self.assert_problem(self.send_bytes("/v1/tasks", body), 400, "bad_request")
        for path in ("/tasks?limit=0", "/tasks?limit=501", "/tasks?limit=1&limit=1", "/tasks?nonsense=1",
                     "/tasks?cursor=x", "/tasks?status=closed",
                     "/tasks?assignee=you", "/employees?active=1", "/accounts?negative=yes",
                     "/accounts/me/log?day=2026-02-30"):
            with self.subTest(path):
                self.assert_problem(self.admin.get(path), 400, "bad_request")
        self.assert_problem(self.admin.request("GET", "/tasks", {}), 400, "bad_request")

    def send_bytes(self, path, body, **headers):
        connection = http.client.HTTPConnection(self.admin.address.netloc, timeout=10)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.admin.token}", **headers}
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return support.Answer(response.status, response.headers, content, json.loads(content))

    def test_a_cursor_belongs_to_its_list(self):
        self.staff.post_tasks(["One", "Two", "Three"])
        cursor = self.admin.get("/tasks", limit=1).expect(200)["next_cursor"]
        self.admin.get("/tasks", limit=2, cursor=cursor).expect(200)
        for path, filters in (("/tasks", {"status": "open"}), ("/employees", {}), ("/accounts", {})):
            self.assert_problem(self.admin.get(path, cursor=cursor, **filters), 400, "bad_request")

    def test_the_rest_of_the_refusals_of_the_wire(self):
        body = b'{"title":"t"}'
        self.assert_problem(self.send_bytes("/v1/tasks", body, **{"Content-Type": "text/plain"}), 415,
                            "unsupported_media_type")
        self.assert_problem(self.send_bytes("/v1/tasks", b'{"title":"' + b"x" * 2**20 + b'"}'), 413, "too_large")
        self.assert_problem(self.send_bytes("/v1/tasks", body, **{"X-Long": "x" * 9000}), 431, "headers_too_large")
        self.assert_problem(self.send_bytes("/v1/tasks?q=" + "x" * 9000, body), 414, "uri_too_long")
        for method in ("PUT", "DELETE"):
            answer = self.admin.request(method, "/tasks")
            self.assert_problem(answer, 405, "method_not_allowed")
            self.assertEqual(set(answer.headers["Allow"].split(", ")), {"GET", "HEAD", "POST", "OPTIONS"})
        options = self.admin.request("OPTIONS", "/tasks")
        self.assertEqual((options.status, set(options.headers["Allow"].split(", "))),
                         (204, {"GET", "HEAD", "POST", "OPTIONS"}))
        self.assertEqual(self.admin.request("HEAD", "/tasks").status, 200)
        self.assertEqual(self.admin.get("/tasks", q="t" * 40).expect(200)["data"], [])

    def test_a_request_id_is_echoed_or_replaced(self):
        for given, kept in (("a.B_c-1", True), ("x" * 128, True), ("x" * 129, False), ("two words", False)):
            answer = self.admin.request("GET", "/me", None, {"X-Request-Id": given})
            self.assertEqual(answer.headers["X-Request-Id"] == given, kept)


class OutsideV1(OneNode):
    def get(self, path):
        return self.node.client().send("GET", path)

    def test_health_needs_no_token(self):
        self.get("/livez").expect(200)
        self.get("/readyz").expect(200)
        self.assertEqual(self.get("/readyz?verbose").expect(200)["shards_serving"], 64)

    def test_the_key_of_the_tokens_is_published(self):
        (key,) = self.get("/.well-known/jwks.json").expect(200)["keys"]
        self.assertEqual((key["kty"], key["crv"]), ("EC", "P-256"))
        self.assertNotIn("d", key)
        self.assertEqual((self.node.var / "keys" / "jwt.pem").stat().st_mode & 0o777, 0o600)

    def test_the_schemas_of_the_events_are_published(self):
        folder = support.ROOT / "config" / "schemas"
        paths = [path.relative_to(folder) for path in folder.rglob("*.json")]
        self.assertIn(pathlib.Path("task/created/v2.json"), paths)
        for path in paths:
            self.assertEqual(self.get(f"/schemas/{path}").body, (folder / path).read_bytes())
        for path in ("/schemas/../ates.toml", "/schemas/%2e%2e/ates.toml", "/schemas/task",
                     "/schemas/task/created/v9.json"):
            self.assert_problem(self.get(path), 404, "not_found")

    def test_metrics_count_requests(self):
        for _ in range(3):
            self.admin.get("/me").expect(200)
        answer = self.get("/metrics")
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.headers["Content-Type"].startswith("text/plain"))
        counted = [line for line in answer.body.decode().splitlines() if "/v1/me" in line and not line.startswith("#")]
        self.assertTrue(counted, "no figure for /v1/me")


