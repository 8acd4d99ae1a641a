#include "domain/account.hpp"

#include "domain/digest.hpp"
#include "domain/overload.hpp"

#include <array>
#include <span>
#include <stdexcept>

namespace ates::domain {

namespace {

/// Name space of transfer ids. Made once at random; changing it would give old entries new ids.
constexpr uuid transfer_name_space{
    {0x94, 0xfd, 0x7f, 0xad, 0x18, 0x97, 0x40, 0xec, 0x81, 0x0b, 0x5a, 0xc0, 0xcc, 0xd1, 0xda, 0x00}};

bool had_entries(const account& a) {
  return a.fees != cents{} || a.rewards != cents{} || a.paid_out != cents{};
}

/// The next entry of `a`, of its open day, without what only a posting knows.
entry_posted next_entry(const account& a, const account_id& id, entry_kind kind, cents amount) {
  const bool credited = kind == entry_kind::completion_reward;
  const uuid& company = credited                             ? company_rewards
                        : kind == entry_kind::assignment_fee ? company_fees
                                                             : company_payouts;
  entry_posted entry;
  entry.account = id;
  entry.number = a.entries + 1;
  entry.id = transfer_id_of(id, entry.number);
  entry.on = a.open_day;
  entry.kind = kind;
  entry.debit = credited ? company : id.value;
  entry.credit = credited ? id.value : company;
  entry.amount = amount;
  entry.balance_after = a.balance + entry.signed_amount();
  return entry;
}

void apply_one(account& a, const entry_posted& e) {
  a.id = e.account;
  a.open_day = e.on;
  a.balance = e.balance_after;
  a.entries = e.number;
  switch (e.kind) {
  case entry_kind::assignment_fee:
    a.fees += e.amount;
    break;
  case entry_kind::completion_reward:
    a.rewards += e.amount;
    break;
  case entry_kind::payout:
    a.paid_out += e.amount;
    break;
  }
}

void apply_all(account& a, const std::vector<account_event>& events) {
  const overload change{
      [&](const entry_posted& e) { apply_one(a, e); },
      [](const account_day_closed&) {},
      [&](const account_day_opened& e) {
        a.open_day = e.to;
        a.fees = a.rewards = a.paid_out = cents{};
      },
  };
  for (const auto& event : events)
    std::visit(change, event);
}

} // namespace

std::string_view to_string(entry_kind k) noexcept {
  switch (k) {
  case entry_kind::assignment_fee:
    return "assignment_fee";
  case entry_kind::completion_reward:
    return "completion_reward";
  case entry_kind::payout:
    return "payout";
  }
  return "?";
}

std::optional<entry_kind> parse_entry_kind(std::string_view text) noexcept {
  for (const auto k : {entry_kind::assignment_fee, entry_kind::completion_reward, entry_kind::payout})
    if (text == to_string(k))
      return k;
  return std::nullopt;
}

std::vector<account_event> decide_close(const account& a, day shard_day) {
  std::vector<account_event> events;
  if (!a.exists() || a.open_day >= shard_day)
    return events;
  account closing = a;
  if (a.balance > cents{}) {
    const auto payout = next_entry(a, a.id, entry_kind::payout, a.balance);
    apply_one(closing, payout);
    events.emplace_back(payout);
  }
  if (had_entries(closing))
    events.emplace_back(account_day_closed{.account = a.id,
                                           .on = closing.open_day,
                                           .fees = closing.fees,
                                           .rewards = closing.rewards,
                                           .paid_out = closing.paid_out,
                                           .balance = closing.balance});
  events.emplace_back(account_day_opened{a.id, shard_day});
  return events;
}

std::vector<account_event> decide(const account& a, const posting& p, day shard_day) {
  if (p.kind == entry_kind::payout || p.amount <= cents{})
    throw std::logic_error("account: a posting is a fee or a reward of more than nothing");
  auto events = decide_close(a, shard_day);
  account opened = a;
  apply_all(opened, events);
  if (!opened.exists())
    opened.open_day = shard_day;
  auto entry = next_entry(opened, p.account, p.kind, p.amount);
  entry.task = p.task;
  entry.reason = p.reason;
  entry.shuffle = p.shuffle;
  events.emplace_back(std::move(entry));
  return events;
}

void apply(account& a, const std::vector<account_event>& events) {
  apply_all(a, events);
  if (!events.empty())
    ++a.version;
}

transfer_id transfer_id_of(const account_id& account, std::uint64_t number) {
  std::array<std::uint8_t, 24> name{};
  std::memcpy(name.data(), account.value.bytes.data(), account.value.bytes.size());
  store_big_endian(number, std::span(name).last<8>());
  return {uuid_v5(transfer_name_space, {reinterpret_cast<const char*>(name.data()), name.size()})};
}

} // namespace ates::domain
