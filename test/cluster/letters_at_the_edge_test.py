"""Letters through the edge of three nodes: a server that refuses, hangs or hangs up, as test/system tries it; and nodes
killed while they wait for its word."""

import collections
import unittest

from cluster_support import ThroughTheEdge

import event_reader  # test/system, where cluster_support.py has pointed to
import letters_test
from smtp_server import Server

MAX_ATTEMPTS = 2


class Letters(ThroughTheEdge, letters_test.Letters, only=[
        "test_refused_letters_are_tried_again_and_then_given_up",
        "test_a_server_that_hangs_holds_up_nothing"]):
    pass


class Waiting:
    """What a server does: it takes a letter of the node `taken` and never says so, it says nothing at all to the node
    `hung`, and refuses, for ever, what it has said nothing about. All else it takes."""

    def __init__(self, taken, hung, sender_of):
        self.taken, self.hung = taken, hung
        self.sender_of = sender_of  # of a recipient: the node that has the account
        self.held = {}  # by node, the recipient whose letter waits

    def __call__(self, recipient, _, tries):
        sender = self.sender_of[recipient]
        if sender in (self.taken, self.hung) and sender not in self.held:
            self.held[sender] = recipient
            return Server.TAKE_AND_HANG if sender == self.taken else Server.HANG
        return "550 never" if recipient == self.held.get(self.hung) else "250 OK"


class KilledWhileItWaits(ThroughTheEdge, letters_test.Letters, only=["test_each_letter_of_killed_nodes_is_ended_once"]):
    def test_each_letter_of_killed_nodes_is_ended_once(self):
        server = self.start_server()
        staff = self.start_company(letters_test.NAMES + [f"Worker {number}" for number in range(8)], transport="smtp",
                                   smtp_url=server.url, max_attempts=MAX_ATTEMPTS)
        cluster = staff.node
        server.behave = waiting = self.two_nodes_wait(staff)
        run = staff.close_day()
        self.assertEqual((run["accounts_paid"], run["total_paid"]), (len(self.owed), sum(self.owed.values())))
        self.wait_until(lambda: len(waiting.held) == 2 and self.all_else_is_marked(staff, server, run["day"], waiting),
                        letters_test.LETTER_LIMIT_S, "no two nodes wait")
        staff.admin.post("/tasks", {"title": "While two nodes wait"}).expect(201)
        [survivor] = set(cluster.names()) - set(waiting.held)
        for name in waiting.held:
            cluster.kill(name)
        cluster.wait_spread(survivor)
        self.wait_mails(staff, run["day"], len(self.owed) - 1, 1)
        for name in waiting.held:
            cluster.start_node(name)  # and they send nothing again
        cluster.wait_spread()
        again = {waiting.held[waiting.taken]: 2, waiting.held[waiting.hung]: 1 + MAX_ATTEMPTS}
        self.assertEqual(server.tries, {person["email"]: again.get(person["email"], 1) for person in staff.people})
        self.check_arrived(staff, server, run["day"], waiting)
        self.check_ended(staff, waiting)
        self.assert_sound(cluster)

    def two_nodes_wait(self, staff):
        """The two with the most letters to send."""
        rows = staff.node.sql("select a.id, n.name from account a join shard s using (shard) join node n "
                              "on n.incarnation = s.owner").splitlines()
        nodes = dict(row.split("|") for row in rows)
        sender_of = {person["email"]: nodes[person["id"]] for person in staff.people}
        (taken, _), (hung, _), *_ = collections.Counter(sender_of.values()).most_common()
        return Waiting(taken, hung, sender_of)

    def all_else_is_marked(self, staff, server, day, waiting):
        """What the server has taken before is told to nobody again. The two send nothing more: a node sends one at a time."""
        arrived = {recipient for [recipient], _, _ in server.letters}
        sent = staff.admin.get(f"/payouts/{day}").expect(200)["mails"]["sent"]
        return waiting.held[waiting.taken] in arrived and sent == len(arrived) - 1

    def check_arrived(self, staff, server, day, waiting):
        """Everybody has one letter; of whom the server has two they are the same, byte for byte."""
        arrived = collections.defaultdict(list)
        for [recipient], content, _ in server.letters:
            arrived[recipient].append(content)
            self.check_letter(staff, content, day)
        self.assertEqual(set(arrived), {person["email"] for person in staff.people} - {waiting.held[waiting.hung]})
        self.assertEqual({recipient: len(same) for recipient, same in arrived.items() if len(same) > 1},
                         {waiting.held[waiting.taken]: 2})
        self.assertEqual({len(set(same)) for same in arrived.values()}, {1})
        ids = collections.Counter(letters_test.parsed(same[0])["Message-ID"] for same in arrived.values())
        self.assertEqual(set(ids.values()), {1})

    def check_ended(self, staff, waiting):
        """The books say it once of each letter."""
        ended = [(event["data"]["account_id"], event["type"]) for event in event_reader.walk(staff.admin)
                 if event["type"].startswith("email.")]
        given_up = waiting.held[waiting.hung]
        self.assertEqual(sorted(ended), sorted(
            (person["id"], "email.failed.v1" if person["email"] == given_up else "email.sent.v1")
            for person in staff.people))


if __name__ == "__main__":
    unittest.main()
