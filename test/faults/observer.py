"""How far the log was durable at which time, and who had the shards: looked up in PostgreSQL itself, past every gate, many
times a second.

    floor(t)   what was durable at t at the latest look that had ended by then: an answer that begins at t knows of it
    ceiling(t) what the first look that began at t or later has found: an answer that ended at t shows nothing beyond"""

import bisect
import threading
import time

import deployment
import open_psql

LOOK_EVERY_S = 0.05
NOTHING = (0,) * deployment.SHARDS
NOBODY = ((0, None),) * deployment.SHARDS
# Both at one moment: a statement sees one snapshot.
QUERY = ("select array_to_string(array(select coalesce((select max(seq) from event e where e.shard = s), 0) "
         f"from generate_series(0, {deployment.SHARDS - 1}) s order by s), ',') || ' ' || "
         "array_to_string(array(select epoch || ':' || coalesce(owner, 0) from shard order by shard), ',')")


def leases_of(text):
    """A (epoch, incarnation of the owner; None: nobody's) per shard."""
    pairs = (one.split(":") for one in text.split(","))
    return tuple((int(epoch), int(owner) or None) for epoch, owner in pairs)


class Record:
    """What was found, look after look."""

    def __init__(self):
        self.begins, self.ends, self.heads, self.leases = [], [], [], []

    def add(self, began, heads, ended, leases=NOBODY):
        self.heads.append(heads)
        self.leases.append(leases)
        self.ends.append(ended)
        self.begins.append(began)

    def floor(self, at):
        """Last sequence numbers per shard."""
        found = bisect.bisect_right(self.ends, at)
        return self.heads[found - 1] if found else NOTHING

    def ceiling(self, at):
        """None: nobody has looked since."""
        found = bisect.bisect_left(self.begins, at)
        return self.heads[found] if found < len(self.heads) else None

    def before(self, shard, seq):
        """The last look that did not find this event."""
        found = self._first_with(shard, seq)
        return self.heads[found - 1] if found else NOTHING

    def lease_before(self, shard, seq):
        """The shard's, at the last look that did not find this event."""
        found = self._first_with(shard, seq)
        return self.leases[found - 1][shard] if found else NOBODY[shard]

    def since(self, shard, seq):
        """The first look that found this event; None: nobody has looked since."""
        found = self._first_with(shard, seq)
        return self.heads[found] if found < len(self.heads) else None

    def _first_with(self, shard, seq):
        return bisect.bisect_left(self.heads, seq, key=lambda heads: heads[shard])


class Observer(Record):
    """Looks until it is closed."""

    def __init__(self, url):
        super().__init__()
        self.psql = open_psql.Psql(url)
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def close(self):
        self.ending.set()
        self.thread.join()
        self.psql.close()

    def _run(self):
        last = None
        while not self.ending.wait(LOOK_EVERY_S):
            began = time.monotonic()
            line = self.psql.ask(QUERY)
            if line is not None:
                heads, text = line.split(" ")
                leases = self.leases[-1] if text == last else leases_of(text)
                last = text
                self.add(began, tuple(int(number) for number in heads.split(",")), time.monotonic(), leases)
