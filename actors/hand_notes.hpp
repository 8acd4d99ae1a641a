#pragma once
/// What each thread has in hand, written into a file that outlives the process and costs no write of its own
/// (design.md §7): whoever starts next finds out which entities the last process died of.

#include "storage/journal.hpp"

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <vector>

namespace ates::actors {

class hand_notes {
public:
  /// Threads that have something in hand at the same time: the scheduler's, with room. More would share.
  static constexpr std::size_t places = 64;

  /// Maps `file`, which is made if it is missing. Throws std::system_error.
  explicit hand_notes(const std::filesystem::path& file);
  ~hand_notes();
  hand_notes(const hand_notes&) = delete;
  hand_notes& operator=(const hand_notes&) = delete;

  /// What the process before had in hand when it died.
  [[nodiscard]] std::vector<storage::entity_place> left_behind() const;
  /// Empties all places: it was counted.
  void forget();

  /// From now until done() the calling thread has a message for this entity in hand.
  void begin(const storage::entity_place& what) noexcept;
  void done() noexcept;

private:
  struct alignas(64) place { // a cache line each: threads do not disturb each other
    std::uint8_t busy = 0;
    storage::entity_kind kind{};
    storage::shard_number shard = 0;
    storage::uuid entity;
  };
  place& mine() noexcept;

  place* all_ = nullptr; ///< `places` of them
  std::atomic<std::size_t> threads_{0};
};

} // namespace ates::actors
