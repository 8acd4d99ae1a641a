"""Safety holds at all times, not only at rest: `atesd --verify` again and again, in the middle of all faults."""

import threading

LOOK_EVERY_S = 4.0
# It goes by business time, which the schedule steps: what is on its way for a second may be hours old.
NOT_AT_REST = "event in transit"


class Auditor:
    def __init__(self, site):
        self.site = site
        self.looks = 0
        self.found = []
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def close(self):
        self.ending.set()
        self.thread.join()

    def _run(self):
        while not self.ending.wait(LOOK_EVERY_S):
            differences = self.site.verify().differences
            if differences is not None:
                self.looks += 1
                self.found += [str(one) for one in differences if one["what"] != NOT_AT_REST]
