// SPDX-License-Identifier: Apache-2.0
//
// BulkLoader: fills a collection from rows straight into sealed segments with finished indexes and
// publishes all of them with one manifest edit. Until Publish nothing is visible; an abandoned
// loader leaves nothing behind.
//
//   auto loader = perigee::BulkLoader::Start(*db, "docs", {});
//   for (...) loader->Add(point);        // kInvalidArgument: this row is refused, the load goes on
//   auto report = loader->Publish();     // indexes built, verified by read-back, one edit
//
// Invariants: all rows or none; an id twice in one load is refused at the second row; rows replace
// points of the same id that the collection had.
// Thread-safety: one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "perigee/database.h"
#include "perigee/model/point.h"

namespace perigee {

namespace engine {
class BulkLoad;
}

enum class BulkLoadStage { kReading, kBuilding, kVerifying, kPublishing, kDone };

struct BulkLoadProgress {
  BulkLoadStage stage = BulkLoadStage::kReading;
  uint64_t rows_added = 0;
  uint64_t rows_indexed = 0;
  uint64_t rows_total = 0;  ///< 0 while reading
};

struct BulkLoadOptions {
  /// Threads that build graphs, one graph each; 0: all cores.
  uint32_t build_threads = 0;
  /// Rows per segment at most; 0: chosen from the rows and the threads.
  uint64_t segment_rows_max = 0;
  /// Bytes of rows kept in memory at most; more is refused with kResourceExhausted. 0: no limit.
  uint64_t memory_bytes_max = 0;
  /// Called from the calling thread a few times a second.
  std::function<void(const BulkLoadProgress&)> on_progress = {};
};

struct BulkLoadReport {
  uint64_t rows = 0;
  uint64_t segments = 0;
  uint64_t bytes = 0;
  uint64_t seq = 0;
  uint64_t epoch = 0;
};

class BulkLoader {
 public:
  /// Requires Right::kWrite on the handle.
  static absl::StatusOr<std::unique_ptr<BulkLoader>> Start(Database& database,
                                                           std::string_view collection,
                                                           const BulkLoadOptions& options);
  ~BulkLoader();
  BulkLoader(const BulkLoader&) = delete;
  BulkLoader& operator=(const BulkLoader&) = delete;

  /// Takes one row. kInvalidArgument and kAlreadyExists refuse the row and leave the loader usable.
  absl::Status Add(Point point);
  /// Builds, verifies and publishes. After an error nothing is visible and the loader is spent.
  absl::StatusOr<BulkLoadReport> Publish();

 private:
  explicit BulkLoader(std::unique_ptr<engine::BulkLoad> load);
  std::unique_ptr<engine::BulkLoad> load_;
};

}  // namespace perigee
