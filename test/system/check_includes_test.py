"""scripts/lib/check_includes.py: the layering holds, and what breaks it is named."""

import subprocess
import unittest

import support

import check_includes


class Layering(unittest.TestCase):
    def test_an_include_that_points_up_or_aside_is_named(self):
        for path, line in (
            ("domain/task.cpp", '#include "storage/record.hpp"'),
            ("storage/record.hpp", '#include "storage/postgres_journal.hpp"'),
            ("http/gateway.cpp", '#include "actors/protocol.hpp"'),
            ("http/gateway.cpp", '#include "storage/postgres_journal.hpp"'),
            ("console/app.cpp", '#include "http/json_in.hpp"'),
            ("mail/letter.cpp", '#include "storage/record.hpp"'),
            ("actors/mailer.cpp", "#include <curl/curl.h>"),
            ("actors/facade.hpp", "#include <caf/all.hpp>"),
            ("actors/facade.hpp", '#include "actors/protocol.hpp"'),
            ("storage/batch.cpp", "#include <caf/all.hpp>"),
            ("http/gateway.cpp", "  #  include <caf/all.hpp>"),
            ("http/gateway.cpp", "#include <pqxx/pqxx>"),
            ("domain/draw.cpp", "#include <random>"),
            ("actors/task.cpp", '#include "task.hpp"'),
        ):
            with self.subTest(path=path, line=line):
                found = list(check_includes.offences(path, f"// first\n{line}\n"))
                self.assertEqual([number for number, _ in found], [2])

    def test_an_include_that_points_down_is_fine(self):
        for path, line in (
            ("atesd.cpp", '#include "http/gateway.hpp"'),
            ("http/gateway.cpp", '#include "actors/facade.hpp"'),
            ("actors/task.cpp", "#include <caf/all.hpp>"),
            ("storage/batch.cpp", '#include "domain/ids.hpp"'),
            ("test/actors/any.cpp", "#include <caf/all.hpp>"),
        ):
            with self.subTest(path=path, line=line):
                self.assertEqual(list(check_includes.offences(path, line)), [])

    def test_the_tree_obeys(self):
        done = subprocess.run(["/usr/bin/python3", support.ROOT / "scripts" / "lib" / "check_includes.py"],
                              capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (0, ""))


if __name__ == "__main__":
    unittest.main()
