// SPDX-License-Identifier: Apache-2.0
//
// The first half of SHA-256: 128 bits that identify a run of bytes, such as the previous manifest
// edit. Computed by OpenSSL.
//
// Invariants: equal bytes give equal values on every machine.
// Thread-safety: a pure function.
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace perigee::storage {

/// The first 16 bytes of the SHA-256 of `bytes`.
std::array<std::byte, 16> Sha256Half(std::span<const std::byte> bytes);

}  // namespace perigee::storage
