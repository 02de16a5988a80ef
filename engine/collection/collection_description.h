// SPDX-License-Identifier: Apache-2.0
//
// DescribeCollection: what `describe` and `status` tell about one collection, from one snapshot and
// the sizes beside it.
//
// Invariants: counts of points and vectors are those of the snapshot; sizes may be a moment newer.
// Thread-safety: a function of immutable inputs.
#pragma once

#include "engine/collection/collection_snapshot.h"
#include "engine/collection/collection_state.h"
#include "perigee/model/status_report.h"

namespace perigee::engine {

struct CollectionIdentity;

CollectionDescription DescribeCollection(const CollectionIdentity& identity,
                                         const CollectionSnapshot& snapshot,
                                         const CollectionSizes& sizes);

}  // namespace perigee::engine
