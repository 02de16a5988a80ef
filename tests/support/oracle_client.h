// SPDX-License-Identifier: Apache-2.0
//
// OracleWriter and OracleReader: clients of a server that is going to be killed. They write a mixed
// load and read it, and log what they intend, what they are answered and what they see.
//
// Invariants:
//  1. The intent is durable in the log before the call, the answer before the next intent.
//  2. A writer's points carry the number of their operation as "op", so a reader can tell which
//     operations it saw; their ids begin with the writer's prefix.
//  3. The same seed gives the same operations.
//
// Thread-safety: one thread at a time for each object.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "perigee/client/connection.h"
#include "tests/support/operation_stream.h"
#include "tests/support/oracle_log.h"
#include "tests/support/oracle_state.h"

namespace perigee::tests {

inline constexpr const char* kOracleCollection = "docs";
inline constexpr const char* kOracleSideCollection = "side";

std::string OraclePrefix(uint32_t writer);
/// Those of `all` that are the writer's.
StoredPoints PointsOfWriter(const StoredPoints& all, uint32_t writer);

/// Every point of a collection of an embedded or a served database.
template <typename Handle>
absl::StatusOr<StoredPoints> ReadAllPoints(Handle& collection) {
  StoredPoints points;
  ScrollRequest request;
  request.limit = 500;
  request.with_vectors.kind = VectorSelector::Kind::kAll;
  do {
    const auto page = collection.Scroll(request);
    if (!page.ok()) {
      return page.status();
    }
    for (const Point& point : page->points) {
      points[point.id.Encode()] = point;
    }
    request.cursor = page->next_cursor;
  } while (!request.cursor.empty());
  return points;
}

class OracleWriter {
 public:
  struct Options {
    uint64_t seed = 1;
    uint32_t number = 0;
    bool has_side = false;       ///< makes, fills and drops the side collection
    bool has_structure = false;  ///< flushes and optimizes in between
    uint32_t ids = 120;
    std::string log_path = {};
  };

  explicit OracleWriter(const Options& options);

  /// Writes until the server is gone or a storage failure is answered; leaves the operation without
  /// an answer open.
  void Run(const std::string& address);
  /// One operation; false when its fate is open.
  bool Step(client::Connection& connection);
  /// What ended Run.
  const absl::Status& last_status() const { return last_status_; }
  uint64_t operations() const { return number_; }

 private:
  OracleOperation Next();
  UpsertRequest Stamped(UpsertRequest request) const;
  absl::StatusOr<WriteResult> Do(client::Connection& connection, const OracleOperation& operation);

  const Options options_;
  OperationStream stream_;
  OracleLog log_;
  uint64_t number_ = 0;
  absl::Status last_status_;
};

class OracleReader {
 public:
  OracleReader(uint64_t seed, const std::string& log_path)
      : stream_(SystemTestSchema(), {.seed = seed}), log_(log_path) {}

  /// Queries, gets and scrolls until the server is gone.
  void Run(const std::string& address);
  uint64_t reads() const { return reads_; }

 private:
  absl::StatusOr<std::vector<Point>> Read(client::RemoteCollection& collection);
  void Note(const Point& point);

  OperationStream stream_;
  OracleLog log_;
  std::map<uint32_t, uint64_t> seen_;  // the latest operation of each writer
  uint64_t reads_ = 0;
};

}  // namespace perigee::tests
