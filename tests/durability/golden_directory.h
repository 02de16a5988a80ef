// SPDX-License-Identifier: Apache-2.0
//
// GoldenDirectory: one of the directories below tests/golden, with what must be read from it; a
// test gets copies of it, on a simulated disk or a real one.
//
// Invariants: the golden files are only read.
// Thread-safety: const after construction.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/database/database_core.h"
#include "tests/support/simulated_file_system.h"

namespace perigee::engine {

/// An exact query and its hits: id and bits of the distance.
struct GoldenQuery {
  std::string using_vector = {};
  std::vector<float> vector = {};
  std::vector<std::pair<PointId, uint32_t>> hits = {};
};

struct GoldenPoint {
  NamedVectors vectors = {};
  std::string payload = {};  ///< as JSON

  friend bool operator==(const GoldenPoint&, const GoldenPoint&) = default;
};

struct GoldenCollection {
  std::string schema = {};  ///< as JSON
  std::map<PointId, GoldenPoint> points = {};
  std::vector<GoldenQuery> queries = {};
};

using GoldenContent = std::map<std::string, GoldenCollection>;

class GoldenDirectory {
 public:
  /// `format` and `name` as in "format-1", "killed".
  GoldenDirectory(std::string_view format, std::string_view name);

  /// Names of all golden directories of a format, sorted.
  static std::vector<std::string> NamesOf(std::string_view format);
  static std::string PathOf(std::string_view format);

  const GoldenContent& content() const { return content_; }
  /// The files, with the directories that a repository does not keep, at /db.
  std::unique_ptr<storage::SimulatedFileSystem> OnSimulatedDisk() const;
  /// The files at `path`, which must exist.
  void CopyTo(const std::string& path) const;

 private:
  std::map<std::string, std::string> files_;  // by name in the directory
  GoldenContent content_;
};

/// The points of a collection as it answers them by scroll.
std::map<PointId, GoldenPoint> PointsOf(const CollectionCore& collection);
/// CHECKs that the database holds exactly `expected`: schemas, every point and payload, every bit
/// of vectors, counts, and the answers to the queries, exact ones in order.
void CheckContent(const DatabaseCore& database, const GoldenContent& expected);

}  // namespace perigee::engine
