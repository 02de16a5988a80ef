// SPDX-License-Identifier: Apache-2.0
//
// What every VectorIndex must do, as one suite that runs on each implementation.
//
// Invariants: a case checks results against the vectors themselves, never against another index of
// the same kind; exact indexes are asked for recall 1.
// Thread-safety: a function without state.
#pragma once

#include <functional>
#include <memory>

#include "engine/index/vector_index.h"
#include "tests/support/clustered_vectors.h"

namespace perigee::tests {

struct VectorIndexUnderTest {
  /// An index over all rows of the vectors, which outlive it.
  std::function<std::unique_ptr<engine::VectorIndex>(const ClusteredVectors&)> make;
  /// recall@10 at ef 128 without a filter, on clustered vectors.
  double recall_min = 1.0;
};

/// Runs the suite; failures are doctest failures of the calling case.
void CheckVectorIndexConformance(const VectorIndexUnderTest& under_test);
/// Searches at the same time on several threads; for a case of the suite "concurrency".
void CheckVectorIndexThreads(const VectorIndexUnderTest& under_test);

}  // namespace perigee::tests
