"""More of test/system through the edge of three nodes: who may what, keys of clients that ask again, letters, streams."""

import random
import unittest

import cluster_support
from cluster_support import ThroughTheEdge

import events_test  # test/system, where cluster_support.py has pointed to
import idempotency_test
import letters_test
import rights_test


class Rights(rights_test.Rights):
    Site = cluster_support.Cluster
    rights = {operation: who for operation, who in rights_test.RIGHTS.items() if operation != "GET /metrics"}  # not here

    def good(self, operation):
        body, statuses = super().good(operation)
        return body, {200} if operation.endswith("/drain") else statuses  # the others can take its shards


class Keys(idempotency_test.Keys):
    Site = cluster_support.Cluster
    FIRST_ONES = 3  # one at each node; the effect is one all the same
    test_a_refused_drain_is_tried_again = None  # the others can take its shards
    test_answers_older_than_a_week_are_deleted_and_their_keys_have_no_second_effect = None  # each shard's own business


class KilledInTheMiddle(idempotency_test.KilledInTheMiddle):
    Site = cluster_support.Cluster

    def kill(self):
        """One node, and it is started again: what is asked of it by its name must be answered in the end."""
        name = random.choice(self.node.names())
        self.node.kill(name)
        self.node.start_node(name)

    def wait_back(self):
        self.node.wait_spread()


class Letters(ThroughTheEdge, letters_test.Letters, only=["test_letters_by_smtp_arrive_as_they_were_written"]):
    pass


class Events(ThroughTheEdge, events_test.Events, only=[
        "test_a_stream_ends_with_its_token", "test_a_slow_reader_is_hung_up_on_and_memory_stays_bounded"]):
    pass


if __name__ == "__main__":
    unittest.main()
