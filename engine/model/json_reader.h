// SPDX-License-Identifier: Apache-2.0
//
// JSON text to a PayloadValue, strictly: one value and nothing behind it, duplicate keys refused,
// integers exact or refused, numbers finite, strings well-formed UTF-8, limits checked on the way.
//
// Invariants:
//  1. Memory and recursion are bounded by the limits, whatever the text: nesting costs no stack.
//  2. An error names `what`, the byte offset at which reading stopped, and the reason.
// Thread-safety: functions without state.
#pragma once

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"
#include "perigee/model/payload_value.h"

namespace perigee {

struct JsonLimits {
  size_t text_bytes_max = 0;
  size_t depth_max = 0;  ///< containers inside each other
  size_t keys_max = 0;   ///< of all objects together
  size_t key_bytes_max = 0;
  size_t string_bytes_max = 0;
  size_t stored_bytes_max = 0;  ///< as PayloadMeasure counts them
};

/// The limits of one payload.
JsonLimits PayloadJsonLimits();

/// kInvalidArgument; beyond a limit with the reason `limit`.
absl::StatusOr<PayloadValue> ReadJson(std::string_view text, const JsonLimits& limits,
                                      std::string_view what);

}  // namespace perigee
