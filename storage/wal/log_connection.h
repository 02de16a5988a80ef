// SPDX-License-Identifier: Apache-2.0
//
// Whether the log files of a directory and its manifest belong to the same moment, judged by the
// files' headers alone: a manifest that was put back from a copy, or that lost its end behind a
// mark, is right in itself, and only the log knows better.
//
// Invariants: kDataLoss only when the log proves that the manifest is older than it was; a header
// that cannot be read proves nothing.
// Thread-safety: a function without state. A writer may retire and add files meanwhile: then the
// caller reads the manifest again and asks again.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "storage/layout/data_directory.h"

namespace perigee::storage {

/// What the manifest says.
struct LogConnection {
  uint64_t epoch = 0;
  uint64_t applied_lsn = 0;  ///< the log is needed from the record behind this one on
};

/// kDataLoss (kDamaged) when a log file was made in a later epoch than the manifest knows, which
/// has every epoch before the log does, or when the log begins behind applied_lsn + 1.
absl::Status CheckLogConnection(DataDirectory& directory, const LogConnection& manifest);

}  // namespace perigee::storage
