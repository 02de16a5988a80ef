// SPDX-License-Identifier: Apache-2.0
//
// SealOldestFrozen: turns the oldest frozen segment of a collection into a file and makes it live:
// build in tmp/, verify, name, manifest edit, swap.
//
// Invariants:
//  1. The file holds the rows that were alive at the segment's horizon; the edit that publishes it
//     moves the collection's applied LSN there, together with all deaths up to it (D11).
//  2. After a failure nothing is published, the rows are still in memory and in the log, and the
//     next attempt writes a new file.
//
// Thread-safety: may run on every thread that holds the collection's seal claim.
#pragma once

#include <memory>

#include "absl/status/status.h"

namespace perigee::engine {

class CollectionCore;

struct SealOptions {
  bool with_indexes = true;
};

/// Requires: the caller holds the seal claim. Ok, without doing anything, when nothing is frozen.
absl::Status SealOldestFrozen(const std::shared_ptr<CollectionCore>& collection,
                              const SealOptions& options = {});

}  // namespace perigee::engine
