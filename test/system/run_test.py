"""scripts/run, as a person at a terminal meets it."""

import os
import pathlib
import signal
import subprocess
import tempfile
import unittest

import support

PERSON = {"name": "Ada Lovelace", "login": "ada", "email": "ada@example.org", "role": "worker"}


class Run(support.SystemTest):
    def test_a_fresh_node_gets_ready_and_says_where_to_go(self):
        node = self.start_node(from_nothing=True)
        self.assertEqual(node.ready_status(), 200)
        password = node.var / "admin-password"
        self.assertIn(f"password in {password}", node.said())
        self.assertEqual(password.stat().st_mode & 0o077, 0)
        self.assertEqual(node.admin().get("/me").expect(200)["role"], "admin")
        self.assertTrue((node.var / "log" / "atesd.log").exists())
        self.assertIn(f"--var {node.var}", " ".join(support.processes.command_line(node.daemon_pid())))

    def test_it_stops_in_time_leaves_nothing_and_comes_back_with_everything(self):
        node = self.start_node()
        made = node.admin().post("/employees", PERSON).expect(201)
        socket_folder = (node.var / "run" / "socket-directory").read_text().strip()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            node.stop(number)
            self.assertEqual(node.processes(), [])
            self.assertFalse(os.path.exists(socket_folder))
            node.start()
            socket_folder = (node.var / "run" / "socket-directory").read_text().strip()
            self.assertEqual(node.admin().get(f"/employees/{made['id']}").expect(200)["name"], PERSON["name"])

    def test_a_second_run_on_the_same_folder_is_refused(self):
        node = self.start_node()
        second = subprocess.run([support.ROOT / "scripts" / "run", "--no-build", "--var", node.var, "--port", "0"],
                                capture_output=True, text=True)
        self.assertEqual(second.returncode, 1)
        self.assertIn("already running", second.stderr)
        self.assertEqual(node.ready_status(), 200)

    def test_what_is_killed_is_started_again(self):
        node = self.start_node()
        for pid_of, kill in ((node.daemon_pid, node.kill_daemon), (node.postmaster_pid, node.kill_postmaster)):
            old = pid_of()
            kill()
            self.wait_until(lambda: self._is_new(pid_of, old), support.START_LIMIT_S,
                            f"{kill.__name__}: not started again:\n{node.said()}")
            node.wait_ready()
            node.admin().get("/me").expect(200)

    def _is_new(self, pid_of, old):
        try:
            return pid_of() != old
        except (OSError, ValueError):
            return False

    def test_a_killed_supervisor_leaves_nothing_running_and_the_next_one_starts(self):
        node = self.start_node()
        node.kill_supervisor()
        self.wait_until(lambda: node.processes() == [], 10, "processes outlived their supervisor")
        node.start()
        node.admin().get("/me").expect(200)

    def test_a_setting_that_cannot_be_used_ends_it_with_the_reason(self):
        node = self.make_node(environment={"ATES_EXCHANGE_TIMEZONE": "Nowhere/Land"}).start(wait=False)
        self.assertEqual(node.runner.wait(support.START_LIMIT_S), 1)
        self.assertIn("exchange.timezone", node.said())

    @unittest.skipUnless(os.geteuid() == 0, "only as root does PostgreSQL run as somebody else")
    def test_as_root_a_folder_that_postgres_cannot_reach_is_no_obstacle(self):
        node = self.make_node(folder_mode=0o700, from_nothing=True).start()
        data = node.var / "pg"
        self.assertTrue(data.is_symlink())
        self.assertTrue(str(data.resolve()).startswith("/var/lib/ates/"))
        made = node.admin().post("/employees", PERSON).expect(201)
        node.stop()
        node.start()
        node.admin().get(f"/employees/{made['id']}").expect(200)

    @unittest.skipUnless(os.geteuid() == 0, "only root could get this wrong")
    def test_postgres_never_runs_as_root(self):
        node = self.start_node(from_nothing=True)
        owners = {pathlib.Path("/proc", str(pid)).stat().st_uid
                  for pid in support.processes.find("postgres", working_directory=node.var / "pg")}
        self.assertNotIn(0, owners)

    def test_the_demo_is_loaded_once(self):
        node = self.make_node(options=["--demo"]).start()
        for _ in range(2):
            self.wait_until(lambda: "demo is loaded" in node.said() or "demo failed" in node.said(), 60, "no demo")
            self.assertIn("demo is loaded", node.said())
            admin = node.admin()
            self.assertEqual(len(admin.all("/employees")), 21)
            self.assertEqual(len(admin.all("/tasks")), 140)
            node.stop()
            node.start()


class ForeignDatabase(support.SystemTest):
    def test_it_is_used_and_waited_for_and_never_touched(self):
        database = self.make_postgres()
        database.tell("stop")
        node = self.make_node(environment={"ATES_DATABASE_URL": database.url()}).start(wait=False)
        self.wait_until(lambda: "Waiting for PostgreSQL" in node.said(), 10, "no word about waiting")
        database.tell("start")
        node.wait_started()
        self.assertFalse((node.var / "pg").exists())
        pid = node.daemon_pid()
        database.tell("stop")
        self.wait_until(lambda: node.ready_status() == 503, 10, "ready without a database")
        self.assertEqual(node.ready_status("/livez"), 200)
        database.tell("start")
        node.wait_ready(30)
        self.assertEqual(node.daemon_pid(), pid)
        node.stop()
        database.tell("stop")  # fails if somebody else has stopped it


class CommandLine(unittest.TestCase):
    def run_script(self, *words):
        return subprocess.run([support.ROOT / "scripts" / "run", *words], capture_output=True, text=True)

    def test_help_explains_every_option(self):
        shown = self.run_script("--help")
        self.assertEqual(shown.returncode, 0)
        for option in ("--port", "--var", "--no-build", "--demo"):
            self.assertIn(option, shown.stdout)

    def test_wrong_usage_is_refused(self):
        for words in (["--prot", "1"], ["--port"], ["--port", "x"], ["--port", "65536"], ["--var"], ["extra"]):
            with self.subTest(words):
                refused = self.run_script(*words)
                self.assertEqual(refused.returncode, 2)
                self.assertIn("--help", refused.stderr)


class Packages(unittest.TestCase):
    def install(self, listed):
        """Runs install_packages() as a user without root and sudo, on a list of our own."""
        with tempfile.TemporaryDirectory() as root:
            os.chmod(root, 0o755)
            folder = pathlib.Path(root, "scripts")
            folder.mkdir()
            (folder / "packages.txt").write_text(listed)
            drop = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"] if os.geteuid() == 0 else []
            script = (support.ROOT / "scripts" / "lib" / "packages.sh").read_text()
            return subprocess.run([*drop, "env", "-i", f"ROOT={root}", "PATH=/nowhere-with-sudo:/usr/bin:/bin", "bash", "-c",
                                   f"sudo() {{ return 1; }}\n{script}\ninstall_packages\n"],
                                  capture_output=True, text=True, cwd="/")

    def test_nothing_missing_is_no_word(self):
        done = self.install("# a comment\n\ncoreutils\nbash\n")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_without_root_the_exact_line_is_printed(self):
        done = self.install("bash\nno-such-package-b\nno-such-package-a\n")
        self.assertEqual(done.returncode, 2)
        self.assertIn("\napt-get install -y --no-install-recommends no-such-package-a no-such-package-b\n", done.stderr)


if __name__ == "__main__":
    unittest.main()
