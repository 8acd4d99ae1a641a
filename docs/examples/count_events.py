#!/usr/bin/python3
"""count_events.py URL FILE: follows the events of a node and counts them by type, each once, whatever happens in between.

URL is where the node or the edge serves, FILE a SQLite file that keeps the counts and how far they go. Who signs in is taken
from ATES_LOGIN (default admin) and ATES_PASSWORD. Prints one line of JSON with the counts whenever they change. Ends with
Ctrl-C; kill it in any way you like and start it again.

What makes it right, and what a consumer of yours should do the same way: the effect of an event (here: a count) and the
cursor behind it are stored in one transaction. Dying before it means that both are as they were, and the event comes again;
dying after it means that both are done, and it does not."""

import http.client
import json
import os
import sqlite3
import sys
import time
import urllib.parse

QUIET_LIMIT_S = 40  # the node says something every 15 s
PAUSE_S = 1
PIECE_BYTES = 64 * 1024


class Counts:
    def __init__(self, path):
        self.database = sqlite3.connect(path)
        self.database.executescript(
            "create table if not exists count (type text primary key, events integer not null);"
            "create table if not exists place (one integer primary key check (one = 1), cursor text not null)")
        found = self.database.execute("select cursor from place").fetchone()
        self.cursor = found[0] if found else None

    def add(self, events):
        """Counts events, each given by its fields, and keeps the place behind the last one: both or neither."""
        with self.database:
            for event in events:
                self.database.execute("insert into count values (?, 1) on conflict (type) do update set events = events + 1",
                                      [event["event"]])
            self.database.execute("insert into place values (1, ?) on conflict (one) do update set cursor = excluded.cursor",
                                  [events[-1]["id"]])
        self.cursor = events[-1]["id"]
        print(json.dumps(dict(self.database.execute("select type, events from count order by type"))), flush=True)


def connect(url):
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    return kind(url.netloc, timeout=QUIET_LIMIT_S)


def sign_in(url):
    body = json.dumps({"login": os.environ.get("ATES_LOGIN", "admin"), "password": os.environ["ATES_PASSWORD"]})
    connection = connect(url)
    connection.request("POST", "/v1/auth", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    if response.status == 401:
        raise SystemExit(f"count_events.py: {answer['title']}")
    if response.status != 200:
        raise ConnectionError(answer["title"])
    return answer["access_token"]


def fields_of(block):
    """{"id": …, "event": …, "data": …}; of a comment, which begins with a colon: nothing of use."""
    lines = (line.partition(":") for line in block.decode().splitlines())
    return {name: value.removeprefix(" ") for name, _, value in lines if name}


def follow(url, counts):
    """Until the connection or the token ends. What comes in one piece is counted in one transaction."""
    headers = {"Authorization": f"Bearer {sign_in(url)}"}
    if counts.cursor:
        headers["Last-Event-ID"] = counts.cursor
    connection = connect(url)
    connection.request("GET", "/v1/events/stream", headers=headers)
    with connection.getresponse() as response:
        if response.status == 400:
            raise SystemExit("count_events.py: the cursor is not one of this system: start with another FILE")
        if response.status != 200:
            raise ConnectionError(f"status {response.status}")
        rest = b""
        while piece := response.read1(PIECE_BYTES):
            *blocks, rest = (rest + piece).split(b"\n\n")
            events = [fields for fields in map(fields_of, blocks) if "id" in fields]
            if events:
                counts.add(events)


def main():
    if len(sys.argv) != 3 or sys.argv[1].startswith("-"):
        raise SystemExit(__doc__)
    url, counts = urllib.parse.urlsplit(sys.argv[1]), Counts(sys.argv[2])
    while True:
        try:
            follow(url, counts)
        except (OSError, http.client.HTTPException, ValueError) as error:
            print(f"count_events.py: {error!r}, trying again", file=sys.stderr)
            time.sleep(PAUSE_S)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
