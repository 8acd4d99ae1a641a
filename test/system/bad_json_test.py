"""Bodies and queries that cannot be read are 400, those that break a rule 422 and say where; nothing of either is stored."""

import json
import unittest

import gateway_test
import support

# Everything that a client's request can leave behind.
TABLES = ("task", "task_state", "event", "transfer", "employee", "kept_answer", "shuffle", "payout", "mail")
NOBODY = gateway_test.NOBODY


def nested(depth, inside=b""):
    return b"[" * depth + inside + b"]" * depth


UNREADABLE = [
    # ── no JSON ──
    b" ", b"{", b"}", b'{"title"', b'{"title":', b'{"title":"x"', b'{"title":"x",}', b'{,"title":"x"}', b'{"title":"x"',
    b'{"title":"x"}}', b'{"title":"x"}{}', b'{"title":"x"} {"title":"y"}', b'{"title":"x"}\n{"title":"y"}\n',
    b'{"title":"x"}x',
    b"{'title':'x'}", b'{title:"x"}', b'{"title":x}', b'{"title" "x"}', b'{"title"="x"}', b'{"title":"x";}',
    b'["title","x"]',
    b'{"title":"x"//no\n}', b'{"title":"x"/*no*/}', b'#no\n{"title":"x"}', b'//no\n{"title":"x"}', b'<title>x</title>',
    b"title=x", b'{"title":NaN}', b'{"title":Infinity}', b'{"title":-Infinity}', b'{"title":undefined}', b'{"title":nul}',
    b'{"title":True}', b'{"title":0x10}', b'{"title":010}', b'{"title":+1}', b'{"title":1.}', b'{"title":.5}',
    b'{"title":1e}',
    b'{"title":1e400}', b'{"title":-1e400}', b'{"title":--1}', b'{"title":1_000}', b'{"title":"x","a":[1,]}', b'{"title":"x',
    b'{"title":"a\nb"}', b'{"title":"a\tb"}', b'{"title":"a\rb"}', b'{"title":"a\0b"}', b'{"title":"a\x1fb"}',
    b'{"title":"\\x"}',
    b'{"title":"\\u12"}', b'{"title":"\\u12G4"}', b'{"title":"\\"}', b'{"title":"\\\'"}', b'\0{"title":"x"}',
    b'{"title":"x"}\0',
    b'{"title":"x"}\0{"title":"y"}', b'\x0c{"title":"x"}', b'\xc2\xa0{"title":"x"}', b')]}\',\n{"title":"x"}',
    # ── not UTF-8 ──
    b'\xef\xbb\xbf{"title":"x"}', b'{"title":"x"}'.decode().encode("utf-16"), b'{"title":"x"}'.decode().encode("utf-32-be"),
    b'{"title":"\xff"}', b'{"title":"\x80"}', b'{"title":"\xe9"}', b'{"title":"\xc3"}', b'{"title":"\xe2\x82"}',
    b'{"title":"\xc0\xaf"}', b'{"title":"\xc1\xbf"}', b'{"title":"\xe0\x80\xaf"}', b'{"title":"\xf0\x80\x80\xaf"}',
    b'{"title":"\xc0\x80"}', b'{"title":"\xed\xa0\x80"}', b'{"title":"\xed\xa0\xbd\xed\xb8\x80"}',
    b'{"title":"\xf4\x90\x80\x80"}',
    b'{"title":"\xf8\x88\x80\x80\x80"}', b'{"\xff":"x"}', b'{"title":"\\ud800"}', b'{"title":"\\udc00"}',
    b'{"title":"\\ude00\\ud83d"}', b'{"title":"\\ud83dx"}', b'{"title":"\\ud83d\\u0041"}', b'{"title":"\\ud83d\\ud83d"}',
    b'{"\\ud800":"x"}',
    # ── the same key twice ──
    b'{"title":"a","title":"b"}', b'{"title":"a","title":"a"}', b'{"title":"a","\\u0074itle":"b"}',
    b'{"title":"a","description":{"x":1,"x":2}}', b'{"title":"a","description":[{"x":1,"\\u0078":2}]}',
    # ── numbers and depth ──
    b'{"title":9223372036854775808}', b'{"title":-9223372036854775809}', b'{"title":' + b"9" * 400 + b"}", b'{"title":-0}',
    b'{"title":1.0}', b'{"title":1}', nested(33), nested(100_000), b'{"title":' + nested(32) + b"}",
    b'{"a":' * 40 + b"1" + b"}" * 40,
    b"[" * 100_000,
    # ── another type ──
    b"[]", b"null", b"true", b"1", b'"x"', b'{"title":null}', b'{"title":true}', b'{"title":["x"]}', b'{"title":{"x":1}}',
    b'{"title":"x","description":1}', b'{"title":"x","jira_id":["AB-1"]}', b'{"title":"x","external_ref":{}}',
    # ── unknown fields ──
    b'{"title":"x","Title":"x"}', b'{"title":"x","":1}', b'{"title":"x","fee":1}', b'{"title":"x","id":"x"}',
    b'{"title":"x","__proto__":{}}', b'{"title":"x","title ":"x"}', b'{"title":"x","title\\u0000":"x"}',
]


class BadJson(gateway_test.OneNode):
    def setUp(self):
        self.pids = self.node.daemon_pids()
        self.before = self.stored()

    def tearDown(self):
        self.assertEqual(self.stored(), self.before, "something was stored")
        self.assertEqual(self.node.daemon_pids(), self.pids)

    def stored(self):
        counts = ", ".join(f"(select count(*) from {table})" for table in TABLES)
        return dict(zip(TABLES, self.node.sql(f"select {counts}").split("|")))

    def send(self, method, path, body, client=None, **headers):
        """`body`: bytes, or an object to be written as JSON."""
        client = client or self.admin
        client.renew()
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection = support.http.client.HTTPConnection(client.address.netloc, timeout=10)
        try:
            connection.request(method, "/v1" + path, content, {"Content-Type": "application/json",
                                                               "Authorization": f"Bearer {client.token}", **headers})
            response = connection.getresponse()
            raw = response.read()
        finally:
            connection.close()
        return support.Answer(response.status, response.headers, raw, json.loads(raw))

    # ── 400 ──
    def test_what_cannot_be_read_is_refused_whatever_is_wrong_with_it(self):
        for body in UNREADABLE:
            with self.subTest(body[:60]):
                problem = self.assert_problem(self.send("POST", "/tasks", body), 400, "bad_request")
                self.assertNotIn("errors", problem)
                self.assertLess(len(problem["detail"]), 200)

    def test_the_depth_is_32_and_is_named_as_the_cause(self):
        deep = [self.send("POST", "/tasks", nested(depth)).expect(400)["detail"] for depth in (32, 33)]
        self.assertNotIn("nesting", deep[0])
        self.assertIn("nesting", deep[1])

    def test_one_item_that_cannot_be_read_spoils_a_batch_only_when_the_document_does(self):
        for body in (b'{"tasks":[{"title":"a"},{"title":"b","title":"c"}]}', b'{"tasks":[{"title":"a"},{"title":"\xff"}]}',
                     b'{"tasks":[{"title":"a"},]}', b'{"tasks":{"title":"a"}}', b'{"tasks":"a"}', b'{"tasks":null}',
                     b'[{"title":"a"}]', b'{"tasks":[{"title":"a"}],"title":"b"}'):
            with self.subTest(body):
                self.assert_problem(self.send("POST", "/tasks/batch", body), 400, "bad_request")

    def test_wrong_types_and_unknown_fields_are_refused_everywhere(self):
        person = {"name": "N", "login": "bad-json", "email": "a@b", "role": "worker"}
        worker = f"/employees/{self.worker_id}"
        task = f"/tasks/{self.admin.get('/tasks', limit=1).json['data'][0]['id']}" if self.before["task"] != "0" else None
        table = [("POST", "/employees", {**person, field: wrong}) for field in person for wrong in (1, None, [], {}, True,
                                                                                                    1.5)]
        table += [("POST", "/employees", {**person, "password": 123456789012}), ("POST", "/employees", {**person,
                                                                                                        "beak": 7}),
                  ("POST", "/employees", {**person, "active": True}), ("POST", "/employees", {**person, "id": NOBODY}),
                  ("PATCH", worker, {"active": "false"}), ("PATCH", worker, {"active": 0}), ("PATCH", worker, {"name": 1}),
                  ("PATCH", worker, {"role": ["admin"]}), ("PATCH", worker, {"balance": 1}), ("PATCH", worker, []),
                  ("POST", "/auth", {"login": 1, "password": "x"}), ("POST", "/auth", {"login": "x", "password": 1}),
                  ("POST", "/auth", {"login": "x", "password": "x", "role": "admin"}), ("POST", "/auth", ["x", "x"]),
                  ("POST", "/auth/refresh", {"refresh_token": 1}), ("POST", "/auth/refresh", {"refresh_token": None}),
                  ("POST", "/auth/logout", {"refresh_token": ["x"]}), ("POST", "/auth/logout", {"x": 1}),
                  ("POST", "/tasks/assign", {"x": 1}), ("POST", "/tasks/assign", []), ("POST", "/payouts",
                                                                                       {"day": "2026-01-01"}),
                  ("POST", "/payouts", 1),
                  ("POST", "/cluster/nodes/node1/drain", {"reason": 1}),
                  ("POST", "/cluster/nodes/node1/drain", {"reason": "r", "dry_run": "yes"}),
                  ("POST", "/cluster/shards/0/move", {"reason": "r", "to": 1}),
                  ("POST", "/cluster/shards/0/move", {"reason": "r", "to": "node1", "force": True})]
        if task:
            table += [("PATCH", task, {"title": 1}), ("PATCH", task, {"title": None}), ("PATCH", task, {"fee": 1}),
                      ("PATCH", task, {"status": "done"}), ("POST", f"{task}/complete", {"x": 1})]
        for method, path, body in table:
            with self.subTest(f"{method} {path}", body=body):
                self.assert_problem(self.send(method, path, body), 400, "bad_request")

    def test_queries_that_cannot_be_read_are_refused(self):
        cursor = self.admin.get("/employees", limit=1).expect(200)["next_cursor"]
        edited = ("A" if cursor[0] != "A" else "B") + cursor[1:]
        for query in ("nonsense=1", "limit=1&limit=1", "limit=1&li%6dit=2", "Limit=1", "limit%00=1", "=1", "&",
                      "limit=1&&limit=2",
                      "limit", "limit=", "limit=0", "limit=-1", "limit=501", "limit=1.0", "limit=1e1", "limit=0x1",
                      "limit=+1",
                      "limit=%201", "limit=1%20", "limit=one", "limit=9223372036854775808", "limit=%D9%A1", "q=%", "q=%2",
                      "q=%zz",
                      "q=%ff", "q=%c0%af", "q=%ed%a0%80", "q=%00", "q=a&q=b", "role=owner", "role=", "role=Admin",
                      "role=worker&role=admin", "active=1", "active=TRUE", "active=", "cursor=", "cursor=x", "cursor=%00",
                      f"cursor={cursor[:-1]}", f"cursor={edited}", f"cursor={cursor}=", f"cursor={cursor}&role=worker",
                      f"cursor={cursor}&cursor={cursor}", "cursor=" + "A" * 6000):
            with self.subTest(query):
                self.assert_problem(self.admin.request("GET", f"/employees?{query}"), 400, "bad_request")
        for path in ("/tasks?status=closed", "/tasks?assignee=you", "/tasks?assignee=", f"/tasks?assignee={NOBODY}x",
                     "/accounts?negative=yes", "/accounting/log?kind=gift", "/accounting/log?account=me",
                     "/accounting/log?day=",
                     "/accounting/log?day=2026-02-30", "/accounting/log?day=2026-2-3", "/accounting/log?day=20260203",
                     "/accounting/log?day=2026-02-03T00:00:00Z", "/accounting/log?day=today",
                     "/accounting/log?day=2026-00-10",
                     "/accounting/log?day=2026-01-32", "/accounting/log?day=-026-01-01", "/accounting/log?day=2026-01-01%00",
                     "/accounting/earnings?from=2026-01-02&to=2026-01-01",
                     "/accounting/earnings?from=2025-01-01&to=2026-01-02",
                     "/accounting/earnings?from=x", "/analytics/most-expensive?period=year",
                     "/analytics/most-expensive?period=day&from=2026-01-01", "/events?after=x", "/events?limit=0",
                     "/events?after=now&after=now", "/actors?kind=cat", "/actors?sort=name", "/actors?shard=x",
                     "/actors?shard=99999999999999999999", "/actors?state=asleep", "/me?x=1"):
            with self.subTest(path):
                self.assert_problem(self.admin.request("GET", path), 400, "bad_request")
        for path in ("/tasks?dry_run=true", "/payouts?day=2026-01-01", "/tasks/assign?x", "/employees?q=x"):
            with self.subTest(f"POST {path}"):
                self.assert_problem(self.send("POST", path, {}), 400, "bad_request")
        self.assertEqual(self.admin.request("GET", "/me?").status, 200)

    def test_paths_that_mean_nothing_are_not_found_and_broken_ones_bad(self):
        for path in ("/tasks/%00", "/tasks/%0d%0a", "/tasks/..", "/tasks/%2e%2e/me", "/tasks//", "/tasks/x/history",
                     "/tasks/%ff", f"/tasks/{NOBODY}%00", f"/tasks/{NOBODY} ".strip() + "%20", f"/tasks/%7B{NOBODY}%7D",
                     f"/accounts/{NOBODY}/days", "/payouts/2026-02-30", "/payouts/today", "/employees/me/me", "/Tasks",
                     "/tasks/", f"/tasks/{NOBODY.replace('-', '')}", "/actors/task/x", f"/actors/cat/{NOBODY}"):
            with self.subTest(path):
                self.assert_problem(self.admin.request("GET", path), 404, "not_found")
        for path in ("/tasks/%", "/tasks/%2", "/tasks/%zz", "/%g0"):
            with self.subTest(path):
                self.assert_problem(self.admin.request("GET", path), 400, "bad_request")

    def test_a_key_that_is_none_is_refused_on_every_post(self):
        for key in ("", "k" * 256, "two words", "tab\there", "kéy", "k\xa0"):
            for path, body in (("/tasks", {"title": "x"}), ("/tasks/batch", {"tasks": [{"title": "x"}]}), ("/tasks/assign",
                                                                                                           {}),
                               ("/payouts", {}), (f"/tasks/{NOBODY}/complete", {}),
                               ("/employees", {"name": "N", "login": "no-key", "email": "a@b", "role": "worker"})):
                with self.subTest(path, key=key[:20]):
                    answer = self.send("POST", path, body, **{"Idempotency-Key": key.encode("latin-1")})
                    self.assert_problem(answer, 404 if NOBODY in path and answer.status == 404 else 400,
                                        "not_found" if answer.status == 404 else "bad_request")

    # ── 415 ──
    def test_another_media_type_is_refused(self):
        for kind in ("text/plain", "", "application/x-www-form-urlencoded", "application/xml", "application/json-patch+json",
                     "application/merge-patch+json", "application/json; charset=utf-16",
                     "application/json, application/json",
                     "json", "*/*", "application/*", "application / json"):
            for method, path in (("POST", "/tasks"), ("PATCH", f"/employees/{self.worker_id}"), ("POST", "/auth")):
                with self.subTest(f"{method} {path}", kind=kind):
                    answer = self.send(method, path, b'{"title":"x"}', **{"Content-Type": kind})
                    self.assert_problem(answer, 415, "unsupported_media_type")

    # ── 422 ──
    def test_each_fault_is_pointed_at(self):
        person = {"name": "N", "login": "l-422", "email": "a@b", "role": "worker"}
        worker = f"/employees/{self.worker_id}"
        table = [
            ("POST", "/tasks", {"title": "a\0b"}, ["/title"]), ("POST", "/tasks", {"title": "a\u0085b"}, ["/title"]),
            ("POST", "/tasks", {"title": "a\u007fb"}, ["/title"]), ("POST", "/tasks", {"title": "\u2003\t"}, ["/title"]),
            ("POST", "/tasks", {"title": "x" * 501, "description": "\0", "external_ref": "a b"},
             ["/title", "/description", "/external_ref"]),
            ("POST", "/tasks", {"title": "t", "description": "a\rb"}, ["/description"]),
            ("POST", "/tasks", {"title": "t", "external_ref": "x" * 201}, ["/external_ref"]),
            ("POST", "/tasks", {"title": "t", "external_ref": "\u00e9"}, ["/external_ref"]),
            ("POST", "/tasks", {"title": "t", "jira_id": "AB-12345678901"}, ["/jira_id"]),
            ("POST", "/tasks", {"title": "t", "jira_id": "\u0410B-1"}, ["/jira_id"]),
            ("POST", "/employees", {**person, "name": "\0"}, ["/name"]),
            ("POST", "/employees", {**person, "name": "", "login": "", "email": "", "role": ""},
             ["/name", "/login", "/email", "/role"]),
            ("POST", "/employees", {**person, "email": "a@b\r\nBcc: x@y"}, ["/email"]),
            ("POST", "/employees", {**person, "email": "a@"}, ["/email"]),
            ("POST", "/employees", {**person, "email": "a@b@c"}, ["/email"]),
            ("POST", "/employees", {**person, "email": "x" * 253 + "@b"}, ["/email"]),
            ("POST", "/employees", {**person, "login": "a\nb"}, ["/login"]),
            ("POST", "/employees", {**person, "login": "x" * 101}, ["/login"]),
            ("POST", "/employees", {**person, "password": "x" * 11}, ["/password"]),
            ("POST", "/employees", {**person, "password": "\u00e9" * 513}, ["/password"]),
            ("POST", "/employees", {**person, "beak": "no base64!"}, ["/beak"]),
            ("POST", "/employees", {**person, "beak": ""}, ["/beak"]),
            ("PATCH", worker, {"name": " ", "role": "god"}, ["/name", "/role"]),
            ("POST", "/auth", {}, ["/login", "/password"]), ("POST", "/auth", {"login": "x"}, ["/password"]),
            ("POST", "/auth", {"login": "x", "password": "x", "beak": "eA=="}, ["/password"]),
            ("POST", "/auth/refresh", {}, ["/refresh_token"]), ("POST", "/auth/logout", {}, ["/refresh_token"]),
            ("POST", "/cluster/nodes/node1/drain", {}, ["/reason"]),
            ("POST", "/cluster/nodes/node1/drain", {"reason": "a\0b"}, ["/reason"]),
            ("POST", "/cluster/nodes/node1/drain", {"reason": "x" * 501}, ["/reason"]),
            ("POST", "/cluster/shards/0/move", {"reason": "r"}, ["/to"]),
        ]
        for method, path, body, pointers in table:
            with self.subTest(f"{method} {path}", body=str(body)[:80]):
                problem = self.assert_problem(self.send(method, path, body), 422, "validation_failed")
                self.assertEqual(sorted(fault["pointer"] for fault in problem["errors"]), sorted(pointers))
                self.assertTrue(all(fault["detail"] for fault in problem["errors"]))

    def test_the_items_of_a_batch_are_pointed_at_one_by_one(self):
        items = [{"title": ""}, {"title": 1}, {}, [], {"title": "t", "x": 1}, {"title": "a]b"}]
        results = self.send("POST", "/tasks/batch", {"tasks": items}).expect(200)["results"]
        self.assertEqual([result["status"] for result in results], [422, 400, 422, 400, 400, 422])
        for number in (0, 2, 5):
            self.assertEqual([fault["pointer"] for fault in results[number]["problem"]["errors"]],
                             [f"/tasks/{number}/title"])


if __name__ == "__main__":
    unittest.main()
