// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/checksum.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstring>

#include "storage/foundation/check.h"
#include "tools/inspect/byte_view.h"

namespace perigee::tools::inspect {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // Castagnoli, reflected
constexpr uint32_t kMaskDelta = 0x70657267;
constexpr size_t kSlices = 8;

// tables[0] is the usual table of one byte; tables[k] is that of a byte k bytes further in front,
// so that eight bytes are taken at once.
using Tables = std::array<std::array<uint32_t, 256>, kSlices>;

constexpr Tables MakeTables() {
  Tables tables = {};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 1U) != 0 ? crc >> 1U ^ kPolynomial : crc >> 1U;
    }
    tables[0][byte] = crc;
  }
  for (size_t slice = 1; slice < kSlices; ++slice) {
    for (uint32_t byte = 0; byte < 256; ++byte) {
      const uint32_t before = tables[slice - 1][byte];
      tables[slice][byte] = before >> 8U ^ tables[0][before & 0xffU];
    }
  }
  return tables;
}

constexpr Tables kTables = MakeTables();

std::string Sha256(std::initializer_list<std::string_view> parts) {
  // The one-shot interface wants one buffer; all that is hashed here is small.
  std::string joined;
  std::string_view all;
  if (parts.size() == 1) {
    all = *parts.begin();
  } else {
    for (const std::string_view part : parts) {
      joined.append(part);
    }
    all = joined;
  }
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(all.data()), all.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

}  // namespace

uint32_t Crc32c(std::string_view bytes) {
  uint32_t crc = 0xffffffff;
  size_t i = 0;
  for (; i + kSlices <= bytes.size(); i += kSlices) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, sizeof(word));  // x86-64 and arm64 are little-endian
    word ^= crc;
    crc = 0;
    for (size_t slice = 0; slice < kSlices; ++slice) {
      crc ^= kTables[kSlices - 1 - slice][word >> (8 * slice) & 0xffU];
    }
  }
  for (; i < bytes.size(); ++i) {
    crc = crc >> 8U ^ kTables[0][(crc ^ static_cast<unsigned char>(bytes[i])) & 0xffU];
  }
  return ~crc;
}

uint32_t MaskedCrc32c(std::string_view bytes) {
  const uint32_t crc = Crc32c(bytes);
  return (crc >> 11U | crc << 21U) + kMaskDelta;
}

Hash HashOf(std::initializer_list<std::string_view> parts) { return HashFrom(Sha256(parts)); }

std::string Sha256Hex(std::string_view bytes) { return HexOf(Sha256({bytes})); }

struct Sha256Stream::Context {
  EVP_MD_CTX* state = nullptr;
};

Sha256Stream::Sha256Stream() : context_(std::make_unique<Context>()) {
  context_->state = EVP_MD_CTX_new();
  PERIGEE_CHECK(context_->state != nullptr, "no memory for a SHA-256");
  PERIGEE_CHECK(EVP_DigestInit_ex(context_->state, EVP_sha256(), nullptr) == 1);
}

Sha256Stream::~Sha256Stream() { EVP_MD_CTX_free(context_->state); }

void Sha256Stream::Add(std::string_view bytes) {
  PERIGEE_CHECK(EVP_DigestUpdate(context_->state, bytes.data(), bytes.size()) == 1);
}

std::string Sha256Stream::Hex() {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  PERIGEE_CHECK(EVP_DigestFinal_ex(context_->state, reinterpret_cast<unsigned char*>(digest.data()),
                                   nullptr) == 1);
  return HexOf(digest);
}

std::string HexOf(std::string_view bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text.push_back(kDigits[byte >> 4U]);
    text.push_back(kDigits[byte & 0xfU]);
  }
  return text;
}

std::string HexOf(const Hash& hash) {
  return HexOf(std::string_view(reinterpret_cast<const char*>(hash.data()), hash.size()));
}

Hash HashFrom(std::string_view bytes) {
  Hash hash = {};
  if (bytes.size() >= hash.size()) {
    std::memcpy(hash.data(), bytes.data(), hash.size());
  }
  return hash;
}

}  // namespace perigee::tools::inspect
