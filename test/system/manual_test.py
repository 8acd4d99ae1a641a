"""The commands of README.md and docs/operations.md, typed as they stand there."""

import os
import re
import subprocess

import company
import support

README = support.ROOT / "README.md"
OPERATIONS = support.ROOT / "docs" / "operations.md"
BACKLOG = "title,jira_id,description\nFeed the parrots,POP-1,twice a day\nClean the cage,,\n"
COMMANDS_LIMIT_S = 150
# Whoever reads has a build, an empty port 8080 and ./var; here they are another place, another port, and no build again.
# `curl` fails where the answer is no 2xx.
TYPED_HERE = """
set -euo pipefail
shopt -s inherit_errexit
curl() { command curl --fail-with-body "$@" && echo; }
scripts/cluster() {
  local verb=$1; shift
  if [[ $verb == start ]]; then set -- --no-build --port 0 "$@"; fi
  "$ROOT/scripts/cluster" "$verb" "$@"
}
scripts/restore() { "$ROOT/scripts/restore" "$@"; }
"""


def blocks_below(page, heading):
    """The texts marked `sh` from this heading to the next one as high."""
    level = heading.split()[0]
    section = page.read_text().partition(f"\n{heading}\n")[2]
    section = re.split(rf"^{level} ", section, maxsplit=1, flags=re.MULTILINE)[0]
    found = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert found, f"{page.name} has no commands below {heading}"
    return found


class Manual(support.SystemTest):
    def type(self, node, commands, **environment):
        """What they print; fails the test if one of them fails."""
        if not (node.folder / "build").exists():
            (node.folder / "build").symlink_to(support.ROOT / "build")
        commands = commands.replace("http://127.0.0.1:8080", node.url or "")
        done = subprocess.run(["bash", "-c", TYPED_HERE + commands], cwd=node.folder, text=True, timeout=COMMANDS_LIMIT_S,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env={**node.environment, **environment, "ROOT": str(support.ROOT), "ATES_URL": node.url or "",
                                   "XDG_CONFIG_HOME": str(node.folder / "home")})
        self.assertEqual(done.returncode, 0, f"{commands}\nprinted:\n{done.stdout}\n{node.daemon_log()[-2000:]}")
        return done.stdout

    def start_node(self):
        return super().start_node(environment={"ATES_CLOCK_OFFSET": str(company.noon_offset())})

    def test_the_first_steps_and_the_tour_by_curl_do_what_the_readme_says(self):
        node = self.start_node()
        (node.folder / "backlog.csv").write_text(BACKLOG)
        _, steps = blocks_below(README, "## Start in 60 seconds (after the first build)")
        self.assertIn("Added Polly (worker)", self.type(node, steps))
        [tour] = blocks_below(README, "## A tour by curl")
        said = self.type(node, tour)
        admin = node.admin()
        [fed] = admin.all("/tasks", jira_id="POP-42")
        self.assertEqual(fed["description"], "seeds, no bread")
        self.assertEqual({one["name"]: one["role"] for one in admin.all("/employees")},
                         {"Administrator": "admin", "Polly": "worker", "Coco": "accountant"})
        self.assertEqual([run["requested_by"] for run in admin.all("/payouts")], [admin.account["id"]])
        self.assertIn(f"/v1/shuffles/{admin.all('/shuffles')[0]['id']}", said)
        node.verify()

    def test_several_nodes_do_what_the_readme_says(self):
        node = self.make_node()
        [steps] = blocks_below(README, "## Several nodes")
        said = self.type(node, f"trap 'scripts/cluster stop' ERR\n{steps}")
        self.assertRegex(said, "3 nodes serve at http://127.0.0.1:")
        self.assertRegex(said, "node2 +running +serving")

    def test_a_backup_restored_into_a_new_folder_has_every_change_and_its_books_are_right(self):
        node = self.start_node()
        staff = company.Company(node)
        ada, _ = staff.hire("worker", 2)
        at_ada = staff.client(ada)
        staff.post_tasks([f"Task {number}" for number in range(50)])
        task = staff.task_of(ada)
        done = at_ada.post(f"/tasks/{task['id']}/complete", key="done-once").expect(200)
        backup, restore, *_ = blocks_below(OPERATIONS, "## Backup and restore")
        self.type(node, backup)
        node.stop()

        again = self.make_node(environment={"ATES_CLOCK_OFFSET": node.environment["ATES_CLOCK_OFFSET"]})
        restore = restore.partition("scripts/run")[0].replace("var2", str(again.var))
        self.type(node, restore)
        again.start()
        client = again.client()
        client.secret, client.token, client.token_ends_at = at_ada.secret, at_ada.token, at_ada.token_ends_at
        self.assertEqual(client.get(f"/tasks/{task['id']}").expect(200), done)
        repeated = client.post(f"/tasks/{task['id']}/complete", key="done-once")
        self.assertEqual((repeated.expect(200), repeated.headers["Idempotent-Replayed"]), (done, "true"))
        self.assertEqual(again.admin().get("/me").expect(200)["login"], "admin")
        again.verify()
        with self.assertRaisesRegex(AssertionError, "is in use"):
            self.type(node, restore)

    def test_a_restore_that_fails_leaves_no_database_and_one_that_is_there_is_left_alone(self):
        node = self.make_node(from_nothing=True)
        no_dump = node.folder / "dump"
        no_dump.write_bytes(b"no dump")

        def refused():
            done = subprocess.run([support.ROOT / "scripts" / "restore", no_dump, "--var", node.var], text=True,
                                  capture_output=True)
            self.assertEqual(done.returncode, 1)
            return done.stderr
        self.assertIn("cannot restore", refused())
        self.assertFalse(os.path.lexists(node.var / "pg"))
        node.start()
        node.stop()
        self.assertIn("is there already", refused())
        node.start()

    def test_a_dump_of_a_private_database_is_good_for_one_of_your_own(self):
        node = self.start_node()
        staff = company.Company(node)
        staff.hire("worker")
        tasks = staff.post_tasks(["Task 1", "Task 2"])
        backup, _, verify, foreign = blocks_below(OPERATIONS, "## Backup and restore")
        self.type(node, backup)
        node.stop()
        database = self.make_postgres()
        self.type(node, foreign.replace("createuser ates_app", "true"),  # ours has the role
                  PGHOST=database.folder, PGUSER=support.postgres.OWNER)
        url = database.url().replace(f"/{support.postgres.DATABASE}?", "/ates2?")
        again = self.start_foreign(url, node)
        self.assertEqual(len(again.admin().all("/tasks")), len(tasks))
        self.assertIn("atesctl verify", verify)
        again.verify()

    def start_foreign(self, url, like):
        """A node on somebody else's PostgreSQL, with the keys out of the backup of another one."""
        environment = {"ATES_DATABASE_URL": url, "ATES_CLOCK_OFFSET": like.environment["ATES_CLOCK_OFFSET"]}
        again = self.make_node(environment=environment)
        again.var.mkdir()
        subprocess.run(["tar", "-C", again.var, "-xf", like.folder / "ates-keys.tar"], check=True)
        return again.start()
