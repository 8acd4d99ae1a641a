#include "actors/sessions.hpp"

#include "config/limits.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace ates::actors {

namespace limits = config::limits;

void sessions::load(const std::vector<storage::session_row>& rows) {
  for (const auto& row : rows) {
    family_state state;
    state.expires = row.expires_at;
    for (const auto& t : nlohmann::json::parse(row.state)) {
      token one{t.at("hash"), time{std::chrono::microseconds{t.at("issued").get<std::int64_t>()}},
                std::nullopt};
      if (t.contains("used"))
        one.used = time{std::chrono::microseconds{t.at("used").get<std::int64_t>()}};
      state.tokens.push_back(std::move(one));
    }
    families_[row.family] = std::move(state);
  }
}

storage::session_row sessions::row_of(const domain::account_id& account, const domain::uuid& family,
                                      const family_state& state) {
  auto tokens = nlohmann::json::array();
  for (const auto& t : state.tokens) {
    nlohmann::json one{{"hash", t.hash}, {"issued", t.issued.time_since_epoch().count()}};
    if (t.used)
      one["used"] = t.used->time_since_epoch().count();
    tokens.push_back(std::move(one));
  }
  return {account, family, tokens.dump(), state.expires};
}

storage::session_row sessions::end_of(const domain::account_id& account, const domain::uuid& family) {
  return {account, family, {}, {}};
}

std::vector<storage::session_row> sessions::open(const domain::account_id& account,
                                                 const domain::uuid& family, const std::string& secret_hash,
                                                 time now) {
  std::vector<storage::session_row> changes;
  for (auto it = families_.begin(); it != families_.end();) {
    if (it->second.expires > now) {
      ++it;
      continue;
    }
    changes.push_back(end_of(account, it->first));
    it = families_.erase(it);
  }
  while (families_.size() >= limits::families_per_account) {
    const auto oldest =
        std::min_element(families_.begin(), families_.end(),
                         [](const auto& a, const auto& b) { return a.second.expires < b.second.expires; });
    changes.push_back(end_of(account, oldest->first));
    families_.erase(oldest);
  }
  family_state state;
  state.tokens.push_back({secret_hash, now, std::nullopt});
  state.expires = now + limits::refresh_token_life;
  changes.push_back(row_of(account, family, state));
  families_[family] = std::move(state);
  return changes;
}

sessions::result sessions::refresh(const domain::account_id& account, const domain::uuid& family,
                                   const std::string& secret_hash, const std::string& new_secret_hash,
                                   time now) {
  const auto found = families_.find(family);
  if (found == families_.end() || found->second.expires <= now)
    return {};
  auto& state = found->second;
  // Used tokens are forgotten after the grace: what the family does not know any more was used before.
  std::erase_if(state.tokens,
                [&](const token& t) { return t.used && *t.used + limits::refresh_grace < now; });
  const auto presented = std::find_if(state.tokens.begin(), state.tokens.end(),
                                      [&](const token& t) { return t.hash == secret_hash; });
  if (presented == state.tokens.end()) {
    families_.erase(found);
    return {verdict::reused, {end_of(account, family)}};
  }
  if (presented->issued + limits::refresh_token_life <= now)
    return {};
  if (!presented->used)
    presented->used = now;
  if (state.tokens.size() >= limits::tokens_per_family)
    state.tokens.erase(state.tokens.begin());
  state.tokens.push_back({new_secret_hash, now, std::nullopt});
  state.expires = now + limits::refresh_token_life;
  return {verdict::ok, {row_of(account, family, state)}};
}

std::vector<storage::session_row> sessions::close_others(const domain::account_id& account,
                                                         const std::optional<domain::uuid>& keep) {
  std::vector<storage::session_row> changes;
  for (const auto& [family, _] : families_)
    if (family != keep)
      changes.push_back(end_of(account, family));
  std::erase_if(families_, [&](const auto& f) { return f.first != keep; });
  return changes;
}

sessions::result sessions::close(const domain::account_id& account, const domain::uuid& family,
                                 const std::string& secret_hash) {
  const auto found = families_.find(family);
  if (found == families_.end())
    return {};
  const bool known = std::any_of(found->second.tokens.begin(), found->second.tokens.end(),
                                 [&](const token& t) { return t.hash == secret_hash; });
  if (!known)
    return {};
  families_.erase(found);
  return {verdict::ok, {end_of(account, family)}};
}

} // namespace ates::actors
