#pragma once
/// The one error that leaves storage/: third-party errors are translated here once, with the operation's
/// name.

#include <stdexcept>
#include <string>

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

private:
  kind kind_;
  std::string sqlstate_;
};

} // namespace ates::storage
