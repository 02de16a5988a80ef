// SPDX-License-Identifier: Apache-2.0
//
// The read requests to and from the wire: Query and its selectors.
//
// Invariants: what is absent on the wire is absent in the model, so defaults are those of query.h;
// an enumerator that this build does not know is refused.
// Thread-safety: functions without state; Readers and Builders belong to one thread at a time.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "perigee.capnp.h"
#include "perigee/model/query.h"

namespace perigee::wire {

void EncodeSelector(const PayloadSelector& selector, schema::PayloadSelector::Builder out);
void EncodeSelector(const VectorSelector& selector, schema::VectorSelector::Builder out);
absl::StatusOr<PayloadSelector> DecodeSelector(schema::PayloadSelector::Reader in);
absl::StatusOr<VectorSelector> DecodeSelector(schema::VectorSelector::Reader in);

/// kInvalidArgument for a filter that Validate refuses.
absl::Status EncodeQuery(const Query& query, schema::Query::Builder out);
absl::StatusOr<Query> DecodeQuery(schema::Query::Reader in);

}  // namespace perigee::wire
