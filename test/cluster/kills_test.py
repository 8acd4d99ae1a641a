"""Nodes are killed, and started again, under 16 clients at the edge: nothing that was acknowledged is lost or doubled, and
what is repeated with its key succeeds once.

ATES_TEST_KILLS and ATES_TEST_SEED set how many kills there are and replay the schedule that a failing test has printed."""

import random
import time
import unittest

import cluster_support
import workload

KILLS = int(cluster_support.setting("KILLS", "4"))
SEED = cluster_support.setting("SEED", str(random.SystemRandom().randrange(10**9)))
NOT_FORGOTTEN_S = 2.5  # nobody waits so much longer than a shard is away: what was on its way to the dead is sent again
OF_THE_HOLDER_AT_LEAST = 0.25  # of the kills


class Kills(cluster_support.ClusterTest):
    def test_every_2xx_is_in_the_books_once_whichever_nodes_are_killed(self):
        print(f"\nATES_TEST_SEED={SEED} ATES_TEST_KILLS={KILLS}", flush=True)
        cluster = self.start_cluster()
        crowd = workload.Crowd(cluster, SEED)
        probes = cluster_support.Probes(cluster, crowd.admin)
        crowd.start()
        away_s = []
        for is_holder, delay_s in self.schedule():
            time.sleep(delay_s)
            victim = self.choose(cluster, is_holder)
            survivors = [name for name in cluster.names() if name != victim]
            began = time.monotonic()
            cluster.kill(victim)
            away_s.append(probes.seconds_until_all_answer(survivors, began))
            print(f"{victim} killed{' (held shard 0)' if is_holder else ''}: all shards answer after {away_s[-1]:.2f} s", flush=True)
            cluster.start_node(victim)
        crowd.stop()
        cluster.wait_spread()
        self.assert_sound(cluster, crowd)
        limit_s = max(away_s) + NOT_FORGOTTEN_S
        self.assertEqual([moment for moment in crowd.history.moments if moment.took_s > limit_s], [])

    def schedule(self):
        """(whether the owner of shard 0 is killed, seconds to wait before)."""
        dice = random.Random(SEED)
        holders = max(1, round(KILLS * OF_THE_HOLDER_AT_LEAST))
        kinds = [number < holders for number in range(KILLS)]
        dice.shuffle(kinds)
        return [(kind, dice.uniform(0.2, 2.0)) for kind in kinds]

    def choose(self, cluster, is_holder):
        holder = cluster.owner_of(0)
        others = [name for name in cluster.names() if name != holder]
        return holder if is_holder else random.Random(SEED).choice(others)


if __name__ == "__main__":
    unittest.main()
