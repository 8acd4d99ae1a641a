"""Programs beside each other: every one is heard, and none outlives who listens."""

import pathlib
import tempfile
import unittest

import side_by_side
from support import processes

SAYS = "import sys; print('for people'); print('{{\"number\": {}}}')"
WAITS = "import os, pathlib, time; pathlib.Path({!r}).write_text(str(os.getpid())); time.sleep(600)"


class SideBySide(unittest.TestCase):
    def test_of_more_programs_than_run_at_once_each_is_heard(self):
        count = 2 * side_by_side.AT_ONCE + 1
        heard = list(side_by_side.outcomes([["-c", SAYS.format(number)] for number in range(count)]))
        self.assertEqual({said for said, _ in heard}, {"for people"})
        self.assertEqual(sorted(figures["number"] for _, figures in heard), list(range(count)))

    def test_a_program_that_fails_is_shown_with_what_it_said(self):
        (said, figures), = side_by_side.outcomes([["-c", "print('on the way'); raise SystemExit('broken')"]])
        self.assertIsNone(figures)
        for words in ("on the way", "broken", "ended with 1"):
            self.assertIn(words, said)

    def test_whoever_stops_listening_ends_the_others(self):
        with tempfile.TemporaryDirectory() as folder:
            pid_file = pathlib.Path(folder) / "pid"
            pid_file.touch()
            waits_for_it = f"import os, time\nwhile not os.path.getsize({str(pid_file)!r}): time.sleep(0.01)\nprint('{{}}')"
            listening = side_by_side.outcomes([["-c", WAITS.format(str(pid_file))], ["-c", waits_for_it]])
            next(listening)
            listening.close()
            self.assertTrue(processes.wait_until(lambda: not processes.alive(int(pid_file.read_text())), 10))


if __name__ == "__main__":
    unittest.main()
