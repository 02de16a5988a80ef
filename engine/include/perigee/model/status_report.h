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

/// A sealed segment as the background scrub knows it.
struct SegmentScrub {
  std::string collection = {};
  std::string segment = {};    ///< uuid
  uint64_t bytes = 0;          ///< of its file and its deletion file
  int64_t verified_at_ms = 0;  ///< Unix time of when it was last read as it should be; 0: not yet
  std::string damage = {};     ///< what was found, and what becomes of it; empty: none
};

/// How far the disk has been verified. A segment is read again every three days or sooner after it
/// became due, all of them within seven days.
struct ScrubStatus {
  std::string state = {};         ///< "off", "waiting", or "verifying <uuid>"
  uint64_t bytes_per_second = 0;  ///< how fast it reads; 0: off
  uint64_t bytes_total = 0;
  uint64_t bytes_verified = 0;    ///< of these, what need not be verified now
  int64_t last_full_pass_ms = 0;  ///< Unix time of when nothing was left to verify; 0: not yet
  uint64_t damages_found = 0;     ///< segments, restarts included
  std::vector<SegmentScrub> segments = {};
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
  ScrubStatus scrub = {};
};

}  // namespace perigee
