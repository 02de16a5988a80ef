// SPDX-License-Identifier: Apache-2.0
//
// OpenAttempts: the file OPENING, there while a database is being opened for writing and after an
// open that did not end well, so that a process which is started again and again into the same
// failure is noticed (D13). docs/formats/layout.md defines the bytes.
//
// Invariants:
//  1. The file is a hint: it may be missing, old or damaged, and then means that nothing failed.
//     Only its removal is made durable, so that a power cut does not make failures of successes.
//  2. At most kAttemptsMax attempts are kept, the last ones.
//
// Thread-safety: one thread at a time.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/layout/data_directory.h"

namespace perigee::storage {

struct FailedOpens {
  std::vector<absl::Time> times = {};  ///< oldest first
  std::string last_reason = {};        ///< of the last one; empty when the process just ended

  friend bool operator==(const FailedOpens&, const FailedOpens&) = default;
};

std::string EncodeFailedOpens(const Uuid& database_uuid, const FailedOpens& opens);
/// kDataLoss when it is anything else.
absl::StatusOr<FailedOpens> DecodeFailedOpens(const Uuid& database_uuid,
                                              std::span<const std::byte> bytes);

class OpenAttempts {
 public:
  static constexpr size_t kAttemptsMax = 3;
  static constexpr size_t kReasonBytesMax = 1024;
  static constexpr absl::Duration kWindow = absl::Minutes(10);

  /// Reads what earlier opens left. `directory` is open for writing and outlives the object.
  explicit OpenAttempts(DataDirectory& directory);

  /// In words, when kAttemptsMax opens in a row failed within kWindow before `now`, by a clock that
  /// may have been set back meanwhile; else empty.
  std::string Diagnosis(absl::Time now) const;
  /// From here on this open counts as failed, until Succeeded. What keeps it from being written is
  /// logged and no more: a disk without room must not keep a database shut.
  void Begin(absl::Time now);
  /// Says why this open failed, for the diagnosis of a later one.
  void Failed(const absl::Status& reason);
  /// Removes the file; kStorageFailed when that cannot be made durable.
  absl::Status Succeeded();

  const FailedOpens& before() const { return before_; }

 private:
  void Write(const FailedOpens& opens);

  DataDirectory& directory_;
  FailedOpens before_;
  FailedOpens with_this_;
  bool exists_ = false;
};

}  // namespace perigee::storage
