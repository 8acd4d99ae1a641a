#pragma once
/// Assertions for the impossible: always on, say why, abort. Never for input.

#include <cstdio>
#include <cstdlib>

namespace ates::storage {

inline void insist(bool holds, const char* why) {
  if (holds)
    return;
  std::fprintf(stderr, "impossible: %s\n", why);
  std::abort();
}

} // namespace ates::storage
