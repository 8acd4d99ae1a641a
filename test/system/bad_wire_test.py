"""Requests that are broken on the wire: refused precisely, the connection closed, and nothing of them, or behind them, is
executed."""

import concurrent.futures
import re
import threading
import time
import unittest

import attacks
import gateway_test
import wire

WHOLE_REQUEST_S = 10  # contract.md "Limits on the wire": 408 beyond


class BadWire(gateway_test.OneNode):
    def setUp(self):
        self.pids = self.node.daemon_pids()
        self.admin.renew()
        self.title = self.id().rsplit(".", 1)[1]  # of the task that must never be made
        self.hidden = attacks.creation(self.admin.token, self.title)

    def tearDown(self):
        self.assertEqual(self.admin.all("/tasks", q=self.title), [], "a hidden request was executed")
        self.assertEqual(self.node.daemon_pids(), self.pids)

    def signed(self):
        return f"Authorization: Bearer {self.admin.token}\r\n"

    def assert_refused(self, attack):
        self.assert_refusal(wire.say(self.node.url, attack.sent).only(), attack)

    def assert_refusal(self, answer, attack):
        self.assertEqual((answer.status, answer.problem["code"]), (attack.status, attack.code), answer.body)
        self.assertEqual(answer.headers["connection"], "close")
        self.assertEqual(answer.problem["request_id"], answer.headers["x-request-id"])

    def assert_too_late(self, answer):
        self.assertEqual((answer.status, answer.problem["code"]), (408, "request_timeout"))

    def test_the_request_that_is_hidden_would_be_good(self):
        title = "not hidden at all"
        for _ in range(2):
            (made,) = wire.say(self.node.url, attacks.creation(self.admin.token, title), limit_s=1).answers
            self.assertEqual(made.status, 201)
        self.assertEqual(len(self.admin.all("/tasks", q=title)), 2)

    def test_each_is_refused_for_its_cause_and_nothing_behind_it_is_executed(self):
        signed = f"Authorization: Bearer {self.admin.token}\r\n"
        for attack in [*attacks.all_of(self.admin.token, self.hidden), *attacks.floods(signed)]:
            with self.subTest(attack.what):
                self.assert_refused(attack)

    def test_what_comes_byte_by_byte_is_refused_alike(self):
        for attack in attacks.all_of(self.admin.token, self.hidden):
            if attack.what not in ("two equal lengths", "a coding behind a blank", "chunks on GET", "no version",
                                   "a bare line feed", "a folded line", "a NUL in a name"):
                continue
            with self.subTest(attack.what), wire.connect(self.node.url) as client:
                try:
                    for place in range(len(attack.sent)):
                        client.sendall(attack.sent[place:place + 1])
                except OSError:
                    pass  # it has hung up
                answer = wire.hear(client).only()
                self.assertEqual((answer.status, answer.problem["code"]), (attack.status, attack.code))

    def test_slow_heads_and_bodies_are_given_up_after_10_s(self):
        head = attacks.creation(self.admin.token, self.title)
        parts = {"nothing but a method": b"GE", "half a header": head[:60], "no empty line": head.partition(b"\r\n\r\n")[0],
                 "half a body": head[:-5], "a drip of headers": b"GET /v1/me HTTP/1.1\r\n", "a drip of body": head[:-20]}
        drips = {"a drip of headers": b"X: 1\r\n", "a drip of body": b"x"}
        over = threading.Event()

        def try_one(what):
            with wire.connect(self.node.url, limit_s=WHOLE_REQUEST_S + 10) as client:
                began = time.monotonic()
                client.sendall(parts[what])
                if what in drips:
                    threading.Thread(target=drip, args=(client, drips[what]), daemon=True).start()
                return what, wire.hear(client), time.monotonic() - began

        def drip(client, piece):
            while not over.wait(0.8):
                try:
                    client.sendall(piece)
                except OSError:
                    return

        with concurrent.futures.ThreadPoolExecutor(len(parts)) as pool:
            heard = list(pool.map(try_one, parts))
        over.set()
        for what, said, took_s in heard:
            with self.subTest(what):
                self.assert_too_late(said.only())
                self.assertGreater(took_s, WHOLE_REQUEST_S - 0.5)  # not early: who is slow has the time

    def test_escaped_line_breaks_stay_text(self):
        for escaped in ("%0d%0aSet-Cookie:%20a=b", "%0aSet-Cookie:%20a=b", "%0d%0a%0d%0aHTTP/1.1%20200%20OK"):
            for line, headers, status in ((f"GET /v1/tasks/{escaped}", "", 404), (f"GET /v1/{escaped}", "", 404),
                                          (f"GET /{escaped}", "", 404), (f"GET /v1/tasks?q={escaped}", "", 200),
                                          (f"GET /v1/tasks?cursor={escaped}", "", 400),
                                          (f"GET /v1/tasks?{escaped}=1", "", 400),
                                          ("GET /v1/me", f"X-Request-Id: {escaped}\r\n", 200),
                                          ("GET /v1/me", f"Accept: {escaped}\r\n", 200),
                                          ("GET /v1/me", f"Last-Event-ID: {escaped}\r\n", 200)):
                with self.subTest(line, headers=headers):
                    sent = attacks.request(line, self.signed() + headers + "Connection: close\r\n")
                    answer = wire.say(self.node.url, sent).only()
                    self.assertEqual(answer.status, status, answer.body)
                    self.assertNotIn("set-cookie", answer.headers)
                    self.assertEqual(wire.say(self.node.url, sent).received.count(b"HTTP/1.1 "), 1)

    def test_a_request_id_that_is_none_is_replaced(self):
        uuid = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
        for given in ("", "a b", "a\tb", "a,b", "<script>", '"', "\xe9", "%41", "a/b", "{}", "x" * 129, "a;b", "a\\b"):
            with self.subTest(given):
                headers = f"X-Request-Id: {given}\r\n{self.signed()}Connection: close\r\n"
                answer = wire.say(self.node.url, attacks.request("GET /v1/me", headers)).only()
                self.assertEqual(answer.status, 200)
                self.assertRegex(answer.headers["x-request-id"], uuid)

    def test_what_only_looks_odd_is_served(self):
        address = self.node.url.removeprefix("http://")
        for what, line, host, version, headers in (
                ("HTTP/1.0", "GET /v1/me", "", "HTTP/1.0", ""),
                ("an absolute target", f"GET http://{address}/v1/me", f"Host: {address}\r\n", "HTTP/1.1", ""),
                ("an absolute target of somebody else", "GET http://example.org/v1/me", "Host: example.org\r\n", "HTTP/1.1",
                 ""),
                ("an escaped letter", "GET /v1/%6de", "Host: h\r\n", "HTTP/1.1", ""),
                ("an upgrade to HTTP/2", "GET /v1/me", "Host: h\r\n", "HTTP/1.1",
                 "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nConnection: Upgrade, HTTP2-Settings, close\r\n"),
                ("an upgrade to WebSocket", "GET /v1/me", "Host: h\r\n", "HTTP/1.1", "Upgrade: websocket\r\n"),
                ("trailers wanted", "GET /v1/me", "Host: h\r\n", "HTTP/1.1", "TE: trailers\r\n"),
                ("a range", "GET /v1/me", "Host: h\r\n", "HTTP/1.1", "Range: bytes=0-0\r\n"),
                ("64 headers", "GET /v1/me", "Host: h\r\n", "HTTP/1.1", "X: 1\r\n" * 61)):
            with self.subTest(what):
                closing = "" if "close" in headers else "Connection: close\r\n"
                sent = attacks.request(line, self.signed() + headers + closing, host=host, version=version)
                answer = wire.say(self.node.url, sent).only()
                self.assertEqual((answer.status, b"admin" in answer.body), (200, True), answer.body)

    def test_an_absolute_target_is_served_whatever_the_host_header_says(self):
        sent = attacks.request("GET http://example.org/v1/me", self.signed() + "Connection: close\r\n")
        self.assertEqual(wire.say(self.node.url, sent).only().status, 200)


if __name__ == "__main__":
    unittest.main()
