#pragma once
/// Who is signed in where: one file per person, one entry per node's URL.

#include "console/surroundings.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

namespace ates::console {

struct session {
  std::string login;
  std::string access_token;
  std::chrono::sys_seconds access_ends_at{}; ///< by this machine's clock
  std::string refresh_token;
  friend bool operator==(const session&, const session&) = default;
};

/// $XDG_CONFIG_HOME/ates/session.json, else $HOME/.config/ates/session.json. Throws failure when neither is
/// set.
std::filesystem::path session_file(const surroundings& around);

/// The file is 0600 from its first byte and replaced as a whole, so a reader always sees one state or the
/// other.
class session_store {
public:
  explicit session_store(std::filesystem::path file);

  /// Held while tokens are rotated or stored, over all processes of this person: of two, the second waits and
  /// then finds the tokens of the first. Released by the destructor, and by the kernel when the process dies.
  class lock {
  public:
    explicit lock(const session_store& store);
    ~lock();
    lock(const lock&) = delete;
    lock& operator=(const lock&) = delete;

  private:
    int descriptor_;
  };

  /// Throws failure when the file is there but unreadable.
  [[nodiscard]] std::optional<session> load(const std::string& url) const;

  /// Leaves the other URLs' entries as they are.
  void save(const std::string& url, const session& entry, const lock& held) const;

private:
  std::filesystem::path file_;
};

} // namespace ates::console
