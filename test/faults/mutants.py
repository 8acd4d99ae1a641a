#!/usr/bin/env python3
"""Hunts mutants (variants.py): the fault suite must find what is broken in each of them.

    scripts/test --mutants                    builds them all, lets the suite look at them side by side, prints caught n of n
    mutants.py [--only NAME,…] [--seeds N]    the same, of what is built

The last line is one JSON object. Exit code 1: a mutant was missed."""

import argparse
import dataclasses
import json
import os
import sys
import time
import traceback

# Taken out of the environment: atesd refuses a variable ATES_… that it does not know.
SECONDS = float(os.environ.pop("ATES_FAULTS_SECONDS", "30"))

import run  # noqa: E402
import side_by_side  # noqa: E402
import variants  # noqa: E402

SHOWN = 300  # characters of a finding
TRIES = 12  # runs, in turn on three nodes and on one, before a mutant counts as missed


@dataclasses.dataclass
class Hunt:
    name: str
    violated: dict = dataclasses.field(default_factory=dict)  # invariant -> what is against it; empty: it was missed
    runs: int = 0
    seconds: float = 0.0
    failures: list = dataclasses.field(default_factory=list)  # of the suite itself: these catch nothing

    def text(self):
        how = "caught by" if self.violated else "MISSED"
        lines = [f"{self.name}: {how} in {self.seconds:.0f} s, {self.runs} runs"]
        for invariant, against in self.violated.items():
            lines += [f"    {invariant} ({len(against)} times)", f"        {against[0][:SHOWN]}"]
        return "\n".join(lines + self.failures)

    def figures(self):
        violated = {invariant: len(against) for invariant, against in self.violated.items()}
        return {"violated": violated, "runs": self.runs, "seconds": round(self.seconds), "failures": len(self.failures)}


def hunt(name, tries=TRIES, seconds=SECONDS):
    """Runs with other faults each, until one of them finds something."""
    found, began = Hunt(name), time.monotonic()
    for number in range(tries):
        found.runs += 1
        try:
            one = run.Run(f"{name}/{number}", (3, 1)[number % 2], seconds, variants.folder_of(name), keeps_logs=False)
            report = one.perform()
        except Exception:
            found.failures.append(traceback.format_exc())
            continue
        found.violated = report.differences
        if found.violated:
            break
    found.seconds = time.monotonic() - began
    return found


def hunt_one(name, arguments):
    found = hunt(name, arguments.seeds, arguments.seconds)
    print(f"{name}: no longer: {variants.MUTANTS[name].breaks}\n{found.text()}", flush=True)
    return {name: found.figures()}


def hunt_many(names, arguments):
    found = {}
    commands = [[__file__, "--only", name, "--seeds", arguments.seeds, "--seconds", arguments.seconds] for name in names]
    print(f"{len(names)} mutants, {side_by_side.AT_ONCE} at a time ...", flush=True)
    for number, (said, of_one) in enumerate(side_by_side.outcomes(commands), start=1):
        print(f"{number}/{len(names)} {said}", flush=True)
        found |= of_one["mutants"] if of_one else {}
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(variants.MUTANTS), help="names, separated by commas (all)")
    parser.add_argument("--seeds", type=int, default=TRIES, help=f"runs of each before it counts as missed ({TRIES})")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"of faults in each run ({SECONDS:.0f})")
    arguments = parser.parse_args()
    side_by_side.end_orderly()
    names = arguments.only.split(",")
    if unknown := set(names) - set(variants.MUTANTS):
        parser.error(f"no mutant: {', '.join(sorted(unknown))}; there are {', '.join(variants.MUTANTS)}")
    found = hunt_one(names[0], arguments) if len(names) == 1 else hunt_many(names, arguments)
    caught = sum(bool(figures["violated"]) for figures in found.values())
    if len(names) > 1:
        print(f"caught {caught} of {len(names)}")
    print(json.dumps({"suite": "mutants", "caught": caught, "of": len(names), "mutants": found}))
    return 0 if caught == len(names) else 1


if __name__ == "__main__":
    sys.exit(main())
