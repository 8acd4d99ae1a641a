#!/usr/bin/env python3
"""Broken variants of the daemon, one safety removed each: the fault suite must find every one of them, or it proves nothing.

    scripts/test --mutants                      builds each, lets the suite look, prints caught n of n
    mutants.py list                             their names and what each breaks
    mutants.py run [--only NAME,…] [--seeds N]  what scripts/test --mutants does
    mutants.py write NAME FOLDER                writes the sources that NAME changes below FOLDER, prints their names

A mutant is a list of replacements in the sources, each of which must fit exactly once: one that does not fit any more is an error,
not a mutant that nobody finds. They exist in build/mutants only (cmake/AtesMutant.cmake)."""

import argparse
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "mutants"
SEEDS = 6  # tries, in turn on one node and on three, before a mutant counts as missed
SECONDS = "30"  # of faults in each


@dataclasses.dataclass(frozen=True)
class Change:
    file: str
    old: str
    new: str


@dataclasses.dataclass(frozen=True)
class Mutant:
    breaks: str  # the sentence that no longer holds
    changes: tuple
    settings: dict = dataclasses.field(default_factory=dict)  # environment that gives it the occasion


FENCE_IN_BATCH = Change("storage/postgres_journal.cpp", """    for (const auto& [shard, epoch] : made.fence)
      fence_.row(shard, epoch);
""", "")

MUTANTS = {
    "fence_dropped": Mutant("every commit checks the lease of its shards", (FENCE_IN_BATCH,)),
    "fence_outside": Mutant("the lease is checked in the transaction of the write", (
        FENCE_IN_BATCH,
        Change("storage/postgres_journal.cpp", """      pqxx::nontransaction tx{pq};
      tx.exec_prepared(statement::name, owner_""", """      pqxx::nontransaction tx{pq};
      std::string lost;
      for (const auto& [shard, epoch] : made.fence)
        if (tx.exec_params("select 1 from shard where shard = $1 and epoch = $2 and owner = $3", shard, epoch, owner_).empty())
          lost += (lost.empty() ? "" : ",") + std::to_string(shard);
      if (!lost.empty())
        tx.exec0("do $$ begin raise exception using errcode = 'AT001', message = 'lease lost', detail = 'shards " + lost +
                 "'; end $$");
      tx.exec_prepared(statement::name, owner_"""))),
    "reply_before_commit": Mutant("no answer before what it tells is durable", (
        Change("actors/journal.cpp", """  const auto shard = entry.record->shard;
  open_""", """  const auto shard = entry.record->shard;
  auto early = asker;
  early.deliver(entry.reply);
  open_"""),)),
    "undurable_read": Mutant("no read of what is not durable", (
        Change("actors/entity.hpp", "if (version == e.durable_version && fresh)", "if (version == e.durable_version || fresh)"),)),
    "cursor_apart": Mutant("a cursor moves in the transaction of the effect", (
        Change("storage/postgres_journal.cpp", """    for (const auto& move : made.cursors)
      cursors_.row(move.shard, move.source, move.position);
""", ""),
        Change("storage/postgres_journal.cpp", """      pqxx::nontransaction tx{pq};
      tx.exec_prepared(statement::name, owner_""", """      pqxx::nontransaction tx{pq};
      for (const auto& move : made.cursors)
        tx.exec_params("insert into inbox_cursor (shard, source, position) values ($1, $2, $3) on conflict (shard, source)"
                       " do update set position = excluded.position", move.shard, move.source, move.position);
      tx.exec_prepared(statement::name, owner_"""))),
    "early_passivation": Mutant("an actor is loaded again only when all it wrote is durable", (
        Change("actors/shard_slots.cpp", """  if (s.durable >= s.stopped_at)
    finish_draining(entity, s);
}""", """  finish_draining(entity, s);
}"""),), {"ATES_ACTORS_MAX_ACTIVE": "64"}),
    "unknown_is_failed": Mutant("a COMMIT without an answer is looked up", (
        Change("actors/journal.cpp", """    ++home_->counters.unknown_outcomes;
    doubtful_ = std::move(entries);
    settling_ = true;
    back_off_ = {};
    self_->send(self_, atom::settle_v);
    return false;
""", """    ++home_->counters.unknown_outcomes;
    home_->storage.commit_ended(writer_);
    while (!entries.empty()) {
      const auto shard = entries.front().shard;
      fail_shard(entries, shard, outcome::unavailable);
      reset(shard, {.generation = 0, .new_epoch = std::nullopt, .lost = false, .culprit = std::nullopt});
    }
    return true;
"""),
        Change("storage/postgres_journal.cpp",
               "      doubt_ = doubt{std::move(made), number, connection_->backend_pid(), connection_->backend_start()};\n", ""))),
    "epoch_kept": Mutant("the epoch rises with every change of a lease", (
        Change("storage/postgres_journal.cpp", "update shard set epoch = epoch + 1 where", "update shard set epoch = epoch where"),)),
    "payout_marked_first": Mutant("a day is marked as paid when it is paid", (
        Change("actors/shard_bulk.cpp", """    payout_->advanced = true;
    report_payout(false);
    next_accounts();
""", """    payout_->advanced = true;
    report_payout(false);
    row_.paid_through = payout_->on;
    write_row([this] {
      report_payout(true);
      next_accounts();
    });
"""),)),
    "last_one_never_drawn": Mutant("everybody of the roster can be drawn", (
        Change("domain/draw.cpp", "return hash % roster_size;", "return hash % (roster_size > 1 ? roster_size - 1 : 1);"),)),
    "shuffle_for_free": Mutant("every assignment is charged", (
        Change("storage/event_json.cpp",
               'return made("task.assigned.v1", e.task.value, at, data, domain::shard_of(e.account.value, shards));',
               'return made("task.assigned.v1", e.task.value, at, data, e.shuffle ? std::nullopt\n'
               '            : std::optional{domain::shard_of(e.account.value, shards)});'),)),
    "debt_forgiven": Mutant("a debt is carried to the next day", (
        Change("domain/account.cpp", "        a.fees = a.rewards = a.paid_out = cents{};",
               "        a.fees = a.rewards = a.paid_out = cents{};\n        a.balance = a.balance < cents{} ? cents{} : a.balance;"),)),
}


def changed_sources(mutant):
    """The text of each file that the mutant changes."""
    texts = {}
    for change in mutant.changes:
        text = texts.get(change.file) or (ROOT / change.file).read_text()
        if text.count(change.old) != 1:
            raise SystemExit(f"{change.file}: what a mutant replaces stands there {text.count(change.old)} times:\n{change.old}")
        texts[change.file] = text.replace(change.old, change.new)
    return texts


def write(name, folder):
    for file, text in changed_sources(MUTANTS[name]).items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(file)


def build(name):
    for command in (["cmake", "--preset", "mutants", f"-DATES_MUTANT={name}"],
                    ["cmake", "--build", BUILD, "--target", "atesd"]):
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{name} cannot be built:\n{done.stdout[-4000:]}")


def look_for(name, seeds):
    """The sentences against which the suite found something, and after how many seconds."""
    began = time.monotonic()
    environment = {**os.environ, **MUTANTS[name].settings, "ATES_FAULTS_SECONDS": os.environ.get("ATES_FAULTS_SECONDS", SECONDS)}
    done = subprocess.run([sys.executable, pathlib.Path(__file__).with_name("suite.py"), "--seeds", str(seeds), "--build", BUILD,
                           "--until-found"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    (BUILD / f"{name}.log").write_text(done.stdout)
    last = done.stdout.strip().splitlines()[-1]
    verdict = json.loads(last) if last.startswith("{") else {"violated": [], "failed": 1}
    return verdict["violated"], verdict["failed"], time.monotonic() - began


def run(names, seeds):
    caught = {}
    for number, name in enumerate(names, start=1):
        print(f"{number}/{len(names)} {name}: {MUTANTS[name].breaks} ...", flush=True)
        build(name)
        violated, failed, seconds = look_for(name, seeds)
        caught[name] = violated
        how = f"caught in {seconds:.0f} s" if violated else f"MISSED in {seconds:.0f} s" + (", the suite failed" if failed else "")
        print(f"    {how}", *(f"        {sentence}" for sentence in violated), sep="\n", flush=True)
    hit = sum(1 for violated in caught.values() if violated)
    print(f"caught {hit} of {len(caught)}")
    print(json.dumps({"mutants": caught, "caught": hit, "of": len(caught)}))
    return 0 if hit == len(caught) else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list")
    writing = commands.add_parser("write")
    writing.add_argument("name", choices=MUTANTS)
    writing.add_argument("folder", type=pathlib.Path)
    running = commands.add_parser("run")
    running.add_argument("--only", default=",".join(MUTANTS), help="names, separated by commas (all)")
    running.add_argument("--seeds", type=int, default=SEEDS, help=f"tries for each ({SEEDS})")
    arguments = parser.parse_args()
    if arguments.command == "write":
        return write(arguments.name, arguments.folder)
    if arguments.command == "run":
        return run(arguments.only.split(","), arguments.seeds)
    for name, mutant in MUTANTS.items():
        changed_sources(mutant)
        print(f"{name:24} {mutant.breaks}")


if __name__ == "__main__":
    sys.exit(main())
