"""A command of which the process dies, and a client that believes in repeating it. From the third death on its task is
quarantined (design.md §7): one task is out of service, everything else goes on. Needs a daemon that can die of a command
(variants.py)."""

import signal
import threading

import people
import people_at_work
import variants

DEATH = -signal.SIGABRT  # how a process ends that has died of it
PAUSE_S = 0.2
REASON = {"reason": "nobody sends it any more"}


class Poisoner(people_at_work.Worker):
    """From begin() to end(); a thread. `quarantined`: whether it was told so."""

    def __init__(self, crowd, number, dice):
        super().__init__(crowd, "admin")
        self.number = number
        self.dice.seed(f"{crowd.seed}/poison/{number}")
        self.task = crowd.tasks[int(dice * len(crowd.tasks))]
        self.over = threading.Event()
        self.quarantined = False
        self.thread = threading.Thread(target=self.run, name=f"poison {number}", daemon=True)

    def begin(self):
        self.thread.start()
        self.crowd.threads.append(self.thread)

    def end(self):
        """It is not sent again; the task is to be released. Returns at once."""
        self.over.set()

    def run(self):
        try:
            while not self.over.is_set() and not self.quarantined:
                if self.stay_signed_in():
                    self.poison()
                self.over.wait(PAUSE_S)
            self.over.wait()
            release(self, self.task)
        finally:
            self.client.close()

    def poison(self):
        title = f"{variants.POISON} {self.crowd.seed}/{self.number}"
        command = self.history.begin("edit", self.me, title, None, {"task": self.task, "title": title})
        one = self.exchange("PATCH", f"/tasks/{self.task}", {"title": title})
        self.tell([command], one)
        self.quarantined = one.code == "quarantined"


def release(person, task):
    """Once; whoever wants everything to be served looks again when all is over."""
    if person.stay_signed_in():
        person.exchange("POST", f"/actors/task/{task}/release", REASON)
