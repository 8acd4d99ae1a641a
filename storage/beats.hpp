#pragma once
/// The heartbeats of one node, as far as they give it the right to declare others dead (design.md §6): after
/// an outage everybody beats before anybody judges.

#include "domain/time.hpp"

#include <chrono>
#include <optional>

namespace ates::storage {

/// Knows the database's clock only.
class beats {
public:
  void joined(std::chrono::milliseconds ttl) { *this = beats{ttl}; }
  void beaten(domain::instant at) {
    if (!last_ || at - *last_ > longest_gap())
      since_ = at;
    last_ = at;
  }
  /// Storage was away, or we were declared dead.
  void broken() {
    last_.reset();
    was_broken_ = true;
  }

  /// They have succeeded without a break for a whole ttl.
  [[nodiscard]] bool for_a_ttl() const { return last_ && *last_ - since_ >= ttl_; }
  /// The same, or storage was never away since we joined: nobody can be on the way back from an outage.
  [[nodiscard]] bool or_never_broken() const { return for_a_ttl() || (last_ && !was_broken_); }
  /// More time than this between two beats is a break.
  [[nodiscard]] std::chrono::milliseconds longest_gap() const { return ttl_ / 2; }

  beats() = default;

private:
  explicit beats(std::chrono::milliseconds ttl) : ttl_(ttl) {}

  std::chrono::milliseconds ttl_{0};
  domain::instant since_{};
  std::optional<domain::instant> last_;
  bool was_broken_ = false;
};

} // namespace ates::storage
