"""Looking into a node and operating it: the cluster of one, its shards and actors, the audit."""

import company
import support

SUPERVISORS = {"directory", "shuffle", "payout"}


class Inspect(support.SystemTest):
    def setUp(self):
        self.staff = company.start(self)
        self.node, self.admin = self.staff.node, self.staff.admin

    def at_rest(self):
        """Whether nothing waits anywhere."""
        shards = self.admin.all("/cluster/shards")
        return all(s["state"] == "serving" and s["queue_depth"] == s["gate_depth"] == s["lag"] == 0 for s in shards)

    def test_the_cluster_shards_and_actors_agree_with_what_happened(self):
        worker = self.staff.hire("worker", 1)[0]
        tasks = self.staff.post_tasks([f"Task {n}" for n in range(120)])
        self.staff.client(worker).post(f"/tasks/{tasks[0]['id']}/complete").expect(200)
        self.wait_until(self.at_rest, 10, "nothing waits any more")

        cluster = self.admin.get("/cluster").expect(200)
        self.assertEqual(cluster["shards_total"], 64)
        (node,) = cluster["nodes"]
        self.assertEqual((node["state"], node["stale"], node["shards"]), ("serving", False, 64))
        self.assertEqual(set(node["holds"]), SUPERVISORS)
        self.assertEqual(node["pid"], self.node.daemon_pid())

        shards = self.admin.all("/cluster/shards", limit=7)
        self.assertEqual([s["shard"] for s in shards], list(range(64)))
        self.assertEqual({s["owner"] for s in shards}, {node["name"]})
        logged = dict(line.split("|") for line in
                      self.node.sql("select shard, max(seq) from event group by shard").splitlines())
        self.assertEqual({s["shard"]: s["last_seq"] for s in shards},
                         {n: int(logged.get(str(n), 0)) for n in range(64)})

        for parameters in ({}, {"sort": "messages"}, {"sort": "age"}, {"sort": "mailbox"}):
            actors = self.admin.all("/actors", limit=17, **parameters)
            ids = [a["id"] for a in actors]
            self.assertEqual(len(ids), len(set(ids)), parameters)
            self.assertLessEqual({t["id"] for t in tasks} | {worker["id"]}, set(ids))
            self.assertLessEqual(SUPERVISORS, {a["kind"] for a in actors})
            self.assertEqual(sum(s["active_actors"] for s in self.admin.all("/cluster/shards")), len(ids))
        busiest = self.admin.get("/actors", sort="messages", limit=1).expect(200)["data"][0]
        self.assertEqual(busiest["id"], worker["id"])

    def test_one_actor_is_shown_in_memory_and_passive(self):
        self.staff.hire("worker", 1)
        task = self.staff.post_tasks(["Tidy up"])[0]
        actor = self.admin.get(f"/actors/task/{task['id']}").expect(200)
        self.assertEqual((actor["state"], actor["version"], actor["durable_version"]), ("active", 1, 1))
        self.assertEqual((actor["value"]["title"], actor["value"]["status"]), ("Tidy up", "open"))
        self.assertEqual(actor["recent"][0]["kind"], "create_task")
        self.node.kill_daemon()
        self.node.wait_ready()
        actor = self.admin.get(f"/actors/task/{task['id']}").expect(200)
        self.assertEqual((actor["state"], actor["value"]["title"]), ("passive", "Tidy up"))
        self.admin.get("/actors/task/ffffffff-ffff-4fff-bfff-ffffffffffff").expect(404)
        shown = self.node.atesctl("actor", "task", task["id"])
        self.assertEqual(shown.returncode, 3)  # atesctl has not signed in
        self.assertIn("login", shown.stderr)

    def test_the_last_node_is_not_drained_and_the_audit_remembers_who_tried(self):
        password = (self.node.var / "admin-password").read_text().strip()
        self.assertEqual(self.node.atesctl("login", "admin", ATES_PASSWORD=password).returncode, 0)
        name = self.admin.get("/cluster").expect(200)["nodes"][0]["name"]
        for path, body, status in ((f"nodes/{name}/drain", {"reason": "r"}, 503),
                                   (f"nodes/{name}/drain", {}, 422),
                                   ("nodes/nobody/drain", {"reason": "r"}, 404),
                                   ("shards/64/move", {"reason": "r", "to": name}, 404),
                                   ("shards/63/move", {"reason": "r", "to": name, "dry_run": True}, 200),
                                   ("shards/63/move", {"reason": "r", "to": name}, 202)):
            self.admin.post(f"/cluster/{path}", body).expect(status)
        audit = self.admin.all("/ops/audit")
        self.assertEqual([row["result"]["status"] for row in audit], [202, 200, 404, 404, 422, 503])
        self.assertEqual({row["by"] for row in audit}, {self.admin.account["id"]})
        self.assertEqual([row["dry_run"] for row in audit], [False, True, False, False, False, False])
        for words in (("nodes",), ("shards",), ("actors",), ("audit",), ("actor", "directory",
                      "00000000-0000-0000-0000-000000000003")):
            self.assertEqual(self.node.atesctl(*words).returncode, 0, words)
        refused = self.node.atesctl("drain", "nobody", "--reason", "r")
        self.assertEqual(refused.returncode, 4, refused.stderr)

    def test_the_metrics_tell_what_the_node_holds(self):
        text = self.node.client().send("GET", "/metrics").body.decode()
        values = dict(line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        self.assertEqual(float(values["ates_leases_held"]), 64)
        self.assertEqual(float(values["ates_links_up"]), 0)
        for name in ("ates_fence_refusals_total", "ates_journal_batches_total", "ates_gate_depth",
                     "ates_queue_depth", "ates_inbox_lag", "ates_inbox_gaps_total", "ates_shard_moves_total",
                     "ates_shard_take_overs_total"):
            self.assertIn(name, values)
