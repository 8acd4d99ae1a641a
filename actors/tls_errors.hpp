#pragma once
/// A repair of caf::openssl 0.17.6 as Debian builds it (docs/decisions/011).

namespace ates::actors {

/// Makes sure that the repair is part of the program: see tls_errors.cpp.
void keep_tls_errors_apart();

} // namespace ates::actors
