// SPDX-License-Identifier: Apache-2.0
//
// Sizes of the fields of an encoded payload, as they stand in log records and segments;
// docs/formats/payload_format.md defines the bytes and shows an example.
//
// Invariants: frozen with format 1: a change needs a new feature bit in what holds payloads.
// Thread-safety: constants.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "perigee/model/limits.h"

namespace perigee::engine {

/// Number of members in front of a payload that is not empty.
inline constexpr size_t kPayloadCountBytes = sizeof(uint32_t);
/// Tag and number.
inline constexpr size_t kPayloadNumberBytes = 1 + sizeof(uint64_t);
/// Tag and length.
inline constexpr size_t kPayloadStringHeaderBytes = 1 + sizeof(uint32_t);
/// Tag, bytes of the items, number of items.
inline constexpr size_t kPayloadContainerHeaderBytes = 1 + 2 * sizeof(uint32_t);
/// Length of a key in front of it.
inline constexpr size_t kPayloadKeyHeaderBytes = sizeof(uint16_t);

static_assert(limits::kPayloadKeyBytesMax <= std::numeric_limits<uint16_t>::max());
static_assert(limits::kPayloadBytesMax <= std::numeric_limits<uint32_t>::max());

}  // namespace perigee::engine
