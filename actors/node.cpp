#include "actors/node.hpp"

#include "config/limits.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <ctime>
#include <random>
#include <stdexcept>

namespace ates::actors {

namespace {

class engine_dice final : public domain::dice {
public:
  engine_dice() {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device(), device(), device(), device(), device()};
    engine_.seed(seed);
  }
  std::uint64_t roll() override { return engine_(); }

private:
  std::mt19937_64 engine_;
};

std::int64_t steady_ns() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

} // namespace

domain::dice& thread_dice() {
  thread_local engine_dice dice;
  return dice;
}

domain::uuid random_uuid() {
  std::array<std::uint8_t, 16> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    throw std::runtime_error("the operating system gives no random bytes");
  return domain::uuid_v4(bytes);
}

void business_clock::set(domain::instant database_clock, std::chrono::steady_clock::time_point at) {
  const auto steady = std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch());
  ahead_us_.store(database_clock.time_since_epoch().count() - steady.count());
}

void business_clock::not_before(domain::instant found) {
  const auto us = found.time_since_epoch().count();
  for (auto least = least_us_.load(); least < us && !least_us_.compare_exchange_weak(least, us);) {
  }
}

domain::instant business_clock::now() const {
  const auto steady = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now().time_since_epoch());
  const domain::instant at{steady + std::chrono::microseconds{ahead_us_.load()} + offset_};
  return std::max(at, domain::instant{std::chrono::microseconds{least_us_.load()}});
}

std::chrono::nanoseconds lease_right::boot_clock() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
}

std::chrono::milliseconds lease_right::age() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(boot_clock() -
                                                               std::chrono::nanoseconds{sent_ns_.load()});
}

bool lease_right::fresh() const {
  return age() < freshness;
}

void storage_health::commit_began(std::size_t writer) {
  since_ns_.at(writer).store(steady_ns());
}

void storage_health::commit_ended(std::size_t writer) {
  since_ns_.at(writer).store(0);
}

void storage_health::heartbeat(bool good) {
  last_beat_ns_.store(good ? steady_ns() : 0);
}

bool storage_health::good() const {
  const auto now = steady_ns();
  const auto beat = last_beat_ns_.load();
  if (beat == 0 || std::chrono::nanoseconds{now - beat} > patience)
    return false;
  for (const auto& since : since_ns_) {
    const auto began = since.load();
    if (began != 0 && std::chrono::nanoseconds{now - began} > patience)
      return false;
  }
  return true;
}

bool credits::take(std::size_t bytes) {
  const auto size = static_cast<std::int64_t>(bytes);
  const auto requests = requests_.fetch_add(1) + 1;
  const auto total = bytes_.fetch_add(size) + size;
  if (requests <= config::limits::credit_requests && total <= config::limits::credit_bytes)
    return true;
  give_back(bytes);
  return false;
}

void credits::give_back(std::size_t bytes) {
  requests_.fetch_sub(1);
  bytes_.fetch_sub(static_cast<std::int64_t>(bytes));
}

node::node(config::settings s)
    : settings(std::move(s)), shards(settings.exchange.shards),
      calendar(settings.exchange.timezone, settings.exchange.day_ends_at), clock(settings.clock_offset) {
  auto empty = std::make_shared<roster>();
  empty->assignable = std::make_shared<const std::vector<domain::account_id>>();
  publish(std::move(empty));
}

} // namespace ates::actors
