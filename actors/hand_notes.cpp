#include "actors/hand_notes.hpp"

#include <cerrno>
#include <fcntl.h>
#include <new>
#include <sys/mman.h>
#include <system_error>
#include <type_traits>
#include <unistd.h>

namespace ates::actors {

hand_notes::hand_notes(const std::filesystem::path& file) {
  static_assert(std::is_trivially_copyable_v<place>);
  constexpr auto bytes = places * sizeof(place);
  const auto fail = [&] { throw std::system_error(errno, std::generic_category(), file.string()); };
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    fail();
  // A file of another length is of another version, and grows from nothing: zeros are free places.
  const bool sized = ::lseek(fd, 0, SEEK_END) == static_cast<off_t>(bytes) ||
                     (::ftruncate(fd, 0) == 0 && ::ftruncate(fd, bytes) == 0);
  void* mapped = sized ? ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
  if (mapped == MAP_FAILED) {
    ::close(fd);
    fail();
  }
  ::close(fd);
  all_ = static_cast<place*>(mapped);
}

hand_notes::~hand_notes() {
  ::munmap(all_, places * sizeof(place));
}

std::vector<storage::entity_place> hand_notes::left_behind() const {
  std::vector<storage::entity_place> found;
  for (std::size_t i = 0; i < places; ++i)
    if (const auto& p = all_[i]; p.busy != 0)
      found.push_back({p.shard, {p.kind, p.entity}});
  return found;
}

void hand_notes::forget() {
  for (std::size_t i = 0; i < places; ++i)
    all_[i] = {};
}

hand_notes::place& hand_notes::mine() noexcept {
  thread_local const std::size_t number = threads_.fetch_add(1) % places;
  return all_[number];
}

void hand_notes::begin(const storage::entity_place& what) noexcept {
  auto& p = mine();
  p.kind = what.entity.kind;
  p.shard = what.shard;
  p.entity = what.entity.id;
  // The process may end between any two instructions: what is marked busy is whole.
  std::atomic_ref(p.busy).store(1, std::memory_order_release);
}

void hand_notes::done() noexcept {
  std::atomic_ref(mine().busy).store(0, std::memory_order_release);
}

} // namespace ates::actors
