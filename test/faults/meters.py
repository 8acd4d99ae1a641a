"""What the nodes count of themselves, life after life: evidence that the faults have met what they are meant for."""

import threading

LOOK_EVERY_S = 0.5
COUNTED = ("journal_retries", "journal_unknown_outcomes", "journal_stale_records", "journal_refused_records",
           "fence_refusals", "shard_resets", "shard_take_overs", "entity_restarts", "inbox_gaps", "mail_tries_failed")


class Meters:
    def __init__(self, nodes):
        self.nodes = nodes
        self.last = {}  # (node, life) -> its figures when it was last asked
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def totals(self):
        """What was counted at least: what a node counted just before it was killed is lost."""
        return {name: int(sum(figures.get(f"ates_{name}_total", 0) for figures in self.last.values())) for name in COUNTED}

    def close(self):
        self.ending.set()
        self.thread.join()

    def _run(self):
        while not self.ending.wait(LOOK_EVERY_S):
            for node in self.nodes:
                life = node.lives
                if figures := node.metrics():
                    self.last[node.name, life] = figures
