// SPDX-License-Identifier: Apache-2.0
#include "storage/encoding/sha256.h"

#include <openssl/evp.h>

#include <algorithm>

#include "storage/foundation/check.h"

namespace perigee::storage {

std::array<std::byte, 16> Sha256Half(std::span<const std::byte> bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int digest_bytes = 0;
  // Fails only when the library cannot allocate its context.
  const int done =
      EVP_Digest(bytes.data(), bytes.size(), digest.data(), &digest_bytes, EVP_sha256(), nullptr);
  PERIGEE_CHECK(done == 1 && digest_bytes == 32, "SHA-256 failed, length ", digest_bytes);
  std::array<std::byte, 16> half{};
  std::transform(digest.begin(), digest.begin() + half.size(), half.begin(),
                 [](unsigned char value) { return static_cast<std::byte>(value); });
  return half;
}

}  // namespace perigee::storage
