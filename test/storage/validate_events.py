#!/usr/bin/env python3
"""Validates events against config/schemas. Standard input: a line {"type": …, "data": …} per event.
Exit status 1, with a sentence per fault, if any event has no schema or does not validate."""

import json
import pathlib
import sys

from jsonschema import Draft202012Validator, FormatChecker


def schema_path(folder, event_type):
    """task.created.v2 -> task/created/v2.json"""
    return folder / (event_type.replace(".", "/") + ".json")


def main():
    folder = pathlib.Path(sys.argv[1])
    validators = {}
    faults = 0
    for line in sys.stdin:
        event = json.loads(line)
        path = schema_path(folder, event["type"])
        if path not in validators:
            if not path.exists():
                print(f"{event['type']}: there is no {path}", file=sys.stderr)
                faults += 1
                continue
            schema = json.loads(path.read_text())
            Draft202012Validator.check_schema(schema)
            validators[path] = Draft202012Validator(schema, format_checker=FormatChecker())
        for error in validators[path].iter_errors(event["data"]):
            print(f"{event['type']}: {error.json_path}: {error.message}", file=sys.stderr)
            faults += 1
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
