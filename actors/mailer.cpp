#include "actors/mailer.hpp"

#include "actors/house_rules.hpp"
#include "mail/letter.hpp"

namespace ates::actors {

void mailer_state::open(std::shared_ptr<node> home, std::unique_ptr<mail::transport> transport) {
  home_ = std::move(home);
  transport_ = std::move(transport);
}

letter_result mailer_state::send(const letter_order& order) {
  const auto wanted = [&order] { return order.wanted->load(); };
  if (!wanted())
    return {mail::outcome::dropped, "not wanted any more", {}};
  const auto& settings = home_->settings;
  const mail::letter letter{order.letter.account, order.letter.on,   order.letter.amount,
                            order.letter.address, order.letter.name, order.letter.queued_at};
  const auto id = mail::message_id(letter, settings.cluster.name);
  auto text = mail::compose(letter, settings.mail.from, settings.cluster.name);
  if (!text)
    return {mail::outcome::hopeless, "no letter can be sent to this address", id};
  auto result = transport_->send({.day = domain::to_string(letter.on),
                                  .account = domain::to_string(letter.account),
                                  .from = *mail::mailbox(settings.mail.from),
                                  .to = *mail::mailbox(letter.address),
                                  .text = std::move(*text)},
                                 wanted);
  return {result.what, std::move(result.why), id};
}

mailer_actor::behavior_type mailer(mailer_actor::stateful_pointer<mailer_state> self,
                                   std::shared_ptr<node> home,
                                   std::function<std::unique_ptr<mail::transport>()> open_transport) {
  set_house_rules(self, mailer_state::name);
  self->state.open(std::move(home), open_transport());
  return {
      [self](const letter_order& order) -> letter_result {
        try {
          return self->state.send(order);
        } catch (const std::exception& e) {
          return {mail::outcome::failed, e.what(), {}};
        }
      },
      [self](atom::stop) { self->quit(); },
  };
}

} // namespace ates::actors
