#pragma once
/// Slow salted hashes of passwords and beaks: scrypt, as `scrypt$log2n$r$p$salt$hash` (salt and hash in
/// base64url).

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace ates::http {

/// Computes few hashes at a time (each takes 128 MiB and a quarter of a second at 2^17). Thread-safe.
class passwords {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// `log2n` is for new hashes; stored ones carry their own.
  explicit passwords(std::uint32_t log2n);

  /// Both throw problem overloaded, at once, when the line before them is so long that the deadline would
  /// pass.
  std::string hash(std::string_view secret, time_point deadline);
  /// An empty or malformed `stored` costs the same time as one that does not match. `before` runs when it is
  /// this call's turn, before the work; what it throws goes through.
  bool verify(std::string_view secret, const std::string& stored, time_point deadline,
              const std::function<void()>& before = {});

private:
  class turn;
  std::string compute(std::string_view secret, std::string_view salt, std::uint32_t log2n, std::uint32_t r,
                      std::uint32_t p);

  const std::uint32_t log2n_;
  const std::string nobodys_; ///< matches nothing
  std::mutex mutex_;
  std::condition_variable freed_;
  std::size_t running_ = 0;
  std::size_t waiting_ = 0;
  std::chrono::nanoseconds typical_{0}; ///< how long one takes here
};

} // namespace ates::http
