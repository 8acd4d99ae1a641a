#include "mail/transport.hpp"

namespace ates::mail {

std::unique_ptr<transport> open_transport(const config::mail_settings& settings,
                                          std::filesystem::path folder) {
  if (settings.transport == "smtp")
    return open_smtp_transport(settings);
  return open_file_transport(std::move(folder));
}

} // namespace ates::mail
