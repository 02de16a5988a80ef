// SPDX-License-Identifier: Apache-2.0
//
// OperationStream: an endless, repeatable row of valid writes, filters and queries from one seed,
// for tests that compare, kill and reopen.
//
// Invariants: the same seed, prefix and schema give the same operations; ids come from a small pool
// so that overwrites and re-inserts after a delete are common. Thread-safety: one thread at a time.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <variant>

#include "perigee/model/query.h"
#include "perigee/model/write.h"

namespace perigee::tests {

using WriteOperation = std::variant<UpsertRequest, DeleteRequest>;

class OperationStream {
 public:
  struct Options {
    uint64_t seed = 1;
    std::string id_prefix = {};  ///< keeps writers apart
    uint32_t ids = 500;
    uint32_t batch_max = 8;
  };

  OperationStream(CollectionSchema schema, Options options);

  /// An upsert of any mode, or a delete.
  WriteOperation NextWrite();
  /// Valid for the schema, without text and geo conditions.
  Filter NextFilter();
  /// By vector or by id, with or without filter, threshold, offset.
  Query NextQuery();
  PointId NextId();
  Point NextPoint();
  uint64_t Below(uint64_t bound) { return random_() % bound; }

 private:
  Filter NextFilterOfDepth(int depth);
  std::vector<float> NextVector(const VectorSchema& schema);

  CollectionSchema schema_;
  Options options_;
  std::mt19937_64 random_;
};

/// The schema that system tests use: an unnamed cosine vector of 8 and a named l2 vector of 5.
CollectionSchema SystemTestSchema();

}  // namespace perigee::tests
