"""A command of which the whole process dies (design.md §7): no exception that anybody could catch. It is counted when the
next process starts, by a note that the dead one left in a file."""

import http.client
import unittest

import deployment
import poison
import support
import variants
from support import processes

DEATHS_BUDGET = 3
NEIGHBOURS = 1000
LIMIT_S = 30


class Poison(unittest.TestCase):
    def setUp(self):
        self.site = deployment.Deployment(1, variants.folder_of(variants.POISONABLE))
        self.addCleanup(self.site.discard)
        [self.node] = self.site.start().nodes
        self.admin = support.Client(self.node.url).sign_in("admin", deployment.ADMIN_PASSWORD)
        self.addCleanup(self.admin.close)
        ada = {"name": "Ada", "login": "ada", "email": "ada@example.org", "role": "worker"}
        self.admin.post("/employees", ada).expect(201)

    def post_tasks(self, count):
        tasks = []
        for begin in range(0, count, 500):
            items = [{"title": f"task {number}"} for number in range(begin, min(begin + 500, count))]
            made = self.admin.post("/tasks/batch", {"tasks": items}).expect(200)["results"]
            tasks += [result["task"]["id"] for result in made]
        return tasks

    def end_by(self, task):
        """The process has ended of it."""
        with self.assertRaises((OSError, http.client.HTTPException)):
            self.admin.patch(f"/tasks/{task}", {"title": variants.POISON})
        self.admin.close()
        self.assertEqual(self.node.process.wait(LIMIT_S), poison.DEATH)
        self.node.process = None

    def die_of(self, task):
        """The process has ended of it and another one runs."""
        self.end_by(task)
        self.node.start()
        self.wait_ready()

    def wait_ready(self):
        self.assertTrue(processes.wait_until(self.node.is_ready, LIMIT_S, step_s=0.1), self.site.last_words())

    def test_who_kills_the_process_three_times_is_quarantined_and_a_thousand_others_serve_on(self):
        poisoned, *others = self.post_tasks(NEIGHBOURS + 1)
        for _ in range(DEATHS_BUDGET):
            self.admin.get(f"/tasks/{poisoned}").expect(200)
            self.die_of(poisoned)
        for _ in range(2):
            refused = self.admin.patch(f"/tasks/{poisoned}", {"title": variants.POISON})
            self.assertEqual((refused.status, refused.json["code"]), (503, "quarantined"))
        self.assertEqual(self.admin.get(f"/tasks/{poisoned}").json["code"], "quarantined")
        for task in others:
            self.admin.get(f"/tasks/{task}").expect(200)
        self.admin.patch(f"/tasks/{others[0]}", {"title": "harmless"}).expect(200)

        self.admin.post(f"/actors/task/{poisoned}/release", poison.REASON).expect(202)
        self.assertEqual(self.admin.patch(f"/tasks/{poisoned}", {"title": "harmless"}).expect(200)["title"], "harmless")
        self.assertTrue(self.site.verify().clean)

    def test_deaths_before_a_release_do_not_count_after_it(self):
        [task] = self.post_tasks(1)
        for _ in range(DEATHS_BUDGET):
            self.die_of(task)
        self.admin.post(f"/actors/task/{task}/release", poison.REASON).expect(202)
        self.die_of(task)
        self.admin.get(f"/tasks/{task}").expect(200)

    @unittest.skipUnless(deployment.can_have_volume(), "needs to be root, and to be allowed to mount")
    def test_a_death_is_counted_also_when_the_disk_is_full_as_the_next_process_begins(self):
        [task] = self.post_tasks(1)
        self.end_by(task)
        self.site.database.tell("fill")
        self.node.start()
        self.assertTrue(processes.wait_until(lambda: 'waiting="PostgreSQL"' in self.node.log(), LIMIT_S), self.node.log())
        self.site.database.tell("free")
        self.wait_ready()
        for _ in range(DEATHS_BUDGET - 1):
            self.admin.get(f"/tasks/{task}").expect(200)
            self.die_of(task)
        self.assertEqual(self.admin.get(f"/tasks/{task}").json["code"], "quarantined")


if __name__ == "__main__":
    unittest.main()
