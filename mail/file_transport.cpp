// Letters as files: written beside their place, made durable, then put there by a rename.

#include "mail/transport.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <stdexcept>
#include <string_view>
#include <unistd.h>

namespace ates::mail {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail(const char* what, const fs::path& path) {
  throw std::runtime_error(std::string{what} + " " + path.string() + ": " + std::strerror(errno));
}

/// An open file or folder.
class descriptor {
public:
  descriptor(const fs::path& path, int flags)
      : path_(path), number_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {
    if (number_ < 0)
      fail("cannot open", path_);
  }
  ~descriptor() { ::close(number_); }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;

  void write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto written = ::write(number_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR)
        continue;
      if (written < 0)
        fail("cannot write", path_);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  void sync() const {
    if (::fsync(number_) != 0)
      fail("cannot make durable", path_);
  }

private:
  const fs::path& path_;
  int number_;
};

void sync_folder(const fs::path& folder) {
  descriptor{folder, O_RDONLY | O_DIRECTORY}.sync();
}

/// Makes `folder` and what is missing above it, each durable in the one that holds it.
void make_folder(const fs::path& folder) {
  if (folder.empty() || fs::is_directory(folder))
    return;
  make_folder(folder.parent_path());
  fs::create_directory(folder); // another mailer may have been faster
  sync_folder(folder.has_parent_path() ? folder.parent_path() : fs::path{"."});
}

class file_transport final : public transport {
public:
  explicit file_transport(fs::path folder) : folder_(std::move(folder)) {}

  attempt send(const parcel& p, const std::function<bool()>&) override {
    try {
      write(p);
      return {outcome::sent, {}};
    } catch (const std::exception& e) {
      return {outcome::failed, e.what()};
    }
  }

private:
  void write(const parcel& p) const {
    const auto day = folder_ / p.day;
    make_folder(day);
    const auto fresh = day / ("." + p.account + ".eml.new");
    const auto place = day / (p.account + ".eml");
    {
      const descriptor file{fresh, O_WRONLY | O_CREAT | O_TRUNC};
      file.write(p.text);
      file.sync();
    }
    fs::rename(fresh, place);
    sync_folder(day);
  }

  fs::path folder_;
};

} // namespace

std::unique_ptr<transport> open_file_transport(fs::path folder) {
  return std::make_unique<file_transport>(std::move(folder));
}

} // namespace ates::mail
