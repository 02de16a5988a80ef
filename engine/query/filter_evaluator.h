// SPDX-License-Identifier: Apache-2.0
//
// Whether one row satisfies a bound filter, decided on the encoded payload in place.
//
// Invariants:
//  1. Two-valued, as docs/filters.md says; the answer depends on the row and the filter alone.
//  2. Nothing is allocated; recursion is bounded by the depth limits of filters and paths.
//  3. Damaged payload bytes are never read past their end; they look like missing values.
// Thread-safety: a function without state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/query/filter_binder.h"

namespace perigee::engine {

/// What a filter may look at in one row. Views, valid during the call.
struct FilterRow {
  std::string_view encoded_id;
  std::span<const std::byte> payload;  ///< as EncodePayload wrote it
  uint32_t vector_presence_bits = 0;   ///< one bit per ordinal of the schema's vectors
};

bool Matches(const BoundFilter& filter, const FilterRow& row);

}  // namespace perigee::engine
