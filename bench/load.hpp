#pragma once
/// A load on a node: closed (so many requests under way) or open (requests come on a schedule, whatever
/// becomes of them). One thread; what it costs, the node under test does not get.

#include <netinet/in.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ates::bench {

/// One request, and what its workload wants to know again when it is answered.
struct load_request {
  std::string bytes;
  int kind = 0;
  std::string about;
};

/// What is asked, and who hears what became of it.
class workload {
public:
  virtual ~workload() = default;
  virtual load_request next() = 0;
  /// `status` 0: no answer came.
  virtual void answered(const load_request& request, int status, std::string_view answer) = 0;
};

/// What became of the requests of one phase. Times are in milliseconds, from the moment that the schedule (in
/// a closed loop: the client) says.
struct tally {
  static constexpr std::chrono::milliseconds slice{100};

  double seconds = 0;
  std::uint64_t arrivals = 0;
  std::uint64_t without_connection = 0;         ///< all were in use: not asked
  std::uint64_t hung_up = 0;                    ///< the connection ended without an answer
  std::uint64_t unanswered = 0;                 ///< until the end of all phases, 10 s at least
  std::uint64_t malformed = 0;                  ///< 503 without Retry-After or a problem
  std::map<std::string, std::uint64_t> answers; ///< by status and code, as "503 overloaded"
  std::vector<float> accepted_ms, refused_ms;
  std::vector<float>
      accepted_node_ms; ///< of accepted_ms what is not the client's: from the request's first byte
  /// In each slice of the phase: answers to its requests.
  std::vector<std::uint32_t> accepted_in, refused_in;
  std::chrono::nanoseconds behind{0}; ///< the most that the client was behind its schedule
  std::size_t connections = 0;        ///< the most that were open
};

class load {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// `connections_max`: descriptors that it may use. `glance` is called every now and then.
  load(const std::string& address, std::size_t connections_max, workload& work, std::function<void()> glance);
  ~load();
  load(const load&) = delete;
  load& operator=(const load&) = delete;

  /// Phases follow each other at once: what one leaves under way is heard in the next, and counts for its
  /// own.
  const tally& run_closed(std::size_t under_way, std::chrono::milliseconds length);
  const tally& run_open(double per_second, std::chrono::milliseconds length);
  /// Waits until all is answered, 10 s at most.
  void finish();

private:
  struct line;
  tally& begin_phase();
  /// False: all connections are in use.
  bool ask(tally& of, time_point due);
  line* take_line();
  void turn(std::chrono::microseconds patience);
  void act(line& on, std::uint32_t events);
  void flush(line& on);
  void hear(line& on);
  void settle(line& on, int status);
  void hang_up(line& on);

  const sockaddr_in peer_;
  const std::size_t connections_max_;
  workload& work_;
  const std::function<void()> glance_;
  time_point next_glance_{};
  int poll_;
  std::vector<std::unique_ptr<line>> lines_;
  std::vector<line*> idle_;   ///< the last that was used comes first
  std::vector<line*> closed_; ///< to be connected again
  std::size_t under_way_ = 0;
  std::vector<std::unique_ptr<tally>> phases_;
  time_point phase_began_{};
};

} // namespace ates::bench
