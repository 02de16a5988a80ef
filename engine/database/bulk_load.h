// SPDX-License-Identifier: Apache-2.0
//
// BulkLoad: the work behind BulkLoader. Rows are validated and kept in memory; Publish cuts them
// into segments, builds those in parallel (one graph per thread), logs one attach record with their
// receipts and makes them live with one manifest edit (N17).
//
// Invariants:
//  1. Nothing is written before Publish, and nothing is visible before its attach record is
//  durable;
//     then all rows are.
//  2. Files that were named and not attached are removed again, unless the log failed while the
//     record was being written: then the record may exist, and a later open needs them.
//  3. An id occurs once in a load.
//
// Thread-safety: one thread at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/collection/collection_core.h"
#include "engine/collection/memory_rows.h"
#include "engine/collection/named_segment.h"
#include "perigee/bulk_loader.h"

namespace perigee::engine {

class BulkLoad {
 public:
  BulkLoad(std::shared_ptr<CollectionCore> collection, BulkLoadOptions options);
  ~BulkLoad();
  BulkLoad(const BulkLoad&) = delete;
  BulkLoad& operator=(const BulkLoad&) = delete;

  /// As BulkLoader::Add and Publish.
  absl::Status Add(const Point& point);
  absl::StatusOr<BulkLoadReport> Publish();

 private:
  class RowRange;
  struct Task;

  uint64_t memory_bytes() const;
  std::vector<std::unique_ptr<Task>> PlanTasks() const;
  absl::Status BuildAll(std::vector<std::unique_ptr<Task>>& tasks);
  void RunTasks(std::vector<std::unique_ptr<Task>>& tasks);
  absl::Status AttachAll(std::vector<std::unique_ptr<Task>>& tasks, BulkLoadReport& report);
  void Discard(const std::vector<std::unique_ptr<Task>>& tasks) const;
  void ReportProgress(BulkLoadStage stage, const std::vector<std::unique_ptr<Task>>& tasks);
  uint32_t build_threads() const;

  const std::shared_ptr<CollectionCore> collection_;
  const BulkLoadOptions options_;
  std::vector<std::unique_ptr<MemoryRows>> chunks_;
  absl::flat_hash_set<std::string> ids_;
  uint64_t id_bytes_ = 0;
  uint64_t rows_ = 0;
  bool spent_ = false;
  std::atomic<size_t> next_task_ = 0;
  std::atomic<uint32_t> threads_running_ = 0;
};

}  // namespace perigee::engine
