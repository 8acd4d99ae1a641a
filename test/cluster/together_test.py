"""What each node could get right for itself and all of them wrong together: repeated requests, guessed passwords."""

import concurrent.futures
import threading
import unittest
import uuid

import cluster_support

import company  # test/system, where cluster_support.py has pointed to

AT_ONCE = 50


class ThreeNodes(cluster_support.ClusterTest):
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
