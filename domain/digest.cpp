#include "domain/digest.hpp"

#include <openssl/evp.h>

#include <memory>
#include <stdexcept>

namespace ates::domain {

namespace {

struct context_deleter {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

/// One digest, with its context, of one thread: fetching the algorithm anew costs more than the digest of a
/// short input.
class hasher {
public:
  explicit hasher(const char* algorithm)
      : algorithm_(EVP_MD_fetch(nullptr, algorithm, nullptr)), context_(EVP_MD_CTX_new()) {
    if (algorithm_ == nullptr || context_ == nullptr)
      throw std::runtime_error(std::string("digest: OpenSSL does not provide ") + algorithm);
  }
  hasher(const hasher&) = delete;
  hasher& operator=(const hasher&) = delete;
  ~hasher() { EVP_MD_free(algorithm_); }

  template <std::size_t Size> std::array<std::uint8_t, Size> operator()(std::string_view bytes) {
    std::array<std::uint8_t, Size> digest{};
    if (EVP_DigestInit_ex2(context_.get(), algorithm_, nullptr) != 1 ||
        EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1 ||
        EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) != 1)
      throw std::runtime_error("digest: OpenSSL failed");
    return digest;
  }

private:
  EVP_MD* algorithm_;
  std::unique_ptr<EVP_MD_CTX, context_deleter> context_;
};

} // namespace

std::array<std::uint8_t, 20> sha1(std::string_view bytes) {
  thread_local hasher hash("SHA1");
  return hash.operator()<20>(bytes);
}

std::array<std::uint8_t, 32> sha256(std::string_view bytes) {
  thread_local hasher hash("SHA256");
  return hash.operator()<32>(bytes);
}

} // namespace ates::domain
