#include "actors/asker.hpp"

#include "actors/entity.hpp"
#include "actors/house_rules.hpp"

#include <algorithm>
#include <chrono>

namespace ates::actors {

namespace {

/// What an error in place of a reply means. An actor that ended before it took the message did nothing.
outcome outcome_of(const caf::error& e) {
  if (e == caf::sec::request_receiver_down)
    return outcome::unavailable;
  return outcome::outcome_unknown;
}

} // namespace

asker_actor::behavior_type asker(asker_actor::stateful_pointer<asker_state> self, region_actor region) {
  set_house_rules(self, asker_state::name);
  return {
      [self, region](outside_request& r) {
        const std::chrono::nanoseconds left{r.command.deadline_ns -
                                            std::chrono::steady_clock::now().time_since_epoch().count()};
        const auto timeout = std::max<std::chrono::nanoseconds>(left, std::chrono::milliseconds{1});
        self->request(region, timeout, std::move(r.command))
            .then([hear = r.hear](reply& answer) { hear(answer); },
                  [hear = r.hear](const caf::error& e) {
                    auto answer = refusal(outcome_of(e));
                    hear(answer);
                  });
      },
      [self](atom::stop) { self->quit(); },
  };
}

} // namespace ates::actors
