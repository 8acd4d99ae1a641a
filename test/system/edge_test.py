"""config/haproxy.cfg, filled in as scripts/cluster does it, in front of two stubs that answer as told. No atesd."""

import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import tempfile
import threading
import types
import unittest
from unittest import mock

import support

import cluster_node
import edge
from support import processes

PROBLEM = {"type", "title", "status", "detail", "code", "request_id"}


QUIET_S = 3  # of a stream: longer than the edge waits for an answer, which is 1.5 s here


class Stub:
    """Answers every request with its own name and the headers it got; /broken: hangs up; /stuck: says nothing;
    /refused: as a node refuses a request before it reads it;
    /v1/events/stream: a stream of two events, with a pause when the first one is read."""

    def __init__(self, name):
        self.name = name
        self.ready = True
        self.seen = []  # (method, path)
        self.is_admitted = False
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.path == "/readyz":
                    return self.send(200 if stub.ready else 503, {})
                stub.seen.append((self.command, self.path))
                if self.path == "/broken" and len(stub.seen) == 1:
                    self.close_connection = True
                    return None
                if self.path == "/refused":
                    return self.send(400, {}, {"X-Ates-Refused": "yes"})
                if self.path == "/stuck":
                    stub.released.wait(20)
                if self.path == "/v1/events/stream":
                    return self.stream()
                return self.send(200, {"name": stub.name, "headers": self.headers.items(), "bytes": len(body)})

            def stream(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(b"data: first\n\n")
                stub.first_read.wait(20)
                stub.released.wait(QUIET_S)
                self.wfile.write(b"data: second\n\n")

            def send(self, status, said, headers=None):
                content = json.dumps(said).encode()
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = answer

            def log_message(self, *_):
                pass

        self.released, self.first_read = threading.Event(), threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # the edge hangs up on checks as it likes
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


class EdgeTest(unittest.TestCase):
    def setUp(self):
        self.var = pathlib.Path(tempfile.mkdtemp(prefix="ates-edge-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.var)
        for folder in ("log", "run"):
            (self.var / folder).mkdir()
        self.nodes = [self.stub("node1"), self.stub("node2")]
        self.port = cluster_node.free_port()
        self.edge = edge.Edge(self.var, "127.0.0.1", self.port, self.nodes)
        self.addCleanup(self.edge.log.file.close)
        self.addCleanup(self.edge.stop)
        with mock.patch.dict(os.environ, {"ATES_HTTP_DEADLINE": "500ms"}):
            self.edge.start()
        self.wait(self.edge.is_ready)

    def stub(self, name):
        made = Stub(name)
        self.addCleanup(made.close)
        return made

    def wait(self, condition):
        self.assertTrue(processes.wait_until(condition, 10), self.edge.log.tail())

    def admit(self, *nodes):
        for node in nodes or self.nodes:
            self.wait(lambda node=node: self.edge.admit(node))

    def ask(self, method="GET", path="/v1/tasks", body=None, headers=()):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            said = response.read()
            return types.SimpleNamespace(status=response.status, headers=response.headers, json=json.loads(said or "null"))
        finally:
            connection.close()

    def raw(self, sent):
        """Everything that comes back until the edge hangs up."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=15) as client:
            client.sendall(sent)
            received = b""
            while chunk := client.recv(65536):
                received += chunk
            return received

    def assert_problem(self, answer, status, code):
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (status, "application/problem+json"))
        self.assertEqual(set(answer.json), PROBLEM)
        self.assertEqual((answer.json["status"], answer.json["code"]), (status, code))
        self.assertEqual(answer.json["request_id"], answer.headers["X-Request-Id"])

    # ── what nodes get to see ──
    def test_a_node_hears_the_clients_own_address_whatever_the_client_claims(self):
        self.admit()
        heard = dict(self.ask(headers={"X-Forwarded-For": "6.6.6.6"}).json["headers"])
        self.assertEqual(heard["x-forwarded-for"], "127.0.0.1")

    def test_a_legal_request_id_is_handed_on_and_any_other_replaced(self):
        self.admit()
        self.assertEqual(dict(self.ask(headers={"X-Request-Id": "a.B-1_"}).json["headers"])["x-request-id"], "a.B-1_")
        for given in ('a"b', "a b", "a,b", "x" * 129):
            heard = dict(self.ask(headers={"X-Request-Id": given}).json["headers"])["x-request-id"]
            self.assertRegex(heard, "^[0-9a-f-]{36}$")

    def test_figures_are_not_shown_however_their_path_is_spelt(self):
        self.admit()
        for path in ("/metrics", "/metrics?x", "//metrics", "/metrics/", "/%6detrics", "/metric%73"):
            with self.subTest(path):
                self.assert_problem(self.ask(path=path), 404, "not_found")
        self.assertEqual(sum((node.seen for node in self.nodes), []), [])

    # ── limits ──
    def test_what_is_too_long_is_refused_and_the_connection_closed(self):
        self.admit()
        for what, path, headers, status, code in (
                ("target", "/" + "a" * 8192, {}, 414, "uri_too_long"),
                ("line", "/", {"x": "a" * 8192}, 431, "headers_too_large"),
                ("count", "/", {f"x-{number}": "1" for number in range(70)}, 431, "headers_too_large")):
            with self.subTest(what):
                answer = self.ask(path=path, headers=headers)
                self.assert_problem(answer, status, code)
                self.assertEqual(answer.headers["Connection"], "close")
        self.assertEqual(self.ask(path="/" + "a" * 8191).status, 200)

    def test_what_a_node_refuses_before_reading_it_ends_the_clients_connection_too(self):
        self.admit()
        answer = self.ask(path="/refused")
        self.assertEqual((answer.status, answer.headers["Connection"]), (400, "close"))
        self.assertNotIn("X-Ates-Refused", answer.headers)
        both = b"GET /refused HTTP/1.1\r\nHost: x\r\n\r\nGET /second HTTP/1.1\r\nHost: x\r\n\r\n"
        self.assertEqual(len(re.findall(rb"HTTP/1.[01] \d", self.raw(both))), 1)
        self.assertNotIn(("GET", "/second"), sum((node.seen for node in self.nodes), []))

    def test_what_follows_a_refusal_is_not_executed(self):
        self.admit()
        second = b"GET /second HTTP/1.1\r\nHost: x\r\n\r\n"
        for first in (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                      b"GET / HTTP/1.1\r\nHost: x\r\nx: " + b"a" * 40000 + b"\r\n\r\n",
                      b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                      b"GARBAGE\r\n\r\n"):
            with self.subTest(first[:20]):
                self.assertEqual(len(re.findall(rb"HTTP/1.[01] \d", self.raw(first + second))), 1)
        self.assertEqual(sum((node.seen for node in self.nodes), []), [])

    def test_a_head_beyond_all_measure_is_a_bad_request(self):
        self.admit()
        self.assertIn(b" 400 ", self.raw(b"GET / HTTP/1.1\r\n" + b"x: 1\r\n" * 300 + b"\r\n").splitlines()[0])

    def test_a_request_that_is_not_whole_in_time_never_reaches_a_node(self):
        self.admit()
        answer = self.raw(b"POST /v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
        self.assertIn(b" 408 ", answer.splitlines()[0])
        self.assertEqual(set(json.loads(answer.partition(b"\r\n\r\n")[2])), PROBLEM)
        self.assertEqual(sum((node.seen for node in self.nodes), []), [])

    # ── which node ──
    def test_without_a_node_it_says_that_nothing_was_executed(self):
        answer = self.ask()
        self.assert_problem(answer, 503, "unavailable")
        self.assertEqual(answer.headers["Retry-After"], "1")

    def test_a_node_that_is_not_ready_gets_nothing(self):
        self.admit()
        self.nodes[0].ready = False
        self.wait(lambda: self.edge.state("node1") == "DOWN")
        self.assertEqual({self.ask().json["name"] for _ in range(6)}, {"node2"})
        self.nodes[0].ready = True
        self.wait(lambda: self.edge.state("node1") == "UP")
        self.assertEqual({self.ask().json["name"] for _ in range(6)}, {"node1", "node2"})

    def test_a_dismissed_node_gets_nothing_and_comes_back_on_another_port(self):
        self.admit()
        self.edge.dismiss(self.nodes[0])
        self.assertEqual({self.ask().json["name"] for _ in range(6)}, {"node2"})
        again = self.stub("node1 again")
        self.nodes[0].port = again.port
        self.admit()
        self.assertEqual({self.ask().json["name"] for _ in range(6)}, {"node1 again", "node2"})

    def test_a_node_that_is_gone_costs_no_request(self):
        self.admit()
        self.nodes[0].server.shutdown()
        self.nodes[0].server.socket.close()
        for method in ("GET", "POST", "PATCH"):
            for _ in range(4):
                self.assertEqual(self.ask(method, body="{}" if method != "GET" else None).status, 200)

    def test_only_what_can_be_repeated_is_repeated_when_a_node_hangs_up(self):
        self.admit()
        key = {"Idempotency-Key": "k"}
        for method, headers, statuses in (("GET", {}, [200]), ("POST", key, [200]), ("POST", {}, [502, 200]),
                                          ("PATCH", key, [502, 200])):
            with self.subTest(method=method, headers=headers):
                self.nodes[0].seen, self.nodes[1].seen = [], [("already", "one")]
                answers = [self.ask(method, "/broken", headers=headers) for _ in range(2)]
                self.assertIn((method, "/broken"), self.nodes[0].seen)
                self.assertEqual({answer.status for answer in answers}, set(statuses))
                for answer in answers:
                    if answer.status == 502:
                        self.assert_problem(answer, 502, "outcome_unknown")

    def test_a_stream_comes_through_at_once_and_lives_while_it_is_quiet(self):
        self.admit()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        self.addCleanup(connection.close)
        connection.request("GET", "/v1/events/stream")
        with connection.getresponse() as response:
            self.assertEqual(response.readline(), b"data: first\n")
            for node in self.nodes:
                node.first_read.set()
            self.assertEqual(response.read(), b"\ndata: second\n\n")

    def test_a_node_that_does_not_answer_in_time_leaves_the_outcome_unknown(self):
        self.admit()
        self.assert_problem(self.ask(path="/stuck"), 504, "outcome_unknown")


if __name__ == "__main__":
    unittest.main()
