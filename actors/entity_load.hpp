#pragma once
/// What a running entity costs and how far behind it is: told by counters, never by a message per command
/// (design.md §10). The shard counts what it hands on, the entity what it has handled; anybody may read.

#include "actors/facade.hpp"
#include "actors/hand_notes.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ates::actors {

inline std::int64_t steady_now_ns() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

/// Shared by one life of an entity and its shard. Each counter has one writer.
class entity_load {
public:
  entity_load() = default;
  /// Of a task or an account: what it has in hand is noted. `notes` may be null.
  entity_load(hand_notes* notes, const storage::entity_place& place) : notes_(notes), place_(place) {}

  // ── the shard
  /// Hands one more message on; the time travels with it.
  void handed_on(std::int64_t now_ns) {
    const auto before = handed_on_.load(std::memory_order_relaxed);
    if (handled_.load(std::memory_order_acquire) == before)
      oldest_ns_.store(now_ns, std::memory_order_relaxed); // nothing else was waiting
    handed_on_.store(before + 1, std::memory_order_relaxed);
  }

  // ── the entity
  void began(std::int64_t handed_on_ns) {
    oldest_ns_.store(handed_on_ns, std::memory_order_relaxed);
    if (notes_ != nullptr)
      notes_->begin(place_);
  }
  void ended(std::int64_t took_ns, std::uint64_t version) {
    handled_ns_.store(handled_ns_.load(std::memory_order_relaxed) + took_ns, std::memory_order_relaxed);
    version_.store(version, std::memory_order_relaxed);
    handled_.store(handled_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    if (notes_ != nullptr)
      notes_->done();
  }
  /// Why its life ends, and the event of which it did, if it was one. Said at most once.
  struct failure {
    std::string why;
    std::optional<storage::cause> event;
  };
  void failed(failure f) { failure_ = std::make_shared<const failure>(std::move(f)); }

  // ── anybody
  [[nodiscard]] std::uint64_t messages() const { return handled_.load(std::memory_order_acquire); }
  /// Handed on and not handled: the one being handled counts.
  [[nodiscard]] std::uint64_t mailbox() const {
    const auto handled = messages();
    return std::max(handed_on_.load(std::memory_order_relaxed), handled) - handled;
  }
  /// Since when the oldest of them waits; 0: there is none.
  [[nodiscard]] std::int64_t oldest_ns(std::int64_t now_ns) const {
    if (mailbox() == 0)
      return 0;
    return std::max<std::int64_t>(now_ns - oldest_ns_.load(std::memory_order_relaxed), 0);
  }
  [[nodiscard]] std::int64_t handled_ns() const { return handled_ns_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t version() const { return version_.load(std::memory_order_relaxed); }
  [[nodiscard]] failure last_failure() const {
    const auto f = failure_.load();
    return f ? *f : failure{};
  }

  /// The last things it handled: the entity's own, told by it alone.
  class memory {
  public:
    static constexpr std::size_t kept = 16;
    void add(domain::instant at, std::string_view kind, std::int64_t took_ns) {
      const item one{at, kind, took_ns};
      if (items_.size() < kept)
        items_.push_back(one);
      else
        items_[next_++ % kept] = one;
    }
    /// Newest first.
    [[nodiscard]] std::vector<handled_message> newest_first() const {
      std::vector<handled_message> out;
      for (std::size_t i = 0; i < items_.size(); ++i) {
        const auto& one = items_[(next_ + items_.size() - 1 - i) % items_.size()];
        out.push_back({one.at, std::string{one.kind}, one.took_ns / 1000});
      }
      return out;
    }

  private:
    struct item {
      domain::instant at{};
      std::string_view kind; ///< a literal
      std::int64_t took_ns = 0;
    };
    std::vector<item> items_;
    std::size_t next_ = 0; ///< to be overwritten, once it is full
  } recent;

private:
  std::atomic<std::uint64_t> handed_on_{0}, handled_{0}, version_{0};
  std::atomic<std::int64_t> oldest_ns_{0}, handled_ns_{0};
  std::atomic<std::shared_ptr<const failure>> failure_;
  hand_notes* notes_ = nullptr;
  storage::entity_place place_;
};

/// Measures the handling of one message, while it lives.
template <class State> class handling {
public:
  handling(entity_load& load, const State& state, std::int64_t handed_on_ns, std::string_view kind)
      : load_(load), state_(state), kind_(kind), began_ns_(steady_now_ns()) {
    load_.began(handed_on_ns == 0 ? began_ns_ : handed_on_ns);
  }
  ~handling() {
    const auto took = steady_now_ns() - began_ns_;
    load_.recent.add(
        std::chrono::time_point_cast<domain::instant::duration>(std::chrono::system_clock::now()) -
            std::chrono::microseconds{took / 1000},
        kind_, took);
    load_.ended(took, state_.version());
  }
  handling(const handling&) = delete;
  handling& operator=(const handling&) = delete;

private:
  entity_load& load_;
  const State& state_;
  std::string_view kind_;
  std::int64_t began_ns_;
};

} // namespace ates::actors
