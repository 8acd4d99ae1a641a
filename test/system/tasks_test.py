"""Creating and completing tasks: who is charged, who is paid, and that nobody ever is twice."""

import collections
import threading
import time

import company
import support


class Creating(support.SystemTest):
    def test_a_new_task_is_parsed_priced_given_to_somebody_and_charged(self):
        staff = company.start(self)
        staff.hire("worker")
        manager = staff.client(staff.hire("manager")[0])
        written = {"title": " [PAR-7] -  Mend the “roof” ", "description": " two\nlines [sic] "}
        made = manager.post("/tasks", written)
        task = made.expect(201)
        self.assertEqual(made.headers["Location"], f"/v1/tasks/{task['id']}")
        self.assertEqual(task, {
            "id": task["id"], "title": "Mend the “roof”", "jira_id": "PAR-7", "description": "two\nlines [sic]",
            "status": "open", "assignee": {"id": staff.assignable_ids()[0], "name": staff.people[0]["name"]},
            "fee": task["fee"], "reward": task["reward"], "created_by": manager.account["id"],
            "created_at": task["created_at"], "assigned_at": task["created_at"], "completed_at": None,
            "version": 1, "external_ref": None})
        self.assertEqual(manager.get(f"/tasks/{task['id']}").expect(200), task)
        staff.settle(company.fees_of([task]))
        entry = staff.log(task["assignee"]["id"])[0]
        self.assertEqual(entry, {
            "id": entry["id"], "at": entry["at"], "day": entry["day"], "kind": "assignment_fee", "amount": -task["fee"],
            "balance_after": -task["fee"], "reason": "created", "shuffle_id": None,
            "task": {key: task[key] for key in ("id", "title", "jira_id", "description")}})
        self.assertEqual(manager.get("/tasks", jira_id="PAR-7").expect(200)["data"], [task])
        self.assertEqual(manager.get("/tasks", q="“roof”").expect(200)["data"], [task])
        self.assertEqual(manager.get("/tasks", jira_id="PAR-8").expect(200)["data"], [])
        staff.node.verify()

    def test_a_known_external_ref_is_the_task_that_there_is(self):
        staff = company.start(self)
        worker = staff.client(staff.hire("worker")[0])
        item = {"title": "Only once", "external_ref": "tracker/1"}
        first = staff.admin.post("/tasks", item).expect(201)
        self.assertEqual(first["external_ref"], "tracker/1")
        # Whoever asks, with whatever key, one by one or in a batch.
        self.assertEqual(staff.admin.post("/tasks", item).expect(200), first)
        self.assertEqual(worker.post("/tasks", item).expect(200), first)
        batch = {"tasks": [item, {**item, "external_ref": "tracker/2"}, {**item, "external_ref": "tracker/2"},
                           {"title": "[x]", "external_ref": "tracker/3"}]}
        results = worker.post("/tasks/batch", batch).expect(200)["results"]
        self.assertEqual(sorted(result["status"] for result in results[1:3]), [200, 201])  # either may be the first
        self.assertEqual((results[0]["status"], results[3]["status"]), (200, 422))
        self.assertEqual(results[0]["task"], first)
        self.assertEqual(results[1]["task"], results[2]["task"])
        self.assertEqual(results[3]["problem"]["errors"][0]["pointer"], "/tasks/3/title")
        worker.post(f"/tasks/{first['id']}/complete").expect(200)
        self.assertEqual(worker.post("/tasks", item).expect(200)["status"], "done")
        self.assertEqual(len(staff.tasks()), 2)
        staff.node.verify()


class Completing(support.SystemTest):
    def test_only_the_assignee_completes_a_task_and_is_paid_once(self):
        staff = company.start(self)
        ada, grace = staff.hire("worker", 2)
        task = staff.task_of(ada)
        at_ada, at_grace = staff.clients([ada, grace])
        path = f"/tasks/{task['id']}/complete"
        owed = company.fees_of(staff.tasks().values())
        for other in (at_grace, staff.admin):
            self.assertEqual(other.post(path).expect(409)["code"], "not_assignee")
        self.assertEqual(staff.admin.get(f"/tasks/{task['id']}").expect(200), task)
        staff.settle(owed)

        done = at_ada.post(path).expect(200)
        self.assertEqual(done, {**task, "status": "done", "completed_at": done["completed_at"],
                                "version": task["version"] + 1})
        owed[ada["id"]] += task["reward"]
        staff.settle(owed)
        self.assertEqual(at_ada.post(path).expect(200), done)
        for other in (at_grace, staff.admin):
            self.assertEqual(other.post(path).expect(409)["code"], "already_done")
        self.assertEqual(at_ada.get(f"/tasks/{task['id']}").expect(200), done)
        rewards = [entry for entry in staff.logs() if entry["kind"] == "completion_reward"]
        self.assertEqual([(entry["account_id"], entry["amount"], entry["task"]["id"]) for entry in rewards],
                         [(ada["id"], task["reward"], task["id"])])
        staff.settle(owed)
        staff.node.verify()

    def test_many_completing_one_task_at_the_same_time_are_paid_once(self):
        staff = company.start(self)
        ada = staff.hire("worker")[0]
        tasks = staff.post_tasks([f"Task {number}" for number in range(40)])
        clients = staff.clients([ada] * 6)
        together = threading.Barrier(len(clients))

        def complete_all(client):
            for task in tasks:
                together.wait()
                client.post(f"/tasks/{task['id']}/complete").expect(200)
        in_threads([lambda client=client: complete_all(client) for client in clients])
        staff.settle({ada["id"]: sum(task["reward"] - task["fee"] for task in tasks)})
        staff.node.verify()

    def test_12_employees_racing_two_shuffles_are_paid_or_lose_the_task_never_both(self):
        staff = company.start(self)
        staff.hire("worker", 9)
        staff.hire("accountant", 3)
        tasks = {task["id"]: task for task in staff.post_tasks([f"Task {number}" for number in range(1200)])}
        clients = staff.clients(staff.people)
        answers = collections.defaultdict(list)  # task id -> [(account id, status, code)]
        runs, enough = [], threading.Event()

        def work(client):
            """Completes what it had before the runs, without looking again; then, once, what it has by then."""
            me = client.account["id"]
            for _ in range(2):
                for task in client.all("/tasks", assignee="me", status="open"):
                    if enough.is_set() and task["id"] not in last_ones:
                        continue
                    answer = client.post(f"/tasks/{task['id']}/complete")
                    answers[task["id"]].append((me, answer.status, answer.json.get("code")))
                enough.wait()

        def shuffle_twice():
            try:
                for share in (0.1, 0.3):
                    assert support.processes.wait_until(lambda: len(answers) >= share * len(tasks), 30)
                    runs.append(staff.admin.post("/tasks/assign").expect(202))
                runs[:] = [staff.finished(run["id"]) for run in runs]
            finally:
                enough.set()
        last_ones = set(list(tasks)[::2])  # in the end some are open
        in_threads([shuffle_twice, *[lambda client=client: work(client) for client in clients]])
        self.check_answers(staff, answers)
        self.check_race(staff, tasks, runs, answers)
        staff.node.verify()

    def check_answers(self, staff, answers):
        said = collections.Counter((status, code) for of_task in answers.values() for _, status, code in of_task)
        self.assertLessEqual(set(said), {(200, None), (409, "not_assignee"), (409, "already_done")})
        self.assertGreater(said[200, None], 0)
        self.assertGreater(said[409, "not_assignee"], 0, "no race: nobody lost a task")

    def check_race(self, staff, tasks, runs, answers):
        now = staff.tasks()
        done = {key for key, task in now.items() if task["status"] == "done"}
        self.assertTrue(0 < len(done) < len(tasks), f"{len(done)} done")
        paid_to = {key: [who for who, status, _ in of_task if status == 200] for key, of_task in answers.items()}
        self.assertEqual({key: [now[key]["assignee"]["id"]] for key in done},
                         {key: who for key, who in paid_to.items() if who})
        owed, logs = self.settled_logs(staff, now)
        rewarded = [(entry["task"]["id"], [entry["account_id"]], entry["amount"])
                    for entry in logs if entry["kind"] == "completion_reward"]
        self.assertEqual(sorted(rewarded), sorted((key, paid_to[key], tasks[key]["reward"]) for key in done))
        self.check_fees(runs, now, logs)
        staff.settle(owed)

    def settled_logs(self, staff, now):
        """All entries, when there is a reward for each done task; and the balances that they make."""
        deadline = time.monotonic() + company.POSTING_LIMIT_S
        while True:
            asked, logs, owed = time.monotonic(), staff.logs(), collections.Counter()
            for entry in logs:
                owed[entry["account_id"]] += entry["amount"]
            if sum(entry["kind"] == "completion_reward" for entry in logs) >= sum(
                    task["status"] == "done" for task in now.values()) or asked > deadline:
                return owed, logs

    def check_fees(self, runs, now, logs):
        """One fee at creation and one in each run that met the task open; the last one was charged to who has it."""
        charged = collections.defaultdict(dict)  # task id -> {run id or None: account id}
        for entry in logs:
            if entry["kind"] == "assignment_fee":
                of_task = charged[entry["task"]["id"]]
                self.assertNotIn(entry["shuffle_id"], of_task, "charged twice in one run")
                self.assertEqual(-entry["amount"], now[entry["task"]["id"]]["fee"])
                of_task[entry["shuffle_id"]] = entry["account_id"]
        order = [None, *[run["id"] for run in sorted(runs, key=lambda run: company.instant(run["started_at"]))]]
        for key, task in now.items():
            met = [run for run in order if run in charged[key]]
            self.assertEqual(met, order[:len(met)], "a run has passed over an open task")
            self.assertEqual(charged[key][met[-1]], task["assignee"]["id"])
            if task["status"] == "open":
                self.assertEqual(met, order)
        for run in runs:
            self.assertEqual(run["status"], "done")
            self.assertEqual(run["reassigned"], sum(run["id"] in of_task for of_task in charged.values()))
            self.assertLessEqual(run["reassigned"], run["open_tasks"])


def in_threads(works):
    """Runs all at the same time; raises what the first of them raises."""
    faults = []

    def guarded(work):
        try:
            work()
        except BaseException as fault:  # noqa: BLE001: it is raised again below
            faults.append(fault)
    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]


class Editing(support.SystemTest):
    def history(self, client, task):
        return client.all(f"/tasks/{task['id']}/history", limit=2)

    def test_an_edit_changes_the_words_counts_a_version_and_is_told_in_the_history(self):
        staff = company.start(self)
        worker, = staff.hire("worker")
        manager, = staff.hire("manager")
        at_worker, at_manager = staff.clients([worker, manager])
        task = at_worker.post("/tasks", {"title": "[PAR-7] Mend the roof", "description": "soon"}).expect(201)
        path = f"/tasks/{task['id']}"
        edited = at_manager.patch(path, {"title": "Mend the “wall”", "description": None}).expect(200)
        self.assertEqual(edited, {**task, "title": "Mend the “wall”", "description": "", "version": 2})
        moved = at_worker.patch(path, {"title": "[PAR-8] - Mend it"}).expect(200)
        self.assertEqual(moved, {**edited, "title": "Mend it", "jira_id": "PAR-8", "version": 3})
        for nothing in ({}, {"title": "Mend it"}, {"jira_id": "PAR-8", "description": ""}, None):
            self.assertEqual(at_worker.patch(path, nothing).expect(200), moved)
        self.assertEqual(at_worker.get(path).expect(200), moved)
        self.assertEqual(at_worker.get("/tasks", q="mend it").expect(200)["data"], [moved])
        self.assertEqual(at_worker.get("/tasks", jira_id="PAR-7").expect(200)["data"], [])
        run = staff.shuffle()
        done = at_worker.post(f"{path}/complete").expect(200)
        self.assertEqual((done["version"], done["title"], done["fee"], done["reward"]),
                         (5, "Mend it", task["fee"], task["reward"]))
        self.assertEqual(at_manager.patch(path, {"title": "Late"}).expect(409)["code"], "already_done")
        self.assertEqual(at_worker.patch(path, {"title": "Mend it"}).expect(409)["code"], "already_done")

        def told(what, who, **more):
            return {"what": what, "account": {"id": who["id"], "name": who["name"]},
                    "reason": None, "shuffle_id": None, "fee": None, **more}
        history = self.history(at_worker, task)
        self.assertEqual([{key: value for key, value in change.items() if key != "at"} for change in history], [
            told("completed", worker), told("assigned", worker, reason="shuffled", shuffle_id=run["id"], fee=task["fee"]),
            told("edited", worker), told("edited", manager),
            told("assigned", worker, reason="created", fee=task["fee"]), told("created", worker)])
        times = [change["at"] for change in history]
        self.assertEqual(times, sorted(times, reverse=True))
        self.assertEqual((times[-1], times[0]), (task["created_at"], done["completed_at"]))
        staff.node.verify()

    def test_an_edit_that_was_answered_survives_a_killed_daemon(self):
        staff = company.start(self)
        staff.hire("worker")
        task = staff.post_tasks(["Mend the roof"])[0]
        for number in range(20):
            edited = staff.admin.patch(f"/tasks/{task['id']}", {"title": f"Mend wall {number}"}).expect(200)
        staff.node.kill_daemon()
        self.wait_until(lambda: staff.node.ready_status() == 200, 30, "not back")
        self.assertEqual(staff.admin.get(f"/tasks/{task['id']}").expect(200), edited)
        self.assertEqual(len(self.history(staff.admin, task)), 22)
        staff.node.verify()

    def test_edits_shuffles_and_completions_of_the_same_tasks_do_not_disturb_each_other(self):
        staff = company.start(self)
        people = staff.hire("worker", 2)
        tasks = staff.post_tasks([f"Task {number}" for number in range(40)])
        clients = staff.clients(people)
        answers = collections.Counter()

        def edit(client):
            for number in range(5):
                for task in tasks:
                    answers[client.patch(f"/tasks/{task['id']}", {"description": f"try {number}"}).status] += 1
        editors = [threading.Thread(target=edit, args=(staff.node.admin(),)) for _ in range(2)]
        for editor in editors:
            editor.start()
        runs = [staff.shuffle() for _ in range(3)]
        for client in clients:
            for task in client.all("/tasks", assignee="me", status="open"):
                client.post(f"/tasks/{task['id']}/complete").expect(200)
        for editor in editors:
            editor.join()
        self.assertLessEqual(set(answers), {200, 409})
        self.assertEqual(sum(answers.values()), 2 * 5 * len(tasks))
        self.assertEqual([run["reassigned"] for run in runs], [len(tasks)] * 3)
        for task in staff.tasks().values():
            changes = collections.Counter(change["what"] for change in self.history(staff.admin, task))
            self.assertEqual((changes["created"], changes["assigned"], changes["completed"]), (1, 4, 1))
            self.assertEqual(task["version"], 4 + 1 + changes["edited"])
        staff.node.verify()

    def test_only_admins_managers_and_whoever_made_it_edit_a_task(self):
        staff = company.start(self)
        ada, grace, clerk = staff.hire("worker", 2) + staff.hire("accountant")
        at_ada, at_grace, at_clerk = staff.clients([ada, grace, clerk])
        task = at_ada.post("/tasks", {"title": "Mine"}).expect(201)
        for other in (at_grace, at_clerk):
            self.assertEqual(other.patch(f"/tasks/{task['id']}", {"nonsense": 1}).expect(403)["code"], "forbidden")
        at_ada.patch(f"/tasks/{task['id']}", {"title": "Still mine"}).expect(200)
        for nowhere in ("00000000-0000-4000-8000-000000000000", "nonsense"):
            self.assertEqual(at_grace.patch(f"/tasks/{nowhere}", {}).expect(404)["code"], "not_found")
            self.assertEqual(at_grace.get(f"/tasks/{nowhere}/history").expect(404)["code"], "not_found")
