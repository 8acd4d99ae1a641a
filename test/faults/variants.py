#!/usr/bin/env python3
"""Variants of the daemon that exist for the fault suite alone: mutants, with one safety removed each, which the suite must
find or it proves nothing; and one that dies of a command.

    variants.py list               their names, and what no longer holds
    variants.py cmake              for CMakeLists.txt: `name:source;source` a line
    variants.py write NAME FOLDER  writes the sources that NAME changes below FOLDER

A variant is a list of replacements in the sources, each of which must fit exactly once: one that does not fit any more is
an error, not a mutant that nobody finds. It is a target of its own, variant_NAME (CMakeLists.txt here), which takes nothing
from the target atesd but its main(): there is no option by which what users run could become one."""

import argparse
import dataclasses
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
POISONABLE = "poisonable"
POISON = "poison"  # what it dies of: a new title of a task that begins so


@dataclasses.dataclass(frozen=True)
class Change:
    file: str
    old: str
    new: str


@dataclasses.dataclass(frozen=True)
class Mutant:
    breaks: str  # the sentence that no longer holds
    changes: tuple
    includers: tuple = ()  # sources that include a changed header and must be compiled anew


FENCE_IN_BATCH = Change("storage/postgres_journal.cpp", """    for (const auto& [shard, epoch] : made.fence)
      fence_.row(shard, epoch);
""", "")


def after_batch(words):
    """What happens behind the COMMIT of a batch, in a transaction of its own."""
    sent = """                       pqxx::prepare::make_dynamic_params(statement_->parameters()));
"""
    return Change("storage/postgres_journal.cpp", sent, sent + words)


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
        Change("actors/entity.hpp", "if (version == e.durable_version && fresh)", "if (version == e.durable_version || fresh)"),),
        includers=("actors/account.cpp", "actors/task.cpp")),
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
    "key_after_effect": Mutant("an answer is kept under its Idempotency-Key in the transaction of the effect", (
        Change("storage/postgres_journal.cpp", "    kept_.append_to(all);\n", """    all.insert(all.end(), 7, "{}");
"""),
        Change("storage/postgres_journal.cpp", "  [[nodiscard]] bool has_nul() const {", """  void keep(pqxx::nontransaction& tx) {
    std::vector<const char*> rows;
    kept_.append_to(rows);
    tx.exec_params("insert into kept_answer (shard, entity_kind, entity_id, scope, request_hash, answer, at) select * from "
                   "unnest($1::smallint[], $2::smallint[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::timestamptz[])"
                   " on conflict do nothing", pqxx::prepare::make_dynamic_params(rows));
  }

  [[nodiscard]] bool has_nul() const {"""),
        after_batch("      statement_->keep(tx);\n"))),
    "payout_mark_after": Mutant("an account is marked as paid in the transaction of its payout", (
        Change("storage/postgres_journal.cpp", "    for (const auto& change : made.accounts)\n      add(change);\n", """    has_payout_ = false;
    for (const auto* r : records)
      for (const auto& t : r->transfers)
        has_payout_ = has_payout_ || t.kind == domain::entry_kind::payout;
    for (const auto& change : made.accounts)
      add(change);
"""),
        Change("storage/postgres_journal.cpp", "    accounts_.append_to(all);\n", """    if (has_payout_)
      all.insert(all.end(), 10, "{}");
    else
      accounts_.append_to(all);
"""),
        Change("storage/postgres_journal.cpp", "  [[nodiscard]] bool has_nul() const {", """  void mark(pqxx::nontransaction& tx) {
    if (!has_payout_)
      return;
    std::vector<const char*> rows;
    accounts_.append_to(rows);
    tx.exec_params("insert into account (shard, id, version, balance, entries, open_day, fees, rewards, paid_out) "
                   "select shard, id, version, balance, entries, open_day, fees, rewards, paid_out from unnest("
                   "$1::smallint[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::date[], "
                   "$8::bigint[], $9::bigint[], $10::bigint[]) as n (shard, id, replaces, version, balance, entries, "
                   "open_day, fees, rewards, paid_out) on conflict (shard, id) do update set version = excluded.version, "
                   "balance = excluded.balance, entries = excluded.entries, open_day = excluded.open_day, "
                   "fees = excluded.fees, rewards = excluded.rewards, paid_out = excluded.paid_out",
                   pqxx::prepare::make_dynamic_params(rows));
  }
  bool has_payout_ = false;

  [[nodiscard]] bool has_nul() const {"""),
        after_batch("      statement_->mark(tx);\n"))),
    "early_passivation": Mutant("an actor is loaded again only when all it wrote is durable", (
        Change("actors/shard_slots.cpp", """  if (s.durable >= s.stopped_at)
    finish_draining(entity, s);
}""", """  finish_draining(entity, s);
}"""),)),
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
               "      doubt_ = doubt{std::move(made), number, connection_->backend_pid(), connection_->backend_start()};\n",
               "      (void)made;\n"))),
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


DIES_OF_POISON = Mutant("no command ends the process", (
    Change("actors/task.cpp", "task_state::on(envelope& e, edit_task_command& c) {\n",
           f"""task_state::on(envelope& e, edit_task_command& c) {{
  if (c.title && c.title->starts_with("{POISON}"))
    std::abort();
"""),))
VARIANTS = {**MUTANTS, POISONABLE: DIES_OF_POISON}


def folder_of(name):
    """The build folder of a variant: its daemon is bin/atesd in there."""
    return ROOT / "build" / "release" / "variants" / name


def changed_sources(variant):
    """The text of each file that the variant changes."""
    texts = {}
    for change in variant.changes:
        text = texts.get(change.file) or (ROOT / change.file).read_text()
        if text.count(change.old) != 1:
            raise SystemExit(f"{change.file}: what a variant replaces stands there {text.count(change.old)} times:\n{change.old}")
        texts[change.file] = text.replace(change.old, change.new)
    return texts


def write(name, folder):
    for file, text in changed_sources(VARIANTS[name]).items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list")
    commands.add_parser("cmake")
    writing = commands.add_parser("write")
    writing.add_argument("name", choices=VARIANTS)
    writing.add_argument("folder", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.command == "write":
        return write(arguments.name, arguments.folder)
    for name, variant in VARIANTS.items():
        if arguments.command == "cmake":
            files = sorted({change.file for change in variant.changes})
            print(f"{name}:{';'.join(files)}:{';'.join(variant.includers)}")
        else:
            print(f"{name:24} {variant.breaks}")


if __name__ == "__main__":
    sys.exit(main())
