// OpenSSL keeps errors in a queue per thread, and SSL_get_error looks into it. caf::openssl never empties it:
// once one connection of the middleman's thread has failed (a stranger's bytes, a peer that died), the next
// "try again" of a healthy one is taken for an error too, and its link breaks. So SSL_get_error, which
// caf::openssl calls after every operation that did not succeed, is ours: it asks OpenSSL's and then empties
// the queue. The program's own definition comes before the library's (ELF symbol interposition).

#include "actors/tls_errors.hpp"

#include <dlfcn.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

extern "C" __attribute__((visibility("default"))) int SSL_get_error(const SSL* session, int result) {
  using function = int (*)(const SSL*, int);
  static const auto of_openssl = reinterpret_cast<function>(::dlsym(RTLD_NEXT, "SSL_get_error"));
  const int error = of_openssl(session, result);
  ERR_clear_error();
  return error;
}

namespace ates::actors {

void keep_tls_errors_apart() {}

} // namespace ates::actors
