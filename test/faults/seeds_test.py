"""A few runs of the fault suite with fixed seeds: see README.md. ATES_TEST_SEED and ATES_FAULTS_SECONDS set others."""

import os
import unittest

SEED = os.environ.pop("ATES_TEST_SEED", None)
SECONDS = os.environ.pop("ATES_FAULTS_SECONDS", None)

import run  # noqa: E402  (what starts atesd must not see these variables)
import variants  # noqa: E402


class Seeds(unittest.TestCase):
    def assert_clean(self, seed, nodes, seconds):
        report = run.Run(SEED or seed, nodes, float(SECONDS or seconds), variants.folder_of(variants.POISONABLE)).perform()
        print(f"\n{report.text()}", flush=True)
        self.assertEqual(report.differences, {})
        self.assertGreater(sum(report.faults.values()), 0)
        self.assertGreater(report.commands.get("complete done", 0), 0)

    def test_whatever_happens_to_one_node_every_invariant_holds(self):
        self.assert_clean(1001, 1, 18)

    def test_whatever_happens_to_three_nodes_every_invariant_holds(self):
        self.assert_clean(1002, 3, 28)


if __name__ == "__main__":
    unittest.main()
