"""A stream of events through the edge, while nodes are killed and 16 clients work: every event comes once, in order."""

import http.client
import unittest

import cluster_support
import event_reader
import workload

EVENTS_PER_KILL = 300
SEED = 7


class Streams(cluster_support.ClusterTest):
    def test_a_stream_through_the_edge_misses_nothing_when_nodes_are_killed(self):
        cluster = self.start_cluster()
        crowd = workload.Crowd(cluster, SEED)
        reader = cluster.admin()
        crowd.start()
        got = self.read(reader, [], EVENTS_PER_KILL)
        for victim in ("node1", "node2"):
            cluster.kill(victim)
            got = self.read(reader, got, len(got) + EVENTS_PER_KILL)
            cluster.start_node(victim)
        crowd.stop()
        cluster.wait_spread()
        self.assert_sound(cluster, crowd)
        log = event_reader.walk(reader)
        got = self.read(reader, got, len(log))
        events = [event for _, event in got]
        self.assertEqual(event_reader.names(events), event_reader.names(log))
        self.assertEqual(max(event_reader.names(events).values()), 1)
        self.assertEqual(event_reader.ids_by_key(events), event_reader.ids_by_key(log))

    def read(self, reader, got, wanted):
        """Goes on behind what was got until so many are there, whoever hangs up meanwhile: [(cursor, event)]."""
        got = list(got)

        def enough():
            try:
                stream = event_reader.Stream(reader, last=got[-1][0] if got else None)
            except (OSError, http.client.HTTPException, AssertionError):
                return False  # nobody is there at the moment
            try:
                for cursor, _, event in stream:
                    if cursor:
                        got.append((cursor, event))
                    if len(got) >= wanted:
                        break
            except (OSError, http.client.HTTPException):
                pass
            finally:
                stream.close()
            return len(got) >= wanted
        self.wait_until(enough, 60, f"{wanted} events do not come")
        return got


if __name__ == "__main__":
    unittest.main()
