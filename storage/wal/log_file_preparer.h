// SPDX-License-Identifier: Apache-2.0
//
// LogFilePreparer: zero-written files in tmp/, one ahead of the log, so that appending never
// allocates. Writing zeros and not only allocating matters: an allocated extent is converted at
// the first flush that touches it, which costs a journal write each time.
//
// Invariants:
//  1. A file that Take returns has its full size and was flushed. It still has its temporary name.
//  2. A failure leaves nothing that a later attempt would trip over, and is not remembered: Take
//     tries again on the caller's thread, so a disk that has space again is used again.
//
// Thread-safety: Request, Take and Stop from one thread at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "storage/layout/data_directory.h"

namespace perigee::storage {

struct PreparedLogFile {
  std::unique_ptr<File> file;
  uint64_t number = 0;
  uint64_t file_bytes = 0;
};

class LogFilePreparer {
 public:
  /// With `background`, Request works on a thread of its own; without, it does nothing.
  LogFilePreparer(DataDirectory& directory, bool background);
  ~LogFilePreparer();
  LogFilePreparer(const LogFilePreparer&) = delete;
  LogFilePreparer& operator=(const LogFilePreparer&) = delete;

  /// Begins to prepare file `number`, unless one is being prepared or ready.
  void Request(uint64_t number, uint64_t file_bytes);
  /// File `number` with at least `file_bytes_min` bytes: the prepared one if it is large enough,
  /// else a new one of `file_bytes`. kResourceExhausted when the disk is full.
  absl::StatusOr<PreparedLogFile> Take(uint64_t number, uint64_t file_bytes,
                                       uint64_t file_bytes_min);
  /// Ends the thread and removes a file that nobody took.
  absl::Status Stop();

 private:
  struct Order {
    uint64_t number = 0;
    uint64_t file_bytes = 0;
  };

  void Run();
  absl::StatusOr<PreparedLogFile> Prepare(const Order& order);
  bool Idle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !order_.has_value(); }
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return order_.has_value() || stopping_;
  }

  DataDirectory& directory_;
  absl::Mutex mutex_;
  std::optional<Order> order_ ABSL_GUARDED_BY(mutex_);  // being prepared
  std::optional<PreparedLogFile> ready_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::atomic<bool> cancelled_ = false;  // ends the writing of zeros early
  std::thread thread_;
};

}  // namespace perigee::storage
