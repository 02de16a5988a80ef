// SPDX-License-Identifier: Apache-2.0
//
// How many bytes a payload takes where it is stored, which is what the payload limit counts. The
// numbers are those of docs/formats/payload_format.md; payload_codec.cc asserts that they agree.
//
// Invariants: StoredBytes(p) == EncodePayload(p).size() for every payload.
// Thread-safety: constants and pure functions.
#pragma once

#include <cstddef>

#include "perigee/model/payload_value.h"

namespace perigee {

inline constexpr size_t kStoredTagBytes = 1;
inline constexpr size_t kStoredNumberBytes = 9;
inline constexpr size_t kStoredStringBytes = 5;  ///< before the characters
inline constexpr size_t kStoredContainerBytes = 9;
inline constexpr size_t kStoredKeyBytes = 2;  ///< before the characters
inline constexpr size_t kStoredPayloadBytes = 4;

/// Requires: nested no deeper than kPayloadDepthMax.
size_t StoredBytes(const PayloadValue& value);
size_t StoredBytes(const Payload& payload);

}  // namespace perigee
