"""What operators do while people work: nodes restarted one after the other, added, drained. Clients at the edge notice
nothing: no connection error, no 5xx, nothing slow, for reads and for whatever has a key."""

import time
import unittest

import cluster_support
import workload

SEED = "upkeep"
SLOW_S = 5.0


class Upkeep(cluster_support.ClusterTest):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.share_cluster()
        cls.crowd = workload.Crowd(cls.cluster, SEED)

    def unnoticed(self, act):
        """`act` happens under the crowd, and nobody hears of it."""
        first = len(self.crowd.history.moments)
        self.crowd.start()
        time.sleep(0.5)
        began = time.monotonic()
        act()
        took_s = time.monotonic() - began
        time.sleep(0.5)
        self.crowd.stop()
        moments = self.crowd.history.moments[first:]
        wrong = [f"{moment.path}: {moment.status} {moment.code} after {moment.took_s:.2f} s, {moment.began - began:.2f} s from "
                 "the beginning" for moment in moments
                 if moment.repeatable and (moment.status is None or moment.status >= 500 or moment.took_s > SLOW_S)]
        longest_s = max(moment.took_s for moment in moments)
        print(f"\n{took_s:.1f} s: {len(moments)} requests, the longest {longest_s:.2f} s", flush=True)
        if wrong:
            self.fail(f"{len(wrong)} of {len(moments)} noticed:\n" + "\n".join(wrong[:20]) + "\n" + self.cluster.last_words())
        self.assert_sound(self.cluster, self.crowd)

    def test_a_rolling_restart_is_not_noticed(self):
        before = self.cluster.lives()
        self.unnoticed(self.cluster.rolling_restart)
        after = self.cluster.lives()
        self.assertTrue(all(after[name] > before[name] for name in before), (before, after))
        self.assertTrue(self.cluster.is_spread())

    def test_a_node_that_is_added_and_drained_is_not_noticed(self):
        added = []

        def add():
            added.append(self.cluster.add_node())
            self.cluster.wait_spread()
        self.unnoticed(add)
        [name] = added
        self.unnoticed(lambda: self.cluster.drain(name))
        self.assertEqual(self.cluster.shards_by_node()[name], 0)
        others = [other for other in self.cluster.names() if other != name]
        self.cluster.wait_spread(*others)
        self.unnoticed(lambda: self.cluster.start_node(name))
        self.cluster.wait_spread()


if __name__ == "__main__":
    unittest.main()
