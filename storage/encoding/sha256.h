// SPDX-License-Identifier: Apache-2.0
//
// SHA-256, and its first half: 128 bits that identify a run of bytes, such as the previous manifest
// edit. Computed by OpenSSL.
//
// Invariants: equal bytes give equal values on every machine.
// Thread-safety: pure functions; a hasher is used by one thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace perigee::storage {

/// A whole SHA-256.
using Sha256Digest = std::array<std::byte, 32>;

/// SHA-256 of bytes that come in pieces.
class Sha256Hasher {
 public:
  Sha256Hasher();
  ~Sha256Hasher();
  Sha256Hasher(const Sha256Hasher&) = delete;
  Sha256Hasher& operator=(const Sha256Hasher&) = delete;

  void Update(std::span<const std::byte> bytes);
  /// Once, at the end.
  Sha256Digest Finish();

 private:
  struct Context;  // keeps OpenSSL out of this header
  std::unique_ptr<Context> context_;
};

Sha256Digest Sha256(std::span<const std::byte> bytes);

/// 64 hexadecimal digits, lower case.
std::string ToHex(const Sha256Digest& digest);

/// The first 16 bytes of the SHA-256 of `bytes`.
std::array<std::byte, 16> Sha256Half(std::span<const std::byte> bytes);

}  // namespace perigee::storage
