#pragma once
/// Families of refresh tokens of one account (contract.md "Tokens"). A family is one sign-in and what was
/// refreshed from it. Real time, not business time. Pure state; the account actor stores it.

#include "domain/ids.hpp"
#include "storage/record.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ates::actors {

class sessions {
public:
  using time = std::chrono::sys_time<std::chrono::microseconds>;

  void load(const std::vector<storage::session_row>& rows);

  /// Opens a family with one token. The oldest families beyond the limit end: their rows come back with an
  /// empty state.
  std::vector<storage::session_row> open(const domain::account_id& account, const domain::uuid& family,
                                         const std::string& secret_hash, time now);

  enum class verdict { ok, unknown, reused };
  struct result {
    verdict what = verdict::unknown;
    std::vector<storage::session_row> changes;
  };
  /// Uses a token and adds the next one. A token that was used more than the grace ago revokes the family.
  result refresh(const domain::account_id& account, const domain::uuid& family,
                 const std::string& secret_hash, const std::string& new_secret_hash, time now);

  /// Ends the family of a token, if there is one.
  result close(const domain::account_id& account, const domain::uuid& family, const std::string& secret_hash);

  /// Ends every family but `keep`.
  std::vector<storage::session_row> close_others(const domain::account_id& account,
                                                 const std::optional<domain::uuid>& keep);

private:
  struct token {
    std::string hash;
    time issued;
    std::optional<time> used;
  };
  struct family_state {
    std::vector<token> tokens;
    time expires;
  };

  static storage::session_row row_of(const domain::account_id& account, const domain::uuid& family,
                                     const family_state& state);
  static storage::session_row end_of(const domain::account_id& account, const domain::uuid& family);

  std::map<domain::uuid, family_state> families_;
};

} // namespace ates::actors
