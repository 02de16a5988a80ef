// SPDX-License-Identifier: Apache-2.0
//
// Payload to and from the bytes that stand in log records and segments: tagged values with their
// lengths in front, so that a reader can skip what it does not want (EncodedValue does).
// docs/formats/payload_format.md defines the bytes.
//
// Invariants:
//  1. Decode(Encode(p)) == p for every valid payload; an empty payload is no bytes at all.
//  2. One payload has one encoding: Decode refuses every other spelling of it.
//  3. Decoding keeps the limits of limits.h, so hostile bytes cost bounded memory and depth.
// Thread-safety: functions without state.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "perigee/model/payload_value.h"

namespace perigee::engine {

/// Requires: Validate(payload) is ok.
std::string EncodePayload(const Payload& payload);

/// kDataLoss (reason damaged) naming the offset when the bytes are not an encoded payload.
absl::StatusOr<Payload> DecodePayload(std::span<const std::byte> bytes);

}  // namespace perigee::engine
