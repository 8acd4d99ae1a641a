#!/usr/bin/env python3
"""Includes point down only: atesd -> http -> actors -> storage -> domain, config (docs/architecture.md).

The two tables below are the whole law. Prints each offence as file:line, exits 1 if there is any."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Who may include which of our own headers; a path stands for itself or everything under it. The longest match in the
# left column counts. Tests may include everything, and are not included by anybody else.
OURS = {
    "domain": ["domain"],
    "config": ["config", "domain"],
    "storage": ["storage", "domain", "config"],
    "mail": ["mail", "domain", "config"],
    "actors": ["actors", "storage", "mail", "domain", "config"],
    # http/ includes this one: so nothing in it may bring CAF or PostgreSQL along.
    "actors/facade.hpp": ["domain", "config", "storage/record.hpp", "storage/reports.hpp", "storage/errors.hpp"],
    "storage/record.hpp": ["domain", "config", "storage/errors.hpp"],
    "storage/reports.hpp": ["domain", "config", "storage/record.hpp", "storage/errors.hpp"],
    "storage/lease.hpp": ["domain", "config", "storage/record.hpp"],
    "storage/operations.hpp": ["domain", "config", "storage/lease.hpp", "storage/reports.hpp"],
    "storage/verifications.hpp": ["domain", "config", "storage/operations.hpp"],
    "storage/sign_in_failures.hpp": ["domain", "config", "storage/errors.hpp"],
    "storage/event_log.hpp": ["domain", "config", "storage/record.hpp"],
    "storage/errors.hpp": ["domain", "config"],
    "http": ["http", "actors/facade.hpp", "storage/record.hpp", "storage/reports.hpp", "storage/lease.hpp",
             "storage/operations.hpp", "storage/verifications.hpp", "storage/sign_in_failures.hpp",
             "storage/event_log.hpp", "storage/errors.hpp",
             "domain", "config"],
    # Speaks HTTP to a node, and knows nothing of its inside.
    "console": ["console", "domain", "config"],
    "atesd.cpp": ["http", "actors", "storage", "domain", "config"],
    "bench": ["bench", "test", "http/tokens.hpp", "actors", "storage", "domain", "config"],
    "test": ["test", "bench", "console", "http", "actors", "storage", "mail", "domain", "config"],
}

# Who may include which foreign library: rows of the table above.
FOREIGN = {
    r"caf/": ["actors", "bench", "test"],
    r"pqxx": ["storage", "bench", "test"],
    r"curl/": ["mail"],
    r"httplib": ["http", "console", "test"],
    r"prometheus/": ["http", "actors", "atesd.cpp", "test"],
    r"CLI/": ["console", "atesd.cpp", "bench", "test"],
    r"random$": ["actors", "storage", "http", "console", "bench", "test"],  # in domain/, dice are arguments
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def under(path, folders):
    return any(path == folder or path.startswith(folder + "/") for folder in folders)


def offences(path, text):
    """What is wrong with the includes of the file `path` (relative to the root), as (line, complaint)."""
    place = max((place for place in OURS if under(path, [place])), key=len)
    for match in INCLUDE.finditer(text):
        kind, included = match.groups()
        line = text.count("\n", 0, match.start()) + 1
        if kind == '"':
            if not (ROOT / included).is_file():
                yield line, f'"{included}" is no path from the root'
            elif not under(included, OURS[place]):
                yield line, f'"{included}" may not be included here'
            continue
        for library, places in FOREIGN.items():
            if re.match(library, included) and place not in places:
                yield line, f"<{included}> may not be included here"


def main():
    places = {place.split("/")[0] for place in OURS}
    files = [file for place in sorted(places) for file in
             ([ROOT / place] if place.endswith(".cpp") else sorted((ROOT / place).rglob("*.?pp"))) if file.exists()]
    count = 0
    for file in files:
        path = str(file.relative_to(ROOT))
        for line, complaint in offences(path, file.read_text()):
            count += 1
            print(f"{path}:{line}: {complaint}")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
