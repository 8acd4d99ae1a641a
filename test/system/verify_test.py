"""POST /ops/verify: a node checks the books while it serves, and finishes what it has begun, whatever dies meanwhile."""

import concurrent.futures
import http.client
import signal
import uuid

import company
import support
from ledger_lock import LedgerLock

DONE_LIMIT_S = 60
RUNNING_LIMIT_S = 20


class Verify(support.SystemTest):
    def setUp(self):
        self.staff = company.start(self)
        self.node, self.admin = self.staff.node, self.staff.admin
        self.worker = self.staff.hire("worker", 1)[0]
        self.tasks = self.staff.post_tasks([f"Task {n}" for n in range(20)])
        self.staff.settle(company.fees_of(self.tasks))

    def begin(self, key=None):
        """Its path, as POST answers it."""
        answer = self.admin.post("/ops/verify", key=key)
        answer.expect(202)
        self.assertTrue(answer.headers["Location"].startswith("/v1/ops/verifications/"))
        return answer.headers["Location"].removeprefix("/v1")

    def look(self, path):
        return self.admin.get(path).expect(200)

    def done(self, path):
        """What it has found, once it has. While a node starts, it answers 503 or not at all."""
        last = []

        def is_done():
            try:
                last[:] = [self.admin.get(path)]
            except (OSError, http.client.HTTPException) as error:
                last[:] = [error]
                return False
            return last[0].status == 200 and last[0].json["status"] == "done"
        self.wait_until(is_done, DONE_LIMIT_S, f"verification {path}: {last}")
        return last[0].json

    def wait_running(self, path):
        self.wait_until(lambda: self.look(path)["progress"] is not None, RUNNING_LIMIT_S, f"{path} runs")

    def test_the_books_of_a_company_are_right_and_counted(self):
        worker = self.staff.client(self.worker)
        worker.post(f"/tasks/{self.tasks[0]['id']}/complete").expect(200)
        self.staff.close_day()
        found = self.done(self.begin())
        self.assertEqual((found["differences"], found["difference_count"]), ([], 0))
        self.assertEqual(found["checked"]["tasks"], 20)
        for table in ("account", "transfer"):
            self.assertEqual(found["checked"][table + "s"], int(self.node.sql(f"select count(*) from {table}")))
        self.assertEqual(found["requested_by"], self.admin.account["id"])
        row = self.admin.all("/ops/audit")[0]
        self.assertEqual((row["action"], row["by"]), ("verify", self.admin.account["id"]))

    def test_a_damaged_balance_is_named(self):
        self.node.sql(f"update account set balance = balance + 100 where id = '{self.worker['id']}'")
        found = self.done(self.begin())
        balance = company.fees_of(self.tasks)[self.worker["id"]]
        self.assertIn({"what": "balance of an account", "id": self.worker["id"], "expected": str(balance),
                       "found": str(balance + 100)}, found["differences"])
        self.sign_in_atesctl()
        shown = self.node.atesctl("verify")
        self.assertEqual(shown.returncode, 1, shown.stderr)
        self.assertIn(f"balance of an account {self.worker['id']}: expected {balance}", shown.stdout)

    def sign_in_atesctl(self):
        password = (self.node.var / "admin-password").read_text().strip()
        self.assertEqual(self.node.atesctl("login", "admin", ATES_PASSWORD=password).returncode, 0)

    def test_atesctl_asks_the_node_it_is_signed_in_at(self):
        self.sign_in_atesctl()
        shown = self.node.atesctl("verify")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn("no differences: the books are right", shown.stdout)
        self.assertEqual(len(self.admin.all("/ops/audit")), 1)

    def test_many_requests_with_one_key_are_one_verification(self):
        key = str(uuid.uuid4())
        admins = [self.node.admin() for _ in range(8)]
        with concurrent.futures.ThreadPoolExecutor(len(admins)) as pool:
            answers = list(pool.map(lambda admin: admin.post("/ops/verify", key=key), admins))
        self.assertEqual({answer.status for answer in answers}, {202})
        self.assertEqual(len({answer.body for answer in answers}), 1)
        [path] = {answer.headers["Location"] for answer in answers}
        self.assertEqual([answer.headers["Idempotent-Replayed"] for answer in answers].count("true"), len(answers) - 1)
        self.done(path.removeprefix("/v1"))
        self.assertEqual(self.node.sql("select count(*) from verification"), "1")

    def test_only_admins_ask_and_an_unknown_one_is_not_found(self):
        for role in ("manager", "accountant", "worker"):
            client = self.staff.client(self.staff.hire(role)[0])
            client.post("/ops/verify").expect(403)
            client.get(f"/ops/verifications/{uuid.uuid4()}").expect(403)
        self.admin.get(f"/ops/verifications/{uuid.uuid4()}").expect(404)
        self.node.client().post("/ops/verify").expect(401)

    def test_one_whose_node_is_killed_is_done_after_the_restart(self):
        with LedgerLock(self.node):
            path = self.begin()
            self.wait_running(path)
            self.node.kill_daemon()
        self.node.wait_ready()
        self.assertEqual(self.done(path)["differences"], [])

    def test_a_stop_does_not_wait_for_one_that_runs_and_the_next_start_finishes_it(self):
        with LedgerLock(self.node):
            path = self.begin()
            self.wait_running(path)
            self.assertEqual(self.look(path)["status"], "running")
            self.node.stop(signal.SIGTERM)  # insists on the contract's 10 s and on exit code 0
        self.assertNotIn("took too long", self.node.daemon_log())
        self.node.start()
        self.admin = self.node.admin()
        self.assertEqual(self.done(path)["differences"], [])

    def test_one_survives_the_death_of_postgresql(self):
        with LedgerLock(self.node):
            path = self.begin()
            self.wait_running(path)
            self.node.kill_postmaster()
        self.assertEqual(self.done(path)["differences"], [])
