#pragma once
/// Events as those outside see them: CloudEvents 1.0 (contract.md §4), and what a reader asks for.

#include "http/query.hpp"
#include "storage/event_log.hpp"

#include <string>
#include <string_view>

namespace ates::http {

/// One line of JSON.
std::string to_cloud_event(const storage::logged_event& event);

/// Which events a reader wants, and its places in the log as it is told them: opaque, and good for this
/// choice only, on /events and /events/stream alike.
class event_choice {
public:
  /// `type` of the query: full types and prefixes ending in `.*`; throws bad_request. `sealing` must outlive
  /// it.
  event_choice(const cursors& sealing, const query_map& query);

  [[nodiscard]] const storage::event_filter& filter() const noexcept { return filter_; }
  [[nodiscard]] std::string seal(const storage::log_position& at) const;
  /// Throws bad_request for what seal() of the same choice has not made.
  [[nodiscard]] storage::log_position open(const std::string& cursor, std::size_t shards) const;
  /// The same for equal choices, whatever their order.
  [[nodiscard]] const std::string& name() const noexcept { return bound_.at("type"); }

private:
  const cursors& sealing_;
  storage::event_filter filter_;
  query_map bound_; ///< what the cursors are bound to
};

/// One event of a stream: id, event, data.
std::string to_frame(const std::string& cursor, std::string_view type, const std::string& line);

} // namespace ates::http
