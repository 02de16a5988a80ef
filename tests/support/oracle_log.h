// SPDX-License-Identifier: Apache-2.0
//
// OracleLog: what a client means to do, what it was answered and what it saw, in a file of its own
// that is flushed entry by entry and belongs to another process than the one that is killed. A
// line is one entry: CRC32C of the rest, kind, writer, number, then the entry's fields by tabs.
//
// Invariants:
//  1. Append returns when the entry is durable: an intent is, before the call it announces.
//  2. A reader takes a broken last line for one whose writer died; any other is an error.
//  3. Points go through the log bit for bit.
//
// Thread-safety: OracleLog may be used from every thread; the rest are values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "perigee/model/write.h"

namespace perigee::tests {

struct OracleOperation {
  /// The side collection is made and dropped by one writer, besides the points that all write.
  enum class Kind { kUpsert, kDelete, kSideCreate, kSideDrop, kSideUpsert, kFlush, kOptimize };

  Kind kind = Kind::kUpsert;
  UpsertRequest upsert = {};  ///< of kUpsert and kSideUpsert
  DeleteRequest remove = {};  ///< of kDelete
};

struct OracleEntry {
  enum class Kind {
    kIntent,        ///< the operation is about to be sent
    kAcknowledged,  ///< it was answered with ok, seq and epoch
    kRefused,       ///< it was answered with `code`: it did nothing
    kSeen,          ///< a reader saw a point that it wrote
    kSettled,       ///< after a recovery: whether it is there
  };

  Kind kind = Kind::kIntent;
  uint32_t writer = 0;
  uint64_t number = 0;  ///< of the writer's operation, from 1
  uint64_t seq = 0;
  uint64_t epoch = 0;
  absl::StatusCode code = absl::StatusCode::kOk;
  bool applied = false;
  OracleOperation operation = {};
};

class OracleLog {
 public:
  /// Made if it is missing, else appended to; PERIGEE_CHECKs that it can be written.
  explicit OracleLog(const std::string& path);
  ~OracleLog();
  OracleLog(const OracleLog&) = delete;
  OracleLog& operator=(const OracleLog&) = delete;

  void Append(const OracleEntry& entry);

 private:
  absl::Mutex mutex_;
  const int descriptor_;
};

std::string EncodeOracleEntry(const OracleEntry& entry);
/// kDataLoss when the line is not one that EncodeOracleEntry made.
absl::StatusOr<OracleEntry> DecodeOracleEntry(std::string_view line);

/// The entries from `offset` on, which moves behind them.
absl::StatusOr<std::vector<OracleEntry>> ReadOracleLog(const std::string& path, uint64_t* offset);

}  // namespace perigee::tests
