"""More of everything than a node wants: connections, bodies, refusals. Others are served, and memory stays bounded."""

import concurrent.futures
import itertools
import resource
import time
import unittest

import attacks
import gateway_test
import support
import wire

IDLE_CONNECTIONS = 2_000
REQUESTS = 10_000
MEMORY_BOUND_KIB = 64 * 1024
CLIENTS = 8
SERVED_LIMIT_S = 30


class Floods(gateway_test.OneNode):
    SERVED_OR_SHED = {200, 503}

    @classmethod
    def setUpClass(cls):
        # The test itself holds as many connections as it opens.
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 2 * IDLE_CONNECTIONS)), hard))
        super().setUpClass()

    def setUp(self):
        self.pids = self.node.daemon_pids()
        self.admin.renew()

    def tearDown(self):
        self.assertEqual(self.node.daemon_pids(), self.pids)
        self.wait_until(lambda: self.node.ready_status() == 200, SERVED_LIMIT_S, "it does not serve")

    def rss_kib(self):
        """Of each node."""
        return [rss_kib_of(pid) for pid in self.pids]

    def growth_kib(self, before):
        """Of the one that has grown most."""
        return max(now - then for now, then in zip(self.rss_kib(), before))

    def served(self):
        """Whether somebody new is served."""
        client = self.node.client()
        client.token, client.token_ends_at = self.admin.token, self.admin.token_ends_at
        try:
            return client.get("/me").status == 200
        except (OSError, support.http.client.HTTPException):
            return False
        finally:
            client.close()

    def test_the_node_may_have_as_many_descriptors_as_the_system_gives(self):
        with open(f"/proc/{self.node.daemon_pid()}/limits", encoding="ascii") as limits:
            soft, hard = next(line.split()[3:5] for line in limits if line.startswith("Max open files"))
        self.assertEqual(soft, hard)

    def test_beside_2000_idle_connections_others_are_served(self):
        for what, said in (("nothing said", b""), ("one request each", b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n")):
            with self.subTest(what):
                idle = []
                try:
                    for _ in range(IDLE_CONNECTIONS):
                        idle.append(wire.connect(self.node.url))
                        idle[-1].sendall(said)
                    for _ in range(20):
                        self.wait_until(self.served, SERVED_LIMIT_S, "nobody else is served")
                finally:
                    for one in idle:
                        one.close()

    def test_after_10_000_refusals_the_memory_is_what_it_was(self):
        title = "never made by a flood"
        hidden = attacks.creation(self.admin.token, title)
        broken = self.broken(hidden)
        plain = [self.refused(body, token) for body, token in itertools.product(
            (b"{", b'{"title":"a","title":"b"}', b"[" * 100_000, b'{"title":"\xff"}', b'{"title":"' + b"x" * 10**6 + b'"}'),
            (self.admin.token, "x.y.z", "a" * 4000, self.admin.token[:-4] + "AAAA"))]
        every = [attack.sent for attack in broken] + plain

        def run(count):
            def one(number):
                wire.say(self.node.url, every[number % len(every)])
            with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
                for _ in pool.map(one, range(count)):
                    pass

        run(len(every) * 3)
        before = self.rss_kib()
        began = time.monotonic()
        run(REQUESTS)
        took_s = time.monotonic() - began
        print(f"\nRSS {before} KiB, after {REQUESTS} refusals in {took_s:.0f} s {self.rss_kib()} KiB", flush=True)
        self.assertLess(self.growth_kib(before), MEMORY_BOUND_KIB)
        self.assertEqual(self.admin.all("/tasks", q=title), [])

    def broken(self, hidden):
        """What is refused before it is read."""
        signed = f"Authorization: Bearer {self.admin.token}\r\n"
        return [*attacks.all_of(self.admin.token, hidden), *attacks.floods(signed)]

    def refused(self, body, token):
        headers = f"Authorization: Bearer {token}\r\n{attacks.JSON}Content-Length: {len(body)}\r\nConnection: close\r\n"
        return attacks.request("POST /v1/tasks", headers, body)

    def test_the_largest_batches_many_at_once_are_served_or_shed_and_the_memory_comes_back(self):
        item = b'{"title":"' + b"x" * 16_000 + b'"},'
        body = b'{"tasks":[' + (item * 1000)[:-1] + b"]}"  # 16 MB; every title is too long
        headers = (f"Authorization: Bearer {self.admin.token}\r\n{attacks.JSON}Content-Length: {len(body)}\r\n"
                   "Connection: close\r\n")
        sent = attacks.request("POST /v1/tasks/batch", headers, body)
        before = self.rss_kib()
        statuses = []
        for _ in range(3):
            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                heard = list(pool.map(lambda _: wire.say(self.node.url, sent).answers, range(16)))
            statuses += [answers[0].status for answers in heard if answers]
        self.assertIn(200, statuses)
        self.assertLessEqual(set(statuses), self.SERVED_OR_SHED)
        print(f"\nRSS {before} KiB, after {len(statuses)} batches of 16 MB {self.rss_kib()} KiB", flush=True)
        self.wait_until(lambda: self.growth_kib(before) < MEMORY_BOUND_KIB, 10, f"RSS stays at {self.rss_kib()} KiB")


def rss_kib_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


if __name__ == "__main__":
    unittest.main()
