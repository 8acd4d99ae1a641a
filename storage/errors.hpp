#pragma once
/// The one error that leaves storage/: third-party errors are translated here once, with the operation's
/// name.

#include <stdexcept>
#include <string>
#include <string_view>

namespace ates::storage {

class storage_error : public std::runtime_error {
public:
  enum class kind {
    away,    ///< no connection, or it broke: nothing is known about what was under way
    refused, ///< the server answered with an error
  };
  storage_error(kind k, const std::string& operation, const std::string& sqlstate, const std::string& message)
      : std::runtime_error(operation + ": " + (sqlstate.empty() ? "" : sqlstate + ": ") + message), kind_(k),
        sqlstate_(sqlstate) {}
  [[nodiscard]] kind what_kind() const noexcept { return kind_; }
  [[nodiscard]] const std::string& sqlstate() const noexcept { return sqlstate_; }
  /// Whether storage is only not there, or has no room or no time now: it may do the same when it is asked
  /// again.
  [[nodiscard]] bool is_passing() const noexcept {
    constexpr std::string_view canceled = "57014";
    constexpr std::string_view no_lock = "55P03";
    return kind_ == kind::away || sqlstate_ == canceled || sqlstate_ == no_lock ||
           sqlstate_.starts_with("53") || // disk full, …
           sqlstate_.starts_with("40");   // deadlock, …
  }

private:
  kind kind_;
  std::string sqlstate_;
};

} // namespace ates::storage
