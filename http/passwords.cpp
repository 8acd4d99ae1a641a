#include "http/passwords.hpp"

#include "http/crypto.hpp"
#include "http/limits.hpp"
#include "http/problem.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

namespace ates::http {

namespace {

using clock = std::chrono::steady_clock;

constexpr std::uint32_t block_size = 8;  // r
constexpr std::uint32_t parallelism = 1; // p
constexpr std::uint32_t log2n_max = 20;
constexpr std::size_t salt_bytes = 16;
constexpr std::size_t hash_bytes = 32;

struct stored_hash {
  std::uint32_t log2n = 0, r = 0, p = 0;
  std::string salt, hash;
};

std::string format(std::uint32_t log2n, std::string_view salt, std::string_view hash) {
  return "scrypt$" + std::to_string(log2n) + "$" + std::to_string(block_size) + "$" +
         std::to_string(parallelism) + "$" + base64url(salt) + "$" + base64url(hash);
}

bool parse_number(std::string_view text, std::uint32_t max, std::uint32_t& out) {
  const auto* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, out);
  return parsed.ec == std::errc{} && parsed.ptr == end && out >= 1 && out <= max;
}

std::optional<stored_hash> parse(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find('$', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  stored_hash out;
  if (parts.size() != 6 || parts[0] != "scrypt" || !parse_number(parts[1], log2n_max, out.log2n) ||
      !parse_number(parts[2], block_size, out.r) || !parse_number(parts[3], parallelism, out.p))
    return std::nullopt;
  auto salt = parse_base64url(parts[4]);
  auto hash = parse_base64url(parts[5]);
  if (!salt || !hash || hash->size() != hash_bytes)
    return std::nullopt;
  out.salt = *std::move(salt);
  out.hash = *std::move(hash);
  return out;
}

} // namespace

/// The right to compute one hash now; waited for in line.
class passwords::turn {
public:
  turn(passwords& of, time_point deadline) : of_(of) {
    std::unique_lock lock(of_.mutex_);
    const auto rounds = static_cast<std::int64_t>((of_.running_ + of_.waiting_) / slow_hashes_at_once + 1);
    if (clock::now() + of_.typical_ * rounds > deadline)
      throw problem(code::overloaded, "Too many sign-ins at once.");
    ++of_.waiting_;
    const bool mine =
        of_.freed_.wait_until(lock, deadline, [this] { return of_.running_ < slow_hashes_at_once; });
    --of_.waiting_;
    if (!mine)
      throw problem(code::overloaded, "Too many sign-ins at once.");
    ++of_.running_;
    begun_ = clock::now();
  }
  ~turn() {
    const std::lock_guard lock(of_.mutex_);
    --of_.running_;
    if (computed_)
      of_.typical_ = (of_.typical_ * 3 + (clock::now() - begun_)) / 4;
    of_.freed_.notify_one();
  }
  turn(const turn&) = delete;
  turn& operator=(const turn&) = delete;
  void computed() noexcept { computed_ = true; }

private:
  passwords& of_;
  time_point begun_;
  bool computed_ = false;
};

passwords::passwords(std::uint32_t log2n)
    : log2n_(log2n), nobodys_(format(log2n, random_bytes(salt_bytes), random_bytes(hash_bytes))) {}

std::string passwords::compute(std::string_view secret, std::string_view salt, std::uint32_t log2n,
                               std::uint32_t r, std::uint32_t p) {
  const auto n = std::uint64_t{1} << log2n;
  const auto memory_max = 128 * n * r + (std::uint64_t{1} << 20);
  std::string out(hash_bytes, '\0');
  if (EVP_PBE_scrypt(secret.data(), secret.size(), reinterpret_cast<const unsigned char*>(salt.data()),
                     salt.size(), n, r, p, memory_max, reinterpret_cast<unsigned char*>(out.data()),
                     out.size()) != 1)
    throw problem(code::overloaded, "No memory for a sign-in now.");
  return out;
}

std::string passwords::hash(std::string_view secret, time_point deadline) {
  turn mine(*this, deadline);
  const auto salt = random_bytes(salt_bytes);
  const auto hashed = compute(secret, salt, log2n_, block_size, parallelism);
  mine.computed();
  return format(log2n_, salt, hashed);
}

bool passwords::verify(std::string_view secret, const std::string& stored, time_point deadline,
                       const std::function<void()>& before) {
  turn mine(*this, deadline);
  if (before)
    before();
  const auto real = parse(stored);
  const auto against = real ? *real : *parse(nobodys_);
  const auto hashed = compute(secret, against.salt, against.log2n, against.r, against.p);
  mine.computed();
  return equal_in_constant_time(hashed, against.hash) && real.has_value();
}

} // namespace ates::http
