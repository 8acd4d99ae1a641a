"""Three daemons with one safety removed each: the fault suite finds them, or it proves nothing. All of them: scripts/test
--mutants. Which are built with everything else says CMakeLists.txt."""

import unittest

import mutants


class Mutants(unittest.TestCase):
    def assert_caught(self, name):
        found = mutants.hunt(name)
        print(f"\n{found.text()}", flush=True)
        self.assertTrue(found.violated, "missed")

    def test_who_answers_before_the_commit_is_found(self):
        self.assert_caught("reply_before_commit")

    def test_who_moves_cursors_in_another_transaction_than_the_effect_is_found(self):
        self.assert_caught("cursor_apart")

    def test_who_keeps_answers_in_another_transaction_than_the_effect_is_found(self):
        self.assert_caught("key_after_effect")


if __name__ == "__main__":
    unittest.main()
