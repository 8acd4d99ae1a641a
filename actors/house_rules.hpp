#pragma once
/// What every actor of ours does about errors, exits, deaths and messages it does not know, in one place.
/// CAF's own defaults quit the actor at the first error message, in silence.

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>
#include <string>

namespace ates::actors {

/// For a log line, between double quotes.
inline std::string text_of(const caf::error& e) {
  auto text = caf::to_string(e);
  std::replace(text.begin(), text.end(), '"', '\'');
  return text;
}

inline std::string text_of(const std::exception_ptr& e) {
  try {
    std::rethrow_exception(e);
  } catch (const std::exception& x) {
    return x.what();
  } catch (...) {
    return "an exception that is none";
  }
}

/// Installs the rules. `name` appears in log lines. An exit message ends the actor whatever its reason; an
/// exception ends it with caf::exit_reason::unhandled_exception, for its supervisor to see; an error message
/// or an unknown message is logged and dropped.
template <class Self> void set_house_rules(Self* self, std::string name) {
  self->set_error_handler([name](caf::error& e) { spdlog::warn("actor={} error=\"{}\"", name, text_of(e)); });
  self->set_exit_handler([self](caf::exit_msg& m) { self->quit(std::move(m.reason)); });
  self->set_down_handler([name](caf::down_msg& m) {
    spdlog::debug("actor={} down={} reason=\"{}\"", name, m.source.id(), text_of(m.reason));
  });
  self->set_default_handler([name](caf::scheduled_actor*, caf::message_view& m) -> caf::result<caf::message> {
    spdlog::error("actor={} unexpected_message=\"{}\"", name, caf::to_string(m.content()));
    return caf::sec::unexpected_message;
  });
  self->set_exception_handler([name](std::exception_ptr& e) -> caf::error {
    spdlog::error("actor={} exception=\"{}\"", name, text_of(e));
    return caf::exit_reason::unhandled_exception;
  });
}

} // namespace ates::actors
