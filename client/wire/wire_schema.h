// SPDX-License-Identifier: Apache-2.0
//
// CollectionSchema to and from the wire.
//
// Invariants: a metric or element type that this build does not know is refused, never guessed.
// Thread-safety: functions without state; Readers and Builders belong to one thread at a time.
#pragma once

#include "absl/status/statusor.h"
#include "perigee.capnp.h"
#include "perigee/model/collection_schema.h"

namespace perigee::wire {

schema::DistanceMetric EncodeMetric(DistanceMetric metric);
absl::StatusOr<DistanceMetric> DecodeMetric(schema::DistanceMetric metric);

void EncodeSchema(const CollectionSchema& collection, schema::CollectionSchema::Builder out);
absl::StatusOr<CollectionSchema> DecodeSchema(schema::CollectionSchema::Reader in);

}  // namespace perigee::wire
