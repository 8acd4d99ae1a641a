#include "console/session.hpp"

#include "console/failure.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ates::console {
namespace {

using nlohmann::json;

[[noreturn]] void fail(const std::string& what, const std::filesystem::path& file) {
  throw failure(exit_code::failed, what + " " + file.string() + ": " + std::strerror(errno));
}

json read_document(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    if (errno == ENOENT)
      return json::object();
    fail("cannot read", file);
  }
  auto document = json::parse(in, nullptr, false);
  if (!document.is_object())
    throw failure(exit_code::failed, file.string() + " is damaged",
                  "remove it and sign in again: atesctl login NAME");
  return document;
}

void write_all(int descriptor, const std::string& text, const std::filesystem::path& file) {
  for (std::size_t done = 0; done < text.size();) {
    const auto wrote = write(descriptor, text.data() + done, text.size() - done);
    if (wrote < 0 && errno == EINTR)
      continue;
    if (wrote < 0)
      fail("cannot write", file);
    done += static_cast<std::size_t>(wrote);
  }
  if (fsync(descriptor) != 0)
    fail("cannot write", file);
}

/// mkstemp makes the file 0600; the rename makes it visible whole.
void replace(const std::filesystem::path& file, const std::string& text) {
  auto beside = file.string() + ".XXXXXX";
  const int descriptor = mkstemp(beside.data());
  if (descriptor < 0)
    fail("cannot make a file beside", file);
  try {
    write_all(descriptor, text, file);
    if (std::rename(beside.c_str(), file.c_str()) != 0)
      fail("cannot replace", file);
  } catch (...) {
    close(descriptor);
    unlink(beside.c_str());
    throw;
  }
  close(descriptor);
}

} // namespace

std::filesystem::path session_file(const surroundings& around) {
  const std::filesystem::path configured = around.variable("XDG_CONFIG_HOME");
  if (configured.is_absolute()) // a relative one is to be ignored (XDG base directory specification)
    return configured / "ates" / "session.json";
  const std::filesystem::path home = around.variable("HOME");
  if (home.empty())
    throw failure(exit_code::failed, "there is no place for the session file", "set HOME or XDG_CONFIG_HOME");
  return home / ".config" / "ates" / "session.json";
}

session_store::session_store(std::filesystem::path file) : file_(std::move(file)) {}

session_store::lock::lock(const session_store& store) {
  const auto folder = store.file_.parent_path();
  if (!std::filesystem::exists(folder)) {
    std::filesystem::create_directories(folder);
    chmod(folder.c_str(), 0700);
  }
  // A file of its own: the session file is replaced, and a lock on a replaced file excludes nobody.
  const auto path = store.file_.string() + ".lock";
  descriptor_ = open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor_ < 0)
    fail("cannot open", path);
  while (flock(descriptor_, LOCK_EX) != 0) {
    if (errno == EINTR)
      continue;
    close(descriptor_);
    fail("cannot lock", path);
  }
}

session_store::lock::~lock() {
  close(descriptor_);
}

std::optional<session> session_store::load(const std::string& url) const {
  const auto document = read_document(file_);
  const auto found = document.find(url);
  if (found == document.end())
    return std::nullopt;
  try {
    return session{
        found->at("login"), found->at("access_token"),
        std::chrono::sys_seconds(std::chrono::seconds(found->at("access_ends_at").get<std::int64_t>())),
        found->at("refresh_token")};
  } catch (const json::exception&) {
    throw failure(exit_code::failed, file_.string() + " is damaged",
                  "remove it and sign in again: atesctl login NAME");
  }
}

void session_store::save(const std::string& url, const session& entry, const lock&) const {
  auto document = read_document(file_);
  document[url] = {{"login", entry.login},
                   {"access_token", entry.access_token},
                   {"access_ends_at", entry.access_ends_at.time_since_epoch().count()},
                   {"refresh_token", entry.refresh_token}};
  replace(file_, document.dump(2) + "\n");
}

} // namespace ates::console
