#include "http/crypto.hpp"
#include "http/tokens.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/pem.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

namespace ates::http {

namespace {

constexpr int half_bytes = 32; // of a P-256 coordinate, and of each half of a signature

template <auto Free> struct freeing {
  template <class T> void operator()(T* object) const noexcept { Free(object); }
};
using bio = std::unique_ptr<BIO, freeing<BIO_free_all>>;
using digest_context = std::unique_ptr<EVP_MD_CTX, freeing<EVP_MD_CTX_free>>;
using big_number = std::unique_ptr<BIGNUM, freeing<BN_free>>;
using signature_pair = std::unique_ptr<ECDSA_SIG, freeing<ECDSA_SIG_free>>;
using private_key = std::unique_ptr<EVP_PKEY, freeing<EVP_PKEY_free>>;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error("signing key: " + what);
}

std::string make_pem() {
  const private_key key(EVP_EC_gen("P-256"));
  const bio out(BIO_new(BIO_s_mem()));
  if (!key || !out ||
      PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    fail("cannot be made");
  char* text = nullptr;
  const auto size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

void write_all(int file, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const auto count = ::write(file, bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR)
      fail(path + ": " + std::generic_category().message(errno));
    if (count > 0)
      bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

/// Writes beside it and links it into place: whoever links first has made the key, everybody reads that one.
void make_file(const std::filesystem::path& pem) {
  if (pem.has_parent_path())
    std::filesystem::create_directories(pem.parent_path());
  const auto draft = pem.string() + "." + hex(random_bytes(8)) + ".tmp";
  const int file = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0)
    fail(draft + ": " + std::generic_category().message(errno));
  try {
    write_all(file, make_pem(), draft);
  } catch (...) {
    ::close(file);
    ::unlink(draft.c_str());
    throw;
  }
  const bool durable = ::fsync(file) == 0;
  ::close(file);
  const bool linked = durable && (::link(draft.c_str(), pem.c_str()) == 0 || errno == EEXIST);
  const auto why = errno;
  ::unlink(draft.c_str());
  if (!linked)
    fail(pem.string() + ": " + std::generic_category().message(why));
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    fail(path.string() + " cannot be read");
  return {std::istreambuf_iterator<char>(in), {}};
}

/// One number of the key, big-endian, 32 bytes.
std::string coordinate(const EVP_PKEY* key, const char* name) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &raw) != 1)
    fail("is no P-256 key");
  const std::unique_ptr<BIGNUM, freeing<BN_clear_free>> number(raw);
  std::string bytes(half_bytes, '\0');
  if (BN_bn2binpad(number.get(), reinterpret_cast<unsigned char*>(bytes.data()), half_bytes) != half_bytes)
    fail("is no P-256 key");
  return bytes;
}

bool is_p256(const EVP_PKEY* key) {
  std::array<char, 64> group{};
  std::size_t size = 0;
  return EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size(), &size) ==
             1 &&
         std::string_view(group.data(), size) == "prime256v1";
}

} // namespace

signing_key::signing_key(const std::filesystem::path& pem) {
  if (!std::filesystem::exists(pem))
    make_file(pem);
  const auto text = read_file(pem);
  const bio in(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  // An empty pass phrase instead of a question on the terminal.
  key_.reset(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, const_cast<char*>("")));
  if (!key_ || !is_p256(key_.get()))
    fail(pem.string() + " is no P-256 private key in PEM");
  const auto x = base64url(coordinate(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X));
  const auto y = base64url(coordinate(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y));
  const auto members = R"("crv":"P-256","kty":"EC","x":")" + x + R"(","y":")" + y + "\"";
  kid_ = base64url(sha256("{" + members + "}"));
  jwks_ = R"({"keys":[{"alg":"ES256",)" + members + R"(,"kid":")" + kid_ + R"(","use":"sig"}]})";
  secret_ = coordinate(key_.get(), OSSL_PKEY_PARAM_PRIV_KEY);
}

std::string signing_key::derive(std::string_view purpose) const {
  return hmac_sha256(secret_, "ates " + std::string(purpose));
}

std::string signing_key::sign(std::string_view bytes) const {
  const digest_context context(EVP_MD_CTX_new());
  std::array<unsigned char, 128> der{};
  auto size = der.size();
  if (!context || EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), der.data(), &size, reinterpret_cast<const unsigned char*>(bytes.data()),
                     bytes.size()) != 1)
    fail("cannot sign");
  const unsigned char* at = der.data();
  const signature_pair pair(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size)));
  std::string raw(2 * half_bytes, '\0');
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  if (!pair || BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), out, half_bytes) != half_bytes ||
      BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), out + half_bytes, half_bytes) != half_bytes)
    fail("cannot sign");
  return raw;
}

bool signing_key::verify(std::string_view bytes, std::string_view signature) const {
  if (signature.size() != 2 * half_bytes)
    return false;
  const auto* raw = reinterpret_cast<const unsigned char*>(signature.data());
  big_number r(BN_bin2bn(raw, half_bytes, nullptr));
  big_number s(BN_bin2bn(raw + half_bytes, half_bytes, nullptr));
  const signature_pair pair(ECDSA_SIG_new());
  if (!r || !s || !pair || ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1)
    return false;
  // The pair owns them now.
  r.release(); // NOLINT(bugprone-unused-return-value)
  s.release(); // NOLINT(bugprone-unused-return-value)
  std::array<unsigned char, 128> der{};
  unsigned char* out = der.data();
  const int size = i2d_ECDSA_SIG(pair.get(), &out);
  const digest_context context(EVP_MD_CTX_new());
  return size > 0 && context &&
         EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
         EVP_DigestVerify(context.get(), der.data(), static_cast<std::size_t>(size),
                          reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()) == 1;
}

} // namespace ates::http
