// SPDX-License-Identifier: Apache-2.0
//
// RestoreOn: the work behind RestoreSnapshot, on a given file system. The snapshot is not trusted:
// its list must be whole, its directories must hold exactly the listed files, and every byte that
// is copied is hashed on the way.
//
// Invariants:
//  1. The snapshot is only read.
//  2. The target appears only after it was opened once, with every collection readable and the last
//     write that the list names.
//  3. The restored database begins a far higher epoch, so that (epoch, seq) of its writes never
//     meets one of the database that the snapshot was taken of, which may have gone on (N2).
//
// Thread-safety: a function without state.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "perigee/snapshot.h"
#include "storage/io/file_system.h"

namespace perigee::engine {

absl::StatusOr<SnapshotReport> RestoreOn(storage::FileSystem& file_system, const std::string& from,
                                         const std::string& to, const RestoreOptions& options);

}  // namespace perigee::engine
