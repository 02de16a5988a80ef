// SPDX-License-Identifier: Apache-2.0
#include "storage/encoding/sha256.h"

#include <openssl/evp.h>

#include <algorithm>

#include "storage/foundation/check.h"

namespace perigee::storage {

struct Sha256Hasher::Context {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> md{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
};

// OpenSSL refuses only when it cannot allocate.
Sha256Hasher::Sha256Hasher() : context_(std::make_unique<Context>()) {
  PERIGEE_CHECK(
      context_->md != nullptr && EVP_DigestInit_ex(context_->md.get(), EVP_sha256(), nullptr) == 1,
      "SHA-256 cannot begin");
}

Sha256Hasher::~Sha256Hasher() = default;

void Sha256Hasher::Update(std::span<const std::byte> bytes) {
  PERIGEE_CHECK(EVP_DigestUpdate(context_->md.get(), bytes.data(), bytes.size()) == 1,
                "SHA-256 failed, length ", bytes.size());
}

Sha256Digest Sha256Hasher::Finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int digest_bytes = 0;
  PERIGEE_CHECK(EVP_DigestFinal_ex(context_->md.get(), digest.data(), &digest_bytes) == 1 &&
                    digest_bytes == 32,
                "SHA-256 failed, length ", digest_bytes);
  Sha256Digest result{};
  std::transform(digest.begin(), digest.begin() + result.size(), result.begin(),
                 [](unsigned char value) { return static_cast<std::byte>(value); });
  return result;
}

Sha256Digest Sha256(std::span<const std::byte> bytes) {
  Sha256Hasher hasher;
  hasher.Update(bytes);
  return hasher.Finish();
}

std::string ToHex(const Sha256Digest& digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::byte value : digest) {
    text += kDigits[static_cast<size_t>(value) >> 4U];
    text += kDigits[static_cast<size_t>(value) & 15U];
  }
  return text;
}

std::array<std::byte, 16> Sha256Half(std::span<const std::byte> bytes) {
  const Sha256Digest digest = Sha256(bytes);
  std::array<std::byte, 16> half{};
  std::copy_n(digest.begin(), half.size(), half.begin());
  return half;
}

}  // namespace perigee::storage
