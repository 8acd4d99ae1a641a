#pragma once
/// Values of result rows as our types. Instants are selected as microseconds and dates as days since 1970:
/// micros() and days() write that SQL. Throws pqxx::conversion_error or std::runtime_error for what cannot
/// be.

#include "storage/record.hpp"

#include <optional>
#include <pqxx/pqxx>
#include <stdexcept>
#include <string>

namespace ates::storage {

/// SQL that makes a timestamptz column readable by instant_of; null stays null.
inline std::string micros(const std::string& column) {
  return "(extract(epoch from " + column + ") * 1000000)::bigint";
}
/// SQL that makes a date column readable by day_of.
inline std::string days(const std::string& column) {
  return "(" + column + " - date '1970-01-01')";
}

inline uuid uuid_of(const pqxx::field& f) {
  const auto id = domain::parse_uuid({f.c_str(), f.size()});
  if (!id)
    throw std::runtime_error(std::string{"no UUID in column "} + f.name());
  return *id;
}

template <class Id> Id id_of(const pqxx::field& f) {
  return Id{uuid_of(f)};
}

inline instant instant_of(const pqxx::field& f) {
  return instant{std::chrono::microseconds{f.as<std::int64_t>()}};
}

inline day day_of(const pqxx::field& f) {
  return day{std::chrono::days{f.as<int>()}};
}

inline cents cents_of(const pqxx::field& f) {
  return {f.as<std::int64_t>()};
}

template <class Enum> Enum enum_of(const pqxx::field& f) {
  return static_cast<Enum>(f.as<int>());
}

template <class Read> auto optional_of(const pqxx::field& f, Read read) -> std::optional<decltype(read(f))> {
  if (f.is_null())
    return std::nullopt;
  return read(f);
}

/// The columns of a task, in the order that task_of reads them. `t` is task, `s` is task_state.
inline std::string task_columns() {
  return "t.id, t.title, t.jira_id, t.description, t.external_ref, t.fee, t.reward, t.created_by, " +
         micros("t.created_at") + ", s.status, s.assignee, " + micros("s.assigned_at") + ", " +
         micros("s.completed_at") + ", s.assignments, s.last_run, s.version";
}

inline domain::task task_of(const pqxx::row& row) {
  domain::task t;
  t.id = id_of<domain::task_id>(row[0]);
  t.title = row[1].c_str();
  t.jira_id = row[2].c_str();
  t.description = row[3].c_str();
  t.external_ref = row[4].c_str();
  t.prices = {cents_of(row[5]), cents_of(row[6])};
  t.created_by = id_of<account_id>(row[7]);
  t.created_at = instant_of(row[8]);
  t.status = enum_of<domain::task_status>(row[9]);
  t.assignee = id_of<account_id>(row[10]);
  t.assigned_at = instant_of(row[11]);
  t.completed_at = optional_of(row[12], instant_of);
  t.assignments = row[13].as<std::uint32_t>();
  t.last_run = row[14].as<std::uint64_t>();
  t.version = row[15].as<std::uint64_t>();
  return t;
}

/// The columns of an account, in the order that account_of reads them.
inline std::string account_columns() {
  return "id, balance, entries, " + days("open_day") + ", fees, rewards, paid_out, version";
}

inline domain::account account_of(const pqxx::row& row) {
  domain::account a;
  a.id = id_of<account_id>(row[0]);
  a.balance = cents_of(row[1]);
  a.entries = row[2].as<std::uint64_t>();
  a.open_day = day_of(row[3]);
  a.fees = cents_of(row[4]);
  a.rewards = cents_of(row[5]);
  a.paid_out = cents_of(row[6]);
  a.version = row[7].as<std::uint64_t>();
  return a;
}

inline std::string employee_columns() {
  return "id, number, login, email, name, role, active, password_hash, beak_hash, " + micros("created_at") +
         ", version, changed, leaving";
}

inline employee_row employee_of(const pqxx::row& row) {
  return {.id = id_of<account_id>(row[0]),
          .number = row[1].as<std::int64_t>(),
          .login = row[2].c_str(),
          .email = row[3].c_str(),
          .name = row[4].c_str(),
          .role = enum_of<domain::role>(row[5]),
          .active = row[6].as<bool>(),
          .password_hash = row[7].c_str(),
          .beak_hash = row[8].c_str(),
          .created_at = instant_of(row[9]),
          .version = row[10].as<std::int64_t>(),
          .changed = row[11].as<std::int64_t>(),
          .leaving = row[12].as<bool>()};
}

inline std::string shuffle_columns() {
  return "run, id, status, requested_by, " + micros("requested_at") + ", " + micros("started_at") + ", " +
         micros("finished_at") + ", open_tasks, reassigned, seed";
}

inline shuffle_row shuffle_of(const pqxx::row& row) {
  const auto number = [](const pqxx::field& f) { return f.as<std::int64_t>(); };
  return {.run = row[0].as<std::int64_t>(),
          .id = id_of<domain::shuffle_id>(row[1]),
          .status = enum_of<shuffle_status>(row[2]),
          .requested_by = id_of<account_id>(row[3]),
          .requested_at = instant_of(row[4]),
          .started_at = optional_of(row[5], instant_of),
          .finished_at = optional_of(row[6], instant_of),
          .open_tasks = optional_of(row[7], number),
          .reassigned = optional_of(row[8], number),
          .seed = row[9].as<std::uint64_t>()};
}

inline std::string parked_columns() {
  return "id, shard, source, target_seq, account, type, subject, " + micros("at") + ", data, reason, " +
         micros("parked_at") + ", status";
}

inline parked_row parked_of(const pqxx::row& row) {
  return {.id = uuid_of(row[0]),
          .shard = row[1].as<shard_number>(),
          .from = {row[2].as<shard_number>(), row[3].as<std::int64_t>()},
          .account = optional_of(row[4], id_of<account_id>),
          .type = row[5].c_str(),
          .subject = uuid_of(row[6]),
          .at = instant_of(row[7]),
          .data = row[8].c_str(),
          .reason = row[9].c_str(),
          .parked_at = instant_of(row[10]),
          .status = enum_of<parked_status>(row[11])};
}

inline std::string payout_columns() {
  return days("day") + ", status, requested_by, " + micros("started_at") + ", " + micros("finished_at") +
         ", accounts_paid, total_paid";
}

inline payout_row payout_of(const pqxx::row& row) {
  return {.on = day_of(row[0]),
          .status = enum_of<payout_status>(row[1]),
          .requested_by = optional_of(row[2], id_of<account_id>),
          .started_at = instant_of(row[3]),
          .finished_at = optional_of(row[4], instant_of),
          .accounts_paid = row[5].as<std::int64_t>(),
          .total_paid = cents_of(row[6])};
}

} // namespace ates::storage
