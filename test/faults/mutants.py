#!/usr/bin/env python3
"""Hunts mutants (variants.py): the fault suite must find what is broken in each of them.

    scripts/test --mutants                    builds them all, lets the suite look at each, prints caught n of n
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
SECONDS = float(os.environ.pop("ATES_FAULTS_SECONDS", "30"))  # of faults in each run

import run  # noqa: E402
import variants  # noqa: E402

SHOWN = 300  # characters of a finding
TRIES = 8  # runs, in turn on three nodes and on one, before a mutant counts as missed


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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(variants.MUTANTS), help="names, separated by commas (all)")
    parser.add_argument("--seeds", type=int, default=TRIES, help=f"runs of each before it counts as missed ({TRIES})")
    arguments = parser.parse_args()
    hunts = []
    names = arguments.only.split(",")
    if unknown := set(names) - set(variants.MUTANTS):
        parser.error(f"no mutant: {', '.join(sorted(unknown))}; there are {', '.join(variants.MUTANTS)}")
    for number, name in enumerate(names, start=1):
        print(f"{number}/{len(names)} {name}: no longer: {variants.MUTANTS[name].breaks} ...", flush=True)
        hunts.append(hunt(name, arguments.seeds))
        print(hunts[-1].text(), flush=True)
    caught = [one for one in hunts if one.violated]
    print(f"caught {len(caught)} of {len(hunts)}")
    print(json.dumps({"suite": "mutants", "caught": len(caught), "of": len(hunts),
                      "mutants": {one.name: one.figures() for one in hunts}}))
    return 0 if len(caught) == len(hunts) else 1


if __name__ == "__main__":
    sys.exit(main())
