"""What must be refused, tried through the edge of three nodes: the tests of test/system, another site. What HAProxy reads in
another way than a node does is pinned here, and that it does no harm."""

import unittest

import cluster_support

import bad_json_test  # test/system, where cluster_support.py has pointed to
import bad_tokens_test
import bad_wire_test
import floods_test
import gateway_test
import wire

# Two lengths that agree become one, folded lines and bare line feeds are mended, what has no length has no body: such a
# request reaches a node as a plain one, and what follows it is the client's next.
MENDED = {"two equal lengths", "a length of '0, 0'", "a length of '13,13'", "no length and no type", "a folded line",
          "a folded line by a tab", "a bare line feed", "a tab for a blank", "two blanks",
          "a first line that ends with a line feed only", "version 'HTTP/1.2'", "version 'HTTP/2.0'", "empty lines"}
# A coding that is only seen once such a line has been mended.
SEEN = {"a coding on a folded line", "a coding on a line of its own", "a coding behind a bare line feed"}
# HAProxy 2.6 refuses these while it reads the head, where no setting of it is asked: 400 or 422, and a text of its own.
# Whatever a node would say 400 to may be among them, too (docs/decisions/010).
UNREADABLE = {"a length beyond 64 bits", "a length of 2^64 and a bit", "the coding 'identity'", "the coding 'xchunked'",
              "the coding 'gzip, chunked'", "the coding 'chunked, identity'", "the coding ''", "the coding '\"chunked\"'",
              "a name over 8 KiB", "a header without end", "headers without end", "a target without end",
              "a name without end"}
# HAProxy hands the answer on at once, and hangs up when the body has come, or its `timeout client` is over.
STALLED = {"a byte over 1 MiB", "a batch over 16 MiB"}
HTTP_2 = "the preface of HTTP/2"  # which HAProxy speaks
PATIENCE_S = 5
LAST = b"GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


class Edge(gateway_test.OneNode):
    """What all classes here share; no test of its own."""

    Site = cluster_support.Cluster


def setUpModule():
    Edge.setUpClass()


def tearDownModule():
    try:
        Edge.tearDownClass()
    finally:
        Edge.doClassCleanups()


class ThroughThatEdge:
    """Before a class of test/system: its tests get what is shared."""

    @classmethod
    def open_site(cls):
        for name, value in vars(Edge).items():
            if not name.startswith("_") and name != "Site":
                setattr(cls, name, value)

    @classmethod
    def tearDownClass(cls):
        cluster_support.assert_each_alive_once(cls.node)


class BadJson(ThroughThatEdge, bad_json_test.BadJson):
    pass


class BadTokens(ThroughThatEdge, bad_tokens_test.BadTokens):
    pass


def is_in_its_own_words(answer):
    """Of HAProxy 2.6."""
    return answer.headers.get("content-type") == "text/html" and b"<h1>%d " % answer.status in answer.body


class BadWire(ThroughThatEdge, bad_wire_test.BadWire):
    test_what_comes_byte_by_byte_is_refused_alike = None  # HAProxy collects the bytes before a node sees any
    test_an_absolute_target_is_served_whatever_the_host_header_says = None  # HAProxy wants them to be the same

    def assert_refused(self, attack):
        if attack.what in MENDED:
            return self.assert_harmless(attack)
        heard = wire.say(self.node.url, attack.sent, limit_s=PATIENCE_S if attack.what in STALLED else wire.LIMIT_S)
        if attack.what == HTTP_2:
            self.assertTrue(heard.closed)
            return self.assertEqual(heard.answers, [])
        if " on HEAD" in attack.what:  # its answer has a length, and no body
            self.assertTrue(heard.closed)
            self.assertEqual(heard.rest.count(b"HTTP/1.1 "), 1)
            return self.assertTrue(heard.rest.startswith(b"HTTP/1.1 %d " % attack.status), heard.rest)
        if attack.what in STALLED:
            [answer] = heard.answers
            return self.assert_refusal(answer, attack)
        return self.assert_refusal(heard.only(), attack)

    def assert_refusal(self, answer, attack):
        if is_in_its_own_words(answer):
            self.assertTrue(attack.status == 400 or attack.what in UNREADABLE, f"a body that is none of ours: {answer.body}")
            return self.assertIn(answer.status, (400, 422))
        self.assertNotIn(attack.what, UNREADABLE)
        if attack.what in SEEN:
            attack = attack._replace(status=411, code="length_required")
        return super().assert_refusal(answer, attack)

    def assert_harmless(self, attack):
        """Each of the two requests, and a third behind them, is executed once at most and answered."""
        title = f"behind {attack.what}".replace("'", "").ljust(len(self.title), ".")[:len(self.title)]  # as long as that
        sent = attack.sent.replace(self.title.encode(), title.encode())
        heard = wire.say(self.node.url, sent + LAST)
        statuses = [answer.status for answer in heard.answers]
        self.assertTrue(heard.closed, statuses)
        self.assertLessEqual(len(statuses), 3)
        made = [task["title"] for task in self.admin.all("/tasks", q="behind ")]
        self.assertEqual(made.count(title), b'"title":"%s"' % title.encode() in heard.received, statuses)

    def assert_too_late(self, answer):
        if not is_in_its_own_words(answer):
            return super().assert_too_late(answer)
        return self.assertEqual(answer.status, 408)


class Floods(ThroughThatEdge, floods_test.Floods):
    SERVED_OR_SHED = {200, 503, 504}  # HAProxy waits for a busy node only so long
    test_the_node_may_have_as_many_descriptors_as_the_system_gives = None  # there is more than one

    def broken(self, hidden):
        """What HAProxy mends is served, and leaves the connection open."""
        return [attack for attack in super().broken(hidden) if attack.what not in MENDED | STALLED]


if __name__ == "__main__":
    unittest.main()
