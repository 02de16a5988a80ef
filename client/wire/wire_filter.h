// SPDX-License-Identifier: Apache-2.0
//
// Filter trees to and from the wire; no other spelling of a filter crosses it (S8).
//
// Invariants: depth, nodes, values and bytes are counted while decoding, so a hostile tree costs no
// more than the limits of limits.h allow; meaning is checked by the model's Validate afterwards.
// Thread-safety: functions without state; Readers and Builders belong to one thread at a time.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "perigee.capnp.h"
#include "perigee/model/filter.h"

namespace perigee::wire {

/// Validates first, so that only trees of bounded depth are walked; `out` is unchanged on error.
absl::Status EncodeFilter(const Filter& filter, schema::Filter::Builder out);
absl::StatusOr<Filter> DecodeFilter(schema::Filter::Reader in);

}  // namespace perigee::wire
