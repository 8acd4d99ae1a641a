"""Reading events as clients do: by streams and in pages.

    stream = event_reader.Stream(admin, last=cursor)
    for cursor, kind, event in stream: …
    everything = event_reader.walk(admin)
"""

import collections
import http.client
import json


class Stream:
    """One connection to /events/stream; iterating gives (cursor, event, data) until it ends."""

    def __init__(self, client, query="", last=None, timeout_s=30):
        client.renew()
        self.connection = http.client.HTTPConnection(client.address.netloc, timeout=timeout_s)
        headers = {"Authorization": f"Bearer {client.token}", **({"Last-Event-ID": last} if last else {})}
        self.connection.request("GET", "/v1/events/stream" + query, headers=headers)
        self.socket = self.connection.sock
        self.response = self.connection.getresponse()
        self.status = self.response.status

    def __iter__(self):
        fields = {}
        for line in self.response:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                fields[name] = value
            elif "event" in fields:
                yield fields.get("id"), fields["event"], json.loads(fields["data"])
                fields = {}
            else:
                fields = {}

    def close(self):
        self.response.close()
        self.connection.close()


def walk(client, **query):
    """Every event there is, page by page."""
    events, after = [], {}
    while True:
        page = client.get("/events", limit=500, **query, **after).expect(200)
        events += page["data"]
        after = {"after": page["next_cursor"]}
        if not page["has_more"]:
            return events


def names(events):
    return collections.Counter((event["source"], event["id"]) for event in events)


def ids_by_key(events):
    """partitionkey -> [sequence], in the order in which they came."""
    found = collections.defaultdict(list)
    for event in events:
        found[event["partitionkey"]].append(event["sequence"])
    return found
