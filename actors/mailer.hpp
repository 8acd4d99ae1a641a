#pragma once
/// A mailer: composes letters and sends them, one at a time, on a thread of its own. It keeps nothing: the
/// shard that asked records what became of each.

#include "actors/node.hpp"
#include "actors/protocol.hpp"

#include <functional>
#include <memory>

namespace ates::actors {

class mailer_state {
public:
  mailer_state() {}
  void open(std::shared_ptr<node> home, std::unique_ptr<mail::transport> transport);
  [[nodiscard]] letter_result send(const letter_order& order);

  static inline const char* name = "mailer";

private:
  std::shared_ptr<node> home_;
  std::unique_ptr<mail::transport> transport_;
};

/// Every order is answered, within mail::letter_patience of its turn.
mailer_actor::behavior_type mailer(mailer_actor::stateful_pointer<mailer_state> self,
                                   std::shared_ptr<node> home,
                                   std::function<std::unique_ptr<mail::transport>()> open_transport);

} // namespace ates::actors
