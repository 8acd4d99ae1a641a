"""Bad input, repeated requests and guessed passwords against three nodes behind the edge."""

import concurrent.futures
import threading
import unittest
import uuid

import attacks
import cluster_support
import company
import wire

AT_ONCE = 50
# What the edge takes for one good message, the way RFC 9112 allows it: it hands one length on, and no node sees the other.
UNIFIED = {"two equal lengths", "a length of '0, 0'", "a length of '13,13'"}


class BadInput(cluster_support.ClusterTest):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.share_cluster()
        cls.staff = company.Company(cls.cluster)
        cls.staff.hire("worker", 2)
        cls.admin = cls.staff.admin
        cls.pids = {name: cls.cluster.pid(name) for name in cls.cluster.names()}

    def setUp(self):
        self.title = self.id().rsplit(".", 1)[1]

    def tearDown(self):
        self.assertEqual({name: self.cluster.pid(name) for name in self.cluster.names()}, self.pids)

    # ── the wire ──
    def test_what_is_broken_is_refused_and_nothing_behind_it_is_executed(self):
        hidden = attacks.creation(self.admin.token, self.title)
        signed = f"Authorization: Bearer {self.admin.token}\r\n"
        for attack in [*attacks.all_of(self.admin.token, hidden), *attacks.floods(signed)]:
            if attack.what in UNIFIED:
                continue
            with self.subTest(attack.what):
                heard = wire.say(self.cluster.url, attack.sent)
                self.assertTrue(heard.closed, "the edge has not hung up")
                self.assertEqual(heard.received.count(b"HTTP/1.1 "), 1, heard.received[:300])
                # What HAProxy refuses while it reads the head is 400, or 408, whatever is wrong with it.
                self.assertIn(int(heard.received.split(b" ")[1]), {attack.status, 400, 408})
        self.assertEqual(self.admin.all("/tasks", q=self.title), [])

    def test_limits_are_told_as_a_node_tells_them(self):
        hidden = attacks.creation(self.admin.token, self.title)
        for attack in attacks.all_of(self.admin.token, hidden):
            if attack.status not in (411, 413, 414, 431) or "200 headers" in attack.what:
                continue
            with self.subTest(attack.what):
                heard = wire.say(self.cluster.url, attack.sent)
                if heard.received.startswith(b"HTTP/1.1 400") and "coding" in attack.what:
                    continue  # no coding at all, to HAProxy
                (answer,) = heard.answers
                self.assertEqual((answer.status, answer.problem["code"]), (attack.status, attack.code))
        self.assertEqual(self.admin.all("/tasks", q=self.title), [])

    # ── keys ──
    def test_50_at_once_with_one_key_on_three_nodes_have_one_effect(self):
        key = str(uuid.uuid4())
        body = {"title": self.title}
        for path, made in (("/tasks", lambda: self.admin.all("/tasks", q=self.title)),
                           ("/tasks/assign", lambda: self.admin.all("/shuffles"))):
            before = len(made())
            answers = self.at_once(path, body if path == "/tasks" else None, key)
            for answer in answers:
                self.assertEqual((answer.status, answer.json), (answers[0].status, answers[0].json))
            self.assertIn(answers[0].status, (201, 202))
            self.assertEqual(sum(answer.headers["Idempotent-Replayed"] is None for answer in answers), 1)
            self.assertEqual(len(made()), before + 1)

    def at_once(self, path, body, key):
        names = self.cluster.names()
        clients = [self.cluster.client_of(names[number % len(names)], self.admin) for number in range(AT_ONCE)]
        barrier = threading.Barrier(AT_ONCE)

        def one(client):
            client.get("/me").expect(200)
            barrier.wait()
            return client.post(path, body, key=key)
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(one, clients))

    # ── guessing ──
    def test_ten_failures_on_whatever_nodes_shut_the_login_on_all(self):
        person = self.staff.people[0]
        names = self.cluster.names()
        for number in range(10):
            refused = self.try_on(names[number % len(names)], person["login"], "a guess, a guess")
            self.assertEqual(refused.json["code"], "bad_credentials")
        for name in names:
            shut = self.try_on(name, person["login"], company.PASSWORD)
            self.assertEqual(shut.expect(429)["code"], "too_many_requests")
            self.assertGreater(int(shut.headers["Retry-After"]), 60)
            self.try_on(name, self.staff.people[1]["login"], company.PASSWORD).expect(200)

    def try_on(self, name, login, password):
        client = self.cluster.client_of(name, self.admin)
        return client.send("POST", "/v1/auth", {"login": login, "password": password})


if __name__ == "__main__":
    unittest.main()
