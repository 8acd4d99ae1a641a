#!/usr/bin/env python3
"""The fault suite at length: runs seeds, half of them on one node and half on three, and says what it found.

    scripts/test --long --seeds 50                          the same, after building
    suite.py --seeds 10 --first 100                         seeds 100..109
    suite.py --seeds 1 --first 7 --nodes 3                  one run again
    suite.py --seeds 20 --build build/release --until-found     another daemon

ATES_FAULTS_SECONDS sets how long faults happen in each run (60). The last line is one JSON object. Exit code 1: there was a
difference."""

import argparse
import collections
import json
import os
import pathlib
import sys
import time
import traceback

# Taken out of the environment: atesd refuses a variable ATES_… that it does not know.
SECONDS = float(os.environ.pop("ATES_FAULTS_SECONDS", "60"))

import run  # noqa: E402
import variants  # noqa: E402


def parse_command_line():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2, help="how many (2)")
    parser.add_argument("--first", type=int, default=1, help="the first of them (1)")
    parser.add_argument("--nodes", type=int, choices=(1, 3), help="always so many (default: in turn)")
    parser.add_argument("--build", type=pathlib.Path, default=variants.folder_of(variants.POISONABLE),
                        help="whose atesd runs (the one that can die of a command)")
    parser.add_argument("--until-found", action="store_true", help="end with the first run that has found something")
    return parser.parse_args()


def run_seed(seed, nodes, build):
    """The Report; None when the suite itself failed, which it then says."""
    try:
        return run.Run(seed, nodes, SECONDS, build).perform()
    except Exception:
        print(f"seed {seed}, {nodes} nodes: the suite failed\n{traceback.format_exc()}", flush=True)
        return None


def main():
    arguments = parse_command_line()
    began = time.monotonic()
    done, answered, commands, counted = (collections.Counter() for _ in range(4))
    found, failed, runs, skipped = {}, 0, collections.Counter(), 0
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        nodes = arguments.nodes or (1, 3)[seed % 2]
        report = run_seed(seed, nodes, arguments.build)
        if report is None:
            failed += 1
            continue
        print(report.text(), flush=True)
        runs[str(nodes)] += 1
        skipped += report.skipped
        for total, figures in ((done, report.faults), (answered, report.answers), (commands, report.commands),
                               (counted, report.counted)):
            total.update(figures)
        if not report.is_clean():
            found[f"{seed}/{nodes}"] = {name: len(against) for name, against in report.differences.items()}
            if arguments.until_found:
                break
    differences = sum(sum(against.values()) for against in found.values())
    invariants = sorted({name for against in found.values() for name in against})
    print(json.dumps({"suite": "faults", "runs": runs, "failed": failed, "seconds": round(time.monotonic() - began),
                      "faults": done, "skipped": skipped, "answers": answered, "commands": commands, "counted": counted,
                      "differences": differences, "violated": invariants, "found": found}))
    return 1 if differences or failed else 0


if __name__ == "__main__":
    sys.exit(main())
