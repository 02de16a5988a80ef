// SPDX-License-Identifier: Apache-2.0
//
// GoldenRecorder: a database on a simulated disk that is written for keeps: it repeats every write
// in a model of its own, and at the end gives the files and, beside them, what any later version
// must read from them.
//
// Invariants: the expected points come from the writes, not from reading the database; only the
// distances of query answers are the database's.
// Thread-safety: one thread. Failures end the program: this is no test, there is nothing to go on
// with.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/database/database_core.h"
#include "tests/support/simulated_file_system.h"

namespace perigee::tests {

class GoldenRecorder {
 public:
  explicit GoldenRecorder(const engine::EngineTuning& tuning);

  void Open();
  void Close();
  void Create(const std::string& collection, const CollectionSchema& schema);
  void Upsert(const std::string& collection, const std::vector<Point>& points);
  void Delete(const std::string& collection, const std::vector<PointId>& ids);
  void Load(const std::string& collection, const std::vector<Point>& points);
  void Flush(const std::string& collection);
  /// Optimize with a disk that removes no files: they stay as obsolete ones.
  void OptimizeKeepingFiles(const std::string& collection);
  /// A write that is half on the disk when the power goes: not part of what is expected.
  void TearUpsert(const std::string& collection, const std::vector<Point>& points);

  /// Writes the files a power cut leaves now into the new directory `directory`, all but LOCK, and
  /// the expected content into `directory`.jsonl.
  void WriteTo(const std::string& directory);

 private:
  struct CollectionModel {
    CollectionSchema schema;
    std::map<PointId, Point> points;
  };

  engine::CollectionCore& Find(const std::string& collection);
  std::string ExpectedContent();
  void AddQueries(const std::string& collection, std::string& lines);
  std::string NewestLog() const;

  engine::EngineTuning tuning_;
  std::unique_ptr<storage::SimulatedFileSystem> disk_;
  std::shared_ptr<engine::DatabaseCore> database_;
  std::map<std::string, CollectionModel> model_;
};

}  // namespace perigee::tests
