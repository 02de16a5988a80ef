// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/log_connection.h"

#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"
#include "storage/layout/file_names.h"
#include "storage/wal/log_file_reader.h"

namespace perigee::storage {
namespace {

absl::Status Older(const LogFileHeader& header, uint64_t epoch) {
  return ErrorWithReason(
      ErrorReason::kDamaged,
      absl::StrCat(LogName(header.number), " is of epoch ", header.epoch,
                   ", but the manifest ends with epoch ", epoch,
                   ": MANIFEST-<n> or CURRENT was put back from a copy or lost its end; restore "
                   "the directory from a backup"));
}

}  // namespace

absl::Status CheckLogConnection(DataDirectory& directory, const LogConnection& manifest) {
  PERIGEE_ASSIGN_OR_RETURN(std::vector<uint64_t> numbers, directory.ListLogs());
  std::optional<LogFileHeader> oldest;
  for (; !numbers.empty(); numbers.pop_back()) {
    if (oldest && oldest->predecessor_number != numbers.back()) {
      continue;  // not part of the log (log_recovery.h)
    }
    const absl::StatusOr<LogFileReader> reader = LogFileReader::Open(directory, numbers.back());
    if (!reader.ok()) {
      return absl::OkStatus();
    }
    oldest = reader->header();
    if (oldest->epoch > manifest.epoch) {
      return Older(*oldest, manifest.epoch);
    }
  }
  if (oldest && oldest->start.lsn > manifest.applied_lsn + 1) {
    return ErrorWithReason(
        ErrorReason::kDamaged,
        absl::StrCat("the log begins with ", LogName(oldest->number), " at LSN ", oldest->start.lsn,
                     ", the manifest needs it from LSN ", manifest.applied_lsn + 1,
                     " on: ", LogName(oldest->predecessor_number),
                     " is missing, or MANIFEST-<n> or CURRENT is older than it was"));
  }
  return absl::OkStatus();
}

}  // namespace perigee::storage
