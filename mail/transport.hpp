#pragma once
/// Where letters go: files, or an SMTP server. One transport has one owner and is not thread-safe.

#include "config/settings.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace ates::mail {

/// One letter takes no longer, whatever a server does: then the try has failed.
inline constexpr std::chrono::seconds letter_patience{20};

enum class outcome : std::uint8_t {
  sent,     ///< written to the disk, or accepted by the server
  failed,   ///< not sent, as far as we know: worth another try
  hopeless, ///< nothing can be sent to this address
  dropped   ///< nobody wants it sent any more; perhaps it was
};

struct attempt {
  outcome what = outcome::failed;
  std::string why; ///< of anything but `sent`; names no address
};

/// A composed letter and its envelope.
struct parcel {
  std::string day, account; ///< name the file
  std::string from, to;     ///< as letter.hpp `mailbox` writes them
  std::string text;
};

class transport {
public:
  virtual ~transport() = default;
  /// Sends one letter. Blocks, but no longer than letter_patience, and ends within about a second of `wanted`
  /// becoming false. Does not throw for anything outside.
  virtual attempt send(const parcel& p, const std::function<bool()>& wanted) = 0;
};

/// `<folder>/<day>/<account>.eml`, on the disk when it is sent; a file that is there is whole.
std::unique_ptr<transport> open_file_transport(std::filesystem::path folder);

/// Through libcurl (decisions/012). With TLS whenever the server offers it; a server that does not, or that
/// cannot show a valid certificate, gets nothing if TLS is demanded: see tls_demanded.
std::unique_ptr<transport> open_smtp_transport(config::mail_settings settings);

/// Whether letters may go over TLS only, to a server whose certificate is valid: with smtps, and with a
/// login, unless the server is on this machine.
bool tls_demanded(const config::mail_settings& settings);

/// As mail.transport says; `folder` is for files.
std::unique_ptr<transport> open_transport(const config::mail_settings& settings,
                                          std::filesystem::path folder);

} // namespace ates::mail
