"""Faults as verbs, and the seeded schedule that says when which one happens.

A verb is a function of (deployment, fault) that begins it and returns what ends it, or None. It says in VERBS what it is
called, for how long it lasts, and what it keeps busy: two faults at the same thing would hide each other. A new verb is one
function and one line there."""

import dataclasses
import random
import signal

import deployment
import poison

GAP_S = {1: (0.6, 3.4), 3: (0.3, 2.2)}  # between the beginnings of two faults; a node alone needs time to do anything
QUIET_BEGIN_S = 1.0
BATCH_PATIENCE_S = 1.0  # there is nearly always one within that time
RESTART_S = 3.0  # what is started again is left alone for so long
# Hours that the business clock steps; forward over the end of a day, or of two, most of the time.
CLOCK_STEPS_H = (1, 7, 13, 13, 26, 50, -1, -3)


@dataclasses.dataclass(frozen=True)
class Verb:
    name: str
    begin: object
    lasts_s: tuple
    busy: str  # node, nodes, link, storage (a node's way to PostgreSQL), postgres, mail, task
    nodes: tuple = (1, 3)  # in deployments of how many nodes it makes sense
    needs: str = ""  # what not every deployment can do: volume, poison
    often: int = 1  # compared to others


@dataclasses.dataclass
class Fault:
    at_s: float
    lasts_s: float
    verb: Verb
    node: int  # index; of no meaning when the verb is not about a node
    dice: float  # 0..1, for what the verb has to choose

    def __str__(self):
        about = f" node{self.node + 1}" if self.verb.busy in ("node", "link", "storage") else ""
        return f"{self.at_s:6.2f} {self.verb.name}{about} for {self.lasts_s:.2f} s"


# ── nodes ──

def kill(site, fault):
    node = site.nodes[fault.node]
    node.kill()
    return node.start


def freeze(site, fault):
    node = site.nodes[fault.node]
    node.signal(signal.SIGSTOP)
    return lambda: node.signal(signal.SIGCONT)


def step_clock(site, fault):
    """Every node is killed and started with another offset; one after the other, so that for a while they differ."""
    step_s = 3600 * CLOCK_STEPS_H[int(fault.dice * len(CLOCK_STEPS_H))]
    for node in site.nodes:
        node.offset_s += step_s
        node.kill()
        node.start()


# ── links between nodes ──

def cut(site, fault):
    link = site.nodes[fault.node].link
    link.cut()
    return link.heal


def silence(site, fault):
    link = site.nodes[fault.node].link
    link.stall(to_node=True, from_node=True)
    return link.heal


def silence_one_way(site, fault):
    link = site.nodes[fault.node].link
    link.stall(to_node=fault.dice < 0.5, from_node=fault.dice >= 0.5)
    return link.heal


def delay(site, fault):
    """For longer than the second after which a shard reads from the log what was not pushed: what is pushed then comes late,
    twice, and behind what came after it."""
    link = site.nodes[fault.node].link
    link.delay(0.2 + 1.6 * fault.dice)
    return link.heal


# ── PostgreSQL ──

def kill_postgres(site, fault):
    site.database.tell("kill")
    return lambda: site.database.tell("start")


def restart_postgres(site, fault):
    site.database.tell("stop")
    return lambda: site.database.tell("start")


def freeze_postgres(site, fault):
    site.database.tell("freeze")
    return lambda: site.database.tell("thaw")


def terminate_backends(site, fault):
    """Of everybody, or of one connection in three."""
    every = 1 if fault.dice < 0.5 else 3
    site.psql.ask("select count(pg_terminate_backend(pid)) from pg_stat_activity where pid <> pg_backend_pid() "
                  f"and application_name like 'atesd%' and pid % {every} = 0")


def fill_disk(site, fault):
    site.database.tell("fill")

    def free():
        site.database.tell("free")
        site.revive_postgres(limit_s=1)
    return free


# ── a node's way to PostgreSQL: of one batch, as soon as there is one ──

def lose(site, fault, mode, keeps_order=False):
    """A batch of one of these kinds, as soon as there is one: commands, payouts, what shards tell each other."""
    containing = (b"", b"", b"payment_log", b"task.completed", b"audit_log")[int(5 * fault.dice)]
    loss = site.nodes[fault.node].storage.lose(mode, containing, keeps_order)
    site.losses.append((fault, loss))
    return loss


def lose_reply(site, fault):
    lose(site, fault, "reply")


def lose_request(site, fault):
    lose(site, fault, "request")


def deliver_late(site, fault):
    """The node has settled what became of the batch by the time it arrives; mostly before anything newer."""
    keeps_order = 5 * fault.dice % 1 < 0.7
    return lose(site, fault, "late", keeps_order).deliver


def die_with_batch(site, fault):
    """The node dies when a batch has left it; that arrives when others have its shards already, or its own next life."""
    node = site.nodes[fault.node]
    loss = lose(site, fault, "late")
    if loss.connection_ended.wait(BATCH_PATIENCE_S):
        node.kill()
        node.start()
    return loss.deliver


def silence_storage(site, fault):
    gate = site.nodes[fault.node].storage
    gate.freeze()
    return gate.thaw


def slow_commits(site, fault):
    """As a disk that is busy: what is written takes its time, what is read does not."""
    gate = site.nodes[fault.node].storage
    gate.batch_delay_s = 0.05 + 0.5 * fault.dice

    def speed_up():
        gate.batch_delay_s = 0.0
    return speed_up


# ── letters ──

def refuse_letters(site, fault):
    site.mood = ("refuse", "hang", "hang up")[int(3 * fault.dice)]

    def take():
        site.mood = "take"
    return take


# ── commands ──

def poison_task(site, fault):
    """Whoever dies of it is started again by the run, until the task is quarantined."""
    poisoner = poison.Poisoner(site.people, len(site.poisoners) + 1, fault.dice)
    site.poisoners.append(poisoner)
    poisoner.begin()
    return poisoner.end


VERBS = (
    Verb("kill", kill, (0.1, 2.5), "node"),
    Verb("freeze_past_lease", freeze, (deployment.LEASE_TTL_S + 0.5, deployment.LEASE_TTL_S + 3), "node"),
    Verb("freeze_shortly", freeze, (0.2, 2.0), "node"),
    Verb("step_clock", step_clock, (0, 0), "nodes", often=2),  # most days end by it
    Verb("cut_link", cut, (0.5, 5), "link", nodes=(3,)),
    Verb("silence_link", silence, (0.5, 5), "link", nodes=(3,)),
    Verb("silence_link_one_way", silence_one_way, (0.5, 5), "link", nodes=(3,)),
    Verb("delay_link", delay, (3, 7), "link", nodes=(3,)),
    Verb("kill_postgres", kill_postgres, (0.1, 2), "postgres"),
    Verb("restart_postgres", restart_postgres, (0.1, 2), "postgres"),
    Verb("freeze_postgres", freeze_postgres, (0.3, deployment.LEASE_TTL_S + 2), "postgres"),
    Verb("terminate_backends", terminate_backends, (0, 0), "postgres"),
    Verb("disk_full", fill_disk, (0.5, 3), "postgres", needs="volume"),
    Verb("lose_reply", lose_reply, (0, 0), "storage"),
    Verb("lose_request", lose_request, (0, 0), "storage"),
    Verb("deliver_late", deliver_late, (0.2, 1.2), "storage", often=2),  # only the fence is between it and the books
    Verb("die_with_batch", die_with_batch, (0.5, 3.0), "node"),
    Verb("silence_storage", silence_storage, (0.3, deployment.LEASE_TTL_S + 2), "storage"),
    Verb("slow_commits", slow_commits, (2, 6), "storage"),
    Verb("letters_fail", refuse_letters, (4, 15), "mail"),
    Verb("poison_command", poison_task, (6, 12), "task", needs="poison"),
)


def schedule(seed, nodes, seconds, able):
    """The faults of a run, in order: each kind as often as it says, the same for the same arguments. Nothing is hit again
    while it is hit. `able`: what the deployment can do (Verb.needs)."""
    dice = random.Random(f"{seed}/faults/{nodes}")
    possible = [verb for verb in VERBS if nodes in verb.nodes for _ in range(verb.often)]
    free_at, deck, faults = {}, [], []
    at_s = QUIET_BEGIN_S
    while at_s < seconds:
        if not deck:
            deck = dice.sample(possible, len(possible))
        node, lasts = dice.randrange(nodes), dice.random()
        verb = next((verb for verb in deck if is_free(verb, node, nodes, free_at, at_s)), None)
        if verb is not None:
            deck.remove(verb)
            fault = Fault(at_s, verb.lasts_s[0] + lasts * (verb.lasts_s[1] - verb.lasts_s[0]), verb, node, dice.random())
            occupy(fault, nodes, free_at)
            if not verb.needs or verb.needs in able:
                faults.append(fault)
        at_s += dice.uniform(*GAP_S[nodes])
    return faults


def skipped(seed, nodes, seconds, able):
    """How many faults of the schedule cannot happen here, for want of a volume."""
    return len(schedule(seed, nodes, seconds, able | {"volume"})) - len(schedule(seed, nodes, seconds, able))


def things(verb, node, nodes):
    if verb.busy == "nodes":
        return [("node", number) for number in range(nodes)]
    return [(verb.busy, node if verb.busy in ("node", "link", "storage") else 0)]


def is_free(verb, node, nodes, free_at, at_s):
    return all(free_at.get(thing, 0) <= at_s for thing in things(verb, node, nodes))


def occupy(fault, nodes, free_at):
    until = fault.at_s + fault.lasts_s + (RESTART_S if fault.verb.busy in ("node", "nodes", "postgres") else 0)
    for thing in things(fault.verb, fault.node, nodes):
        free_at[thing] = until
