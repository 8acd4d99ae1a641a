#pragma once
/// Bytes that all requests together may have in memory, beyond a little that each may have anyway.

#include <atomic>
#include <cstddef>

namespace ates::http {

class byte_budget {
public:
  /// `free_each`: what a share may have without asking.
  byte_budget(std::size_t bytes, std::size_t free_each) : bytes_(bytes), free_each_(free_each) {}

  /// What one request holds; given back at the end. Used by one thread at a time.
  class share {
  public:
    explicit share(byte_budget& of) : of_(of) {}
    ~share() { release(); }
    share(const share&) = delete;
    share& operator=(const share&) = delete;

    /// False: there is not so much left; what it has, it keeps.
    [[nodiscard]] bool grow_to(std::size_t bytes) {
      if (bytes <= of_.free_each_ || bytes <= held_)
        return true;
      const auto more = bytes - held_;
      if (of_.used_.fetch_add(more) + more > of_.bytes_) {
        of_.used_ -= more;
        return false;
      }
      held_ = bytes;
      return true;
    }
    void release() {
      of_.used_ -= held_;
      held_ = 0;
    }

  private:
    byte_budget& of_;
    std::size_t held_ = 0;
  };

private:
  const std::size_t bytes_;
  const std::size_t free_each_;
  std::atomic<std::size_t> used_{0};
};

} // namespace ates::http
