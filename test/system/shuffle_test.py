"""Pressing "assign tasks": every open task is drawn anew, run after run, by a formula that anybody can recompute."""

import collections
import concurrent.futures
import threading

import company
import support


class Shuffle(support.SystemTest):
    def start_company(self, workers, titles):
        staff = company.start(self)
        staff.hire("manager", 2)
        staff.hire("accountant", 2)
        staff.hire("worker", workers)
        return staff, {task["id"]: task for task in staff.post_tasks(titles)}

    def test_three_presses_at_once_make_three_runs_one_after_another(self):
        staff, tasks = self.start_company(workers=20, titles=[f"Task {number}" for number in range(1500)])
        runs = [staff.finished(answer["id"]) for answer in self.press_at_once(staff)]
        logs = staff.logs()  # a run that is done has posted everything it causes
        runs.sort(key=lambda run: company.instant(run["started_at"]))
        self.assertEqual(len({run["id"] for run in runs}), 3)
        self.assertEqual(len({run["seed"] for run in runs}), 3)
        for run, following in zip(runs, runs[1:]):
            self.assertLessEqual(company.instant(run["finished_at"]), company.instant(following["started_at"]))
        for run in runs:
            self.assertEqual((run["status"], run["open_tasks"], run["reassigned"]), ("done", len(tasks), len(tasks)))
            self.check_draw(staff, run, tasks, logs)
        self.check_assignees(staff, runs[-1], logs)
        self.check_listed(staff, runs)
        staff.node.verify()

    def press_at_once(self, staff):
        clients = [staff.node.admin(), *staff.clients([who for who in staff.people if who["role"] == "manager"])]
        together = threading.Barrier(len(clients))

        def press(client):
            together.wait()
            answer = client.post("/tasks/assign")
            run = answer.expect(202)
            self.assertEqual(answer.headers["Location"], f"/v1/shuffles/{run['id']}")
            self.assertEqual(run["requested_by"], client.account["id"])
            return run
        with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
            return list(pool.map(press, clients))

    def check_draw(self, staff, run, tasks, logs):
        """The run has charged each task's fee once, to the account that the formula gives."""
        roster = staff.admin.all(f"/shuffles/{run['id']}/roster", limit=7)
        self.assertEqual(roster, sorted(roster))
        self.assertLessEqual(set(roster), set(staff.assignable_ids()))
        charged = {}
        for entry in logs:
            if entry["shuffle_id"] == run["id"]:
                self.assertEqual((entry["kind"], entry["reason"]), ("assignment_fee", "shuffled"))
                self.assertNotIn(entry["task"]["id"], charged)
                charged[entry["task"]["id"]] = (entry["account_id"], entry["amount"])
        self.assertEqual(charged, {key: (company.drawn(run["seed"], key, roster), -task["fee"])
                                   for key, task in tasks.items()})

    def check_assignees(self, staff, last_run, logs):
        """Tasks lie where the last run has put them; the rest of every log are the fees of creation."""
        roster = staff.admin.all(f"/shuffles/{last_run['id']}/roster")
        tasks = staff.tasks()
        for key, task in tasks.items():
            self.assertEqual(task["assignee"]["id"], company.drawn(last_run["seed"], key, roster))
            self.assertEqual(task["status"], "open")
        created = [entry["task"]["id"] for entry in logs if entry["shuffle_id"] is None]
        self.assertEqual(sorted(created), sorted(tasks))
        owed = collections.Counter()
        for entry in logs:
            owed[entry["account_id"]] += entry["amount"]
            self.assertEqual(entry["balance_after"], owed[entry["account_id"]])
        self.assertEqual(sum(owed.values()), -4 * sum(task["fee"] for task in tasks.values()))
        staff.settle(owed)

    def check_listed(self, staff, runs):
        self.assertEqual(staff.admin.all("/shuffles", limit=2), runs[::-1])
        for run in runs:
            self.assertEqual(staff.admin.get(f"/shuffles/{run['id']}").expect(200), run)

    def test_over_50_runs_everybody_is_drawn_and_nobody_is_favoured(self):
        staff, tasks = self.start_company(workers=9, titles=[f"Task {number}" for number in range(60)])
        everybody = staff.assignable_ids()
        # Who was hired less than 5 s ago may still be left out.
        self.wait_until(lambda: self.roster_of(staff, staff.shuffle()) == everybody, 10, "somebody is never drawn")
        pressed = [staff.admin.post("/tasks/assign").expect(202) for _ in range(50)]
        runs = {run["id"]: staff.finished(run["id"]) for run in pressed}
        self.assertEqual({run["reassigned"] for run in runs.values()}, {len(tasks)})
        logs = [entry for entry in staff.logs() if entry["shuffle_id"] in runs]
        self.assertEqual(len(logs), 50 * len(tasks))
        by_account = collections.Counter({owner: 0 for owner in everybody})
        by_account.update(entry["account_id"] for entry in logs)
        self.assertEqual(sorted(by_account), everybody)
        self.assertGreater(min(by_account.values()), 0)
        self.assertGreater(company.chance_of(by_account.values()), 1e-6, by_account)
        self.check_independence(everybody, runs, logs)
        staff.node.verify()

    def roster_of(self, staff, run):
        return staff.admin.all(f"/shuffles/{run['id']}/roster")

    def check_independence(self, everybody, runs, logs):
        """Where a task goes says nothing about where it goes in the next run."""
        places = {(entry["shuffle_id"], entry["task"]["id"]): everybody.index(entry["account_id"]) for entry in logs}
        order = sorted(runs, key=lambda key: company.instant(runs[key]["started_at"]))
        steps = collections.Counter({step: 0 for step in range(len(everybody))})
        for run, following in zip(order, order[1:]):
            for (of_run, task), place in places.items():
                if of_run == run:
                    steps[(places[following, task] - place) % len(everybody)] += 1
        self.assertGreater(company.chance_of(steps.values()), 1e-6, steps)

    def test_a_run_leaves_done_tasks_alone(self):
        staff, _ = self.start_company(workers=1, titles=["Task 1", "Task 2", "Task 3"])
        worker = staff.people[-1]
        task = staff.task_of(worker)
        done = staff.client(worker).post(f"/tasks/{task['id']}/complete").expect(200)
        run = staff.shuffle()
        self.assertEqual(run["open_tasks"], len(staff.tasks(status="open")))
        self.assertEqual(run["reassigned"], run["open_tasks"])
        self.assertEqual(staff.tasks(status="done"), {done["id"]: done})

    def test_with_nobody_to_give_tasks_to_nothing_is_stored(self):
        staff = company.start(self)
        for role in ("manager", "admin"):
            staff.hire(role)
        for client in (staff.admin, staff.client(staff.people[0])):
            for path, body in (("/tasks", {"title": "For nobody"}), ("/tasks/assign", None)):
                self.assertEqual(client.post(path, body).expect(409)["code"], "no_assignable_account")
        results = staff.admin.post("/tasks/batch", {"tasks": [{"title": "For nobody"}]}).expect(200)["results"]
        self.assertEqual((results[0]["status"], results[0]["problem"]["code"]), (409, "no_assignable_account"))
        self.assertEqual(staff.tasks(), {})
        self.assertEqual(staff.admin.all("/shuffles"), [])
        staff.hire("worker")
        self.wait_until(lambda: staff.admin.post("/tasks", {"title": "For somebody"}).status == 201, 5, "still nobody")
        self.assertEqual(staff.shuffle()["reassigned"], 1)
