"""The events as readers outside get them: in pages and by streams, each once, in order, valid."""

import collections
import concurrent.futures
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

import jsonschema

import company
import event_reader
import support

sys.path.append(str(support.ROOT / "test" / "cluster"))

import tokens  # noqa: E402

SCHEMAS = support.ROOT / "config" / "schemas"
CONSUMER = support.ROOT / "docs" / "examples" / "count_events.py"
CUTS = 50
IDLE_STREAMS = 200
DRAWN = {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "sequence",
         "partitionkey", "data"}


class Events(support.SystemTest):
    def start_company(self, **environment):
        self.node = self.start_node(environment={"ATES_CLOCK_OFFSET": str(company.noon_offset()), **environment})
        self.staff = company.Company(self.node)
        self.people = self.staff.hire("worker", 3)

    def stream(self, *arguments, **options):
        made = event_reader.Stream(*arguments, **options)
        self.addCleanup(made.close)
        return made

    def whole_log(self, minimum):
        """The log once it holds at least that many events and all entries are posted."""
        self.wait_until(lambda: len(event_reader.walk(self.staff.admin)) >= minimum, 10, "the log does not get that long")
        return event_reader.walk(self.staff.admin)

    def assert_valid(self, events):
        validators = {}
        for event in events:
            kind = event["type"]
            self.assertEqual(set(event), DRAWN)
            self.assertEqual(event["dataschema"], "/schemas/" + kind.replace(".", "/") + ".json")
            self.assertEqual(event["source"], "/ates/shards/" + event["id"].split("-")[0])
            self.assertEqual(int(event["sequence"]), int(event["id"].split("-")[1]))
            self.assertEqual(event["subject"], event["partitionkey"])
            if kind not in validators:
                schema = json.loads((SCHEMAS / (kind.replace(".", "/") + ".json")).read_text())
                validators[kind] = jsonschema.Draft202012Validator(schema)
            validators[kind].validate(event["data"])

    def test_a_day_of_business_is_in_the_log_as_the_contract_says(self):
        self.start_company()
        worker = self.staff.client(self.people[0])
        tasks = self.staff.post_tasks([f"[POPUG-{number}] - Task {number}" for number in range(40)])
        mine = self.staff.task_of(self.people[0])
        done = worker.post(f"/tasks/{mine['id']}/complete").expect(200)
        run = self.staff.shuffle()
        payout = self.staff.close_day()
        made = len(self.staff.tasks())
        self.assertGreaterEqual(made, len(tasks))

        # payment_log_record and day.closed come with the end of the payout run.
        events = self.whole_log(3 * made)
        self.assert_valid(events)
        self.assertEqual(max(event_reader.names(events).values()), 1)
        times = collections.defaultdict(list)
        for event in events:
            times[event["partitionkey"]].append(event["time"])
        for key, along in times.items():
            self.assertEqual(along, sorted(along), key)
        for key, sequences in event_reader.ids_by_key(events).items():
            self.assertEqual(sequences, sorted(sequences), key)
        by_type = collections.defaultdict(list)
        for event in events:
            by_type[event["type"]].append(event)
        self.assertEqual(len(by_type["task.created.v2"]), made)
        self.assertNotIn("task.created.v1", by_type)
        self.assertFalse([kind for kind in by_type if kind.startswith("directory.")])
        self.assertEqual(len(by_type["task.assigned.v1"]), made + run["reassigned"])
        self.assertEqual([event["data"]["reward"] for event in by_type["task.completed.v1"]], [done["reward"]])
        self.assertEqual([event["subject"] for event in by_type["day.closed.v1"]], [payout["day"]])
        self.assertEqual(len(by_type["audit_log_record.created.v1"]), len(self.staff.logs()))
        self.assertEqual({event["subject"] for event in by_type["account.created.v1"]},
                         {person["id"] for person in self.people} | {self.staff.admin.account["id"]})
        for path in {event["dataschema"] for event in events}:
            self.node.client().send("GET", path).expect(200)

    def test_only_an_admin_reads_events(self):
        self.start_company()
        worker = self.staff.client(self.people[0])
        for path in ("/events", "/events/stream"):
            worker.get(path).expect(403)
            self.node.client().get(path).expect(401)

    def test_old_readers_get_the_first_version_beside_the_second(self):
        self.start_company(ATES_EVENTS_LEGACY_V1="true")
        self.staff.post_tasks(["[POPUG-7] - Tidy up", "Without an id"])
        events = [event for event in self.whole_log(8) if event["type"].startswith("task.created.")]
        self.assert_valid(events)
        titles = collections.defaultdict(dict)
        for event in events:
            titles[event["subject"]][event["type"]] = event["data"]["title"]
        self.assertEqual(sorted(map(sorted, (pair.items() for pair in titles.values()))), sorted([
            [("task.created.v1", "Without an id"), ("task.created.v2", "Without an id")],
            [("task.created.v1", "[POPUG-7] Tidy up"), ("task.created.v2", "Tidy up")]]))

    def test_a_stream_cut_fifty_times_gives_every_event_once_and_in_order(self):
        self.start_company()
        reader = self.node.admin()
        over = threading.Event()

        def work():
            number = 0
            while not over.is_set():
                self.staff.post_tasks([f"Task {number} {part}" for part in range(20)])
                number += 1

        got, last, cuts = [], None, 0
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            working = pool.submit(work)
            try:
                while cuts < CUTS:
                    stream = event_reader.Stream(reader, last=last)
                    self.assertEqual(stream.status, 200)
                    for cursor, _, event in stream:
                        got.append(event)
                        last = cursor
                        if len(got) % 61 == 0:  # in the middle of whatever is under way
                            break
                    stream.close()
                    cuts += 1
            finally:
                over.set()
            working.result()
        # An event of a fee may still be on its way when the last task is answered.
        made = len(self.staff.tasks())
        log = self.whole_log(4 * made + 4)
        stream = self.stream(reader, last=last)
        for _, _, event in stream:
            got.append(event)
            if len(got) >= len(log):
                break
        self.assertEqual(event_reader.names(got), event_reader.names(log))
        self.assertEqual(max(event_reader.names(got).values()), 1)
        self.assertEqual(event_reader.ids_by_key(got), event_reader.ids_by_key(log))
        self.assert_valid(got)

    def test_a_stream_goes_on_where_it_was_when_the_node_is_killed(self):
        self.start_company()
        reader = self.node.admin()
        self.staff.post_tasks(["Before"])
        events = self.whole_log(8)
        stream = self.stream(reader)
        got = []
        for cursor, _, event in stream:
            got.append(event)
            last = cursor
            if len(got) == len(events):
                break
        self.node.kill_daemon()
        with self.assertRaises((StopIteration, ConnectionError, http.client.HTTPException)):
            next(iter(stream))
        self.node.wait_ready()
        self.staff.post_tasks(["After"])
        log = self.whole_log(len(events) + 4)
        for _, _, event in self.stream(reader, last=last):
            got.append(event)
            if len(got) == len(log):
                break
        self.assertEqual(event_reader.names(got), event_reader.names(log))
        self.assertEqual(max(event_reader.names(got).values()), 1)

    def test_idle_streams_leave_requests_alone_and_one_too_many_is_refused(self):
        self.start_company(ATES_HTTP_MAX_STREAMS=str(IDLE_STREAMS))
        reader = self.node.admin()
        self.staff.post_tasks([f"Task {number}" for number in range(50)])
        with contextlib.ExitStack() as open_streams:
            streams = [open_streams.enter_context(contextlib.closing(event_reader.Stream(reader, "?after=now")))
                       for _ in range(IDLE_STREAMS)]
            self.assertEqual({stream.status for stream in streams}, {200})
            refused = reader.get("/events/stream?after=now")
            self.assertEqual((refused.expect(503)["code"], "Retry-After" in refused.headers), ("overloaded", True))
            # As many requests at once as there were threads before.
            with concurrent.futures.ThreadPoolExecutor(32) as pool:
                answers = list(pool.map(lambda _: one_request(reader, "/v1/tasks"), range(320)))
            self.assertEqual(set(answers), {200})
            self.staff.post_tasks(["For everybody"])
            for stream in streams:
                self.assertEqual(next(iter(stream))[2]["source"].split("/")[1:3], ["ates", "shards"])
        self.wait_until(lambda: len(self.metric("ates_http_streams ")) and self.metric("ates_http_streams ") == "0", 10,
                        "streams whose readers have left stay")
        self.assertEqual(self.stream(reader).status, 200)

    def metric(self, name):
        text = self.node.client().send("GET", "/metrics").body.decode()
        return next((line.removeprefix(name) for line in text.splitlines() if line.startswith(name)), "")

    def test_a_stream_ends_with_its_token(self):
        self.start_company()
        seal = tokens.Seal(self.node)
        client = self.node.client()
        client.token, client.token_ends_at = seal.token(self.staff.admin.account, life_s=3), time.monotonic() + 60
        heard = list(self.stream(client, "?after=now"))
        self.assertEqual(heard, [(None, "token_expired", {"code": "token_expired"})])

    def test_a_slow_reader_is_hung_up_on_and_memory_stays_bounded(self):
        self.start_company()
        reader = self.node.admin()
        slow = [self.stream(reader, "?after=now") for _ in range(10)]
        before = self.resident_mib()
        text = "x" * 9_000
        items = [{"title": f"Task {number}", "description": text} for number in range(500)]

        def enough():
            self.staff.admin.post("/tasks/batch", {"tasks": items}).expect(200)
            return self.node.metric('ates_http_streams_closed_total{why="slow"}') == len(slow)
        self.wait_until(enough, 60, "slow readers are kept")
        self.assertLess(max(now - then for now, then in zip(self.resident_mib(), before)), 128)
        for stream in slow:
            for _ in stream:
                pass  # what was on its way, and then the end

    def resident_mib(self):
        """Of each node."""
        texts = [pathlib.Path(f"/proc/{pid}/status").read_text() for pid in self.node.daemon_pids()]
        return [int(re.search(r"VmRSS:\s*(\d+)", text)[1]) / 1024 for text in texts]

    def test_the_consumer_of_the_documentation_counts_each_event_once_however_often_it_is_killed(self):
        self.start_company()
        counts = self.node.folder / "counts.sqlite"
        password = (self.node.var / "admin-password").read_text().strip()

        def consume():
            # Whoever runs tests in the background of a script ignores Ctrl-C, and would hand that down.
            return subprocess.Popen([CONSUMER, self.node.url, counts], stdout=subprocess.PIPE, text=True,
                                    env={**os.environ, "ATES_PASSWORD": password},
                                    preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

        for number in range(5):
            with consume() as consumer:
                self.staff.post_tasks([f"Task {number} {part}" for part in range(50)])
                consumer.stdout.readline()  # it has begun to count
                self.staff.post_tasks([f"Task {number} again {part}" for part in range(50)])
                consumer.send_signal(signal.SIGKILL)
        made = len(self.staff.tasks())
        self.whole_log(4 * made + 4)
        with consume() as consumer:
            said = {}
            # Its own signing in is an event, too: it has all when it has that.
            for line in consumer.stdout:
                said = json.loads(line)
                if said == collections.Counter(event["type"] for event in event_reader.walk(self.staff.admin)):
                    break
            consumer.send_signal(signal.SIGINT)
        self.assertEqual(said["task.created.v2"], made)
        self.assertEqual(consumer.returncode, 0)


def one_request(client, path):
    """Its status, on a connection of its own."""
    connection = http.client.HTTPConnection(client.address.netloc, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Authorization": f"Bearer {client.token}"})
        response = connection.getresponse()
        response.read()
        return response.status
