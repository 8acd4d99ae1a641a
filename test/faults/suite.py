#!/usr/bin/env python3
"""The fault suite at length: runs seeds, half of them on one node and half on three, and says what it found.

    scripts/test --long --seeds 50                          the same, after building
    suite.py --seeds 10 --first 100                         seeds 100..109
    suite.py --seeds 1 --first 7 --nodes 3                  one run again
    suite.py --seeds 20 --build build/release --until-found     another daemon

Many seeds run side by side (side_by_side.py). ATES_FAULTS_SECONDS sets how long faults happen in each run (60). The last line
is one JSON object. Exit code 1: there was a difference."""

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
import side_by_side  # noqa: E402
import variants  # noqa: E402


def parse_command_line():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2, help="how many (2)")
    parser.add_argument("--first", type=int, default=1, help="the first of them (1)")
    parser.add_argument("--nodes", type=int, choices=(1, 3), help="always so many (default: in turn)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"of faults in each run ({SECONDS:.0f})")
    parser.add_argument("--build", type=pathlib.Path, default=variants.folder_of(variants.POISONABLE),
                        help="whose atesd runs (the one that can die of a command)")
    parser.add_argument("--until-found", action="store_true", help="end with the first run that has found something")
    return parser.parse_args()


class Figures:
    """What one run or many have shown; the last line of the output."""

    COUNTED = ("runs", "faults", "answers", "commands", "counted")  # what -> how often

    def __init__(self):
        self.total = {"failed": 0, "skipped": 0, "found": {}, **{name: collections.Counter() for name in self.COUNTED}}
        self.began = time.monotonic()

    def add_report(self, seed, nodes, report):
        found = {name: len(against) for name, against in report.differences.items()}
        self.add({"runs": {str(nodes): 1}, "failed": 0, "faults": report.faults, "skipped": report.skipped,
                  "answers": report.answers, "commands": report.commands, "counted": report.counted,
                  "found": {f"{seed}/{nodes}": found} if found else {}})

    def add(self, figures):
        for name in self.COUNTED:
            self.total[name].update(figures[name])
        for name in ("failed", "skipped"):
            self.total[name] += figures[name]
        self.total["found"] |= figures["found"]

    def add_failure(self):
        self.total["failed"] += 1

    def has_found(self):
        return bool(self.total["found"])

    def end(self):
        """Prints them. The exit code."""
        runs_that_found = self.total["found"].values()
        print(json.dumps({"suite": "faults", "seconds": round(time.monotonic() - self.began), **self.total,
                          "differences": sum(sum(found.values()) for found in runs_that_found),
                          "violated": sorted({name for found in runs_that_found for name in found})}))
        return 1 if self.has_found() or self.total["failed"] else 0


def run_one(figures, seed, nodes, arguments):
    try:
        report = run.Run(seed, nodes, arguments.seconds, arguments.build).perform()
    except Exception:
        print(f"seed {seed}, {nodes} nodes: the suite failed\n{traceback.format_exc()}", flush=True)
        return figures.add_failure()
    print(report.text(), flush=True)
    figures.add_report(seed, nodes, report)


def run_many(figures, seeds, arguments):
    commands = [[__file__, "--seeds", 1, "--first", seed, "--nodes", nodes, "--seconds", arguments.seconds,
                 "--build", arguments.build] for seed, nodes in seeds]
    print(f"{len(seeds)} runs, {side_by_side.AT_ONCE} at a time, {arguments.seconds:.0f} s of faults each ...", flush=True)
    for number, (said, of_one) in enumerate(side_by_side.outcomes(commands), start=1):
        print(f"{number}/{len(seeds)} {said}", flush=True)
        if of_one is None:
            figures.add_failure()
            continue
        figures.add(of_one)
        if arguments.until_found and figures.has_found():
            break


def main():
    arguments = parse_command_line()
    side_by_side.end_orderly()
    seeds = [(seed, arguments.nodes or (1, 3)[seed % 2])
             for seed in range(arguments.first, arguments.first + arguments.seeds)]
    figures = Figures()
    if len(seeds) == 1:
        run_one(figures, *seeds[0], arguments)
    else:
        run_many(figures, seeds, arguments)
    return figures.end()


if __name__ == "__main__":
    sys.exit(main())
