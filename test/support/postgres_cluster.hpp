#pragma once
/// A private throw-away PostgreSQL 15 for one test binary, with the database, the two roles and the
/// configuration of production. scripts/lib/postgres.py makes and runs it; this is the handle.

#include <filesystem>
#include <string>
#include <sys/types.h>

namespace ates::test {

/// The two roles of the database: `owner` migrates (superuser), `app` is what the daemon is (no rights until
/// migrated).
enum class database_role { owner, app };

enum class durability {
  full,   ///< as in production
  waived, ///< fsync, full_page_writes and synchronous_commit off: for quick tests of rules, never of crashes
};

/// Running from construction to destruction. Everything of it is ended and removed at the end, also when the
/// test binary crashes or is killed. Starting takes about half a second (the first time on a machine: three).
/// All members throw std::runtime_error with PostgreSQL's own words. Not thread-safe. Owns: one child
/// process, one folder in /tmp.
class postgres_cluster {
public:
  explicit postgres_cluster(durability how = durability::full);
  ~postgres_cluster();
  postgres_cluster(const postgres_cluster&) = delete;
  postgres_cluster& operator=(const postgres_cluster&) = delete;

  /// Where libpq connects as `role`. The kernel vouches for us: there is no password. `database` must exist:
  /// "ates", empty at first, or one that the test has made.
  std::string url(database_role role, const std::string& database = "ates") const;

  /// The same through a gate of the test on a TCP port, which forwards the bytes to socket().
  std::string url_through(const std::string& host, int port, database_role role,
                          const std::string& database = "ates") const;

  /// The unix socket that PostgreSQL listens on.
  std::filesystem::path socket() const;

  void stop();   ///< immediately, as a power failure would
  void start();  ///< after stop() or kill9(); returns when connections are accepted
  void kill9();  ///< SIGKILL to the postmaster; its backends notice by themselves, a busy one late
  void freeze(); ///< SIGSTOP to all its processes: connections stay open and nothing answers
  void thaw();   ///< ends freeze()

private:
  void tell(const std::string& verb);
  std::string hear();

  pid_t keeper_ = -1; // the process that runs PostgreSQL for us, and cleans up when to_keeper_ closes
  int to_keeper_ = -1;
  int from_keeper_ = -1;
  std::string folder_;
};

} // namespace ates::test
