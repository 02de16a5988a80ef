// SPDX-License-Identifier: Apache-2.0
//
// DescribeCollection: what `describe` and `status` tell about one collection, from one snapshot and
// the sizes beside it.
//
// Invariants: counts of points and vectors are those of the snapshot; sizes may be a moment newer.
// While segments are being loaded, it is not known which rows of a collection of several vectors
// have which: their counts are those of the rows.
// Thread-safety: a function of immutable inputs.
#pragma once

#include "engine/collection/collection_snapshot.h"
#include "engine/collection/collection_state.h"
#include "engine/collection/load_progress.h"
#include "perigee/model/status_report.h"

namespace perigee::engine {

struct CollectionIdentity;

CollectionDescription DescribeCollection(const CollectionIdentity& identity,
                                         const CollectionSnapshot& snapshot,
                                         const CollectionSizes& sizes, const LoadProgress& load);

}  // namespace perigee::engine
