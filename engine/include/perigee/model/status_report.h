// SPDX-License-Identifier: Apache-2.0
//
// What `status` and `describe` tell about a database and its collections.
//
// Invariants: numbers are a consistent picture per collection, not across collections.
// Thread-safety: value types.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "perigee/model/collection_schema.h"

namespace perigee {

struct VectorStatus {
  std::string name = {};
  uint64_t vectors = 0;            ///< live vectors
  uint64_t vectors_unindexed = 0;  ///< of these, searched by exact scan
};

struct CollectionDescription {
  std::string name = {};
  std::string uuid = {};
  CollectionSchema schema = {};
  uint64_t points = 0;
  uint64_t rows_deleted = 0;  ///< dead rows not yet compacted away
  uint64_t segments_growing = 0;
  uint64_t segments_sealing = 0;
  uint64_t segments_sealed = 0;
  std::vector<VectorStatus> vectors = {};
  uint64_t memory_bytes = 0;
  uint64_t disk_bytes = 0;
  uint64_t applied_seq = 0;  ///< everything up to here is in sealed segments
  std::string state = {};    ///< in words: "ready", "sealing: 40,000 rows searched exactly", ...
};

struct DatabaseStatus {
  std::string uuid = {};
  std::string version = {};
  uint64_t epoch = 0;
  bool read_only = false;
  std::string io_backend = {};  ///< "io_uring", or "posix (reason)"
  std::string simd = {};        ///< instruction set of the distance kernels
  std::string durability = "durable";
  uint64_t seq = 0;        ///< newest visible write
  uint64_t as_of_seq = 0;  ///< for a read-only handle: the published state it shows
  uint64_t log_bytes = 0;
  uint64_t log_files = 0;
  uint64_t disk_free_bytes = 0;
  std::string storage_error = {};  ///< why writes are refused; empty when all is well
  std::vector<std::string> warnings = {};
  std::vector<CollectionDescription> collections = {};
};

}  // namespace perigee
