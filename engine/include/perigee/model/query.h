// SPDX-License-Identifier: Apache-2.0
//
// Requests and replies of the read calls: Query, Get, Scroll, Count and Explain.
//
// Invariants:
//  1. A query answers exactly min(limit, max(0, matching - offset)) hits, in the order (distance,
//     encoded id); only score_threshold, applied after the top k, may shorten that.
//  2. Every reply names the write it has seen (seq) and the epoch of the writer.
//  3. Every write acknowledged before the call began is visible to it.
// Thread-safety: value types.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "perigee/model/collection_schema.h"
#include "perigee/model/filter.h"
#include "perigee/model/point.h"

namespace perigee {

/// What of the payload comes back: all (default), none, or the values at some paths.
struct PayloadSelector {
  enum class Kind : uint8_t { kAll = 1, kNone = 2, kPaths = 3 };
  Kind kind = Kind::kAll;
  std::vector<std::string> paths = {};  ///< for kPaths

  friend bool operator==(const PayloadSelector&, const PayloadSelector&) = default;
};

/// Which vectors come back: none (default), all, or some by name.
struct VectorSelector {
  enum class Kind : uint8_t { kNone = 1, kAll = 2, kNames = 3 };
  Kind kind = Kind::kNone;
  std::vector<std::string> names = {};  ///< for kNames

  friend bool operator==(const VectorSelector&, const VectorSelector&) = default;
};

struct Query {
  /// A vector, or the id of a stored point (which the answer then leaves out).
  std::variant<std::vector<float>, PointId> target = {};
  /// Vector name; may be absent when the schema has the unnamed vector.
  std::optional<std::string> using_vector = {};
  uint32_t limit = 10;
  uint32_t offset = 0;
  std::optional<Filter> filter = {};
  /// Keeps hits with score >= the threshold, applied after the top k.
  std::optional<float> score_threshold = {};
  PayloadSelector with_payload = {};
  VectorSelector with_vectors = {};
  /// Recall to aim at, above 0 and at most 1.
  double recall = 0.95;
  /// Compare with every matching vector.
  bool exact = false;
  /// For experts: candidates kept during graph search; overrides `recall`.
  std::optional<uint32_t> ef = {};
  uint32_t timeout_ms = 5'000;
  /// Answer from what is readable and say so in coverage, instead of failing.
  bool allow_partial = false;

  friend bool operator==(const Query&, const Query&) = default;
};

struct ScoredPoint {
  PointId id = {};
  float score = 0;
  float distance = 0;
  uint64_t version = 0;  ///< seq of the write that made this version of the point
  std::optional<Payload> payload = {};
  NamedVectors vectors = {};

  friend bool operator==(const ScoredPoint&, const ScoredPoint&) = default;
};

/// What a query cost.
struct QueryUsage {
  uint64_t distances = 0;    ///< vectors compared
  uint64_t rows_tested = 0;  ///< rows the filter was evaluated on
  uint64_t bytes_read = 0;   ///< bytes fetched from files
  uint64_t microseconds = 0;

  friend bool operator==(const QueryUsage&, const QueryUsage&) = default;
};

/// How much of the data an answer has seen.
struct Coverage {
  uint64_t segments_done = 0;
  uint64_t segments_total = 0;
  uint64_t rows_done = 0;
  uint64_t rows_total = 0;

  friend bool operator==(const Coverage&, const Coverage&) = default;
};

struct QueryResult {
  std::vector<ScoredPoint> hits = {};
  /// Every matching vector was compared.
  bool exact = false;
  /// Lower confidence bound of recall; 1 when exact, absent while a segment has no calibration.
  std::optional<double> recall_estimate = {};
  /// Strategies used, e.g. "graph_filtered(2) exact_scan(1)".
  std::string plan = {};
  /// The filter has a path without a field, so rows were scanned.
  bool filter_scanned = false;
  QueryUsage usage = {};
  Coverage coverage = {};
  uint64_t seq = 0;
  uint64_t epoch = 0;
};

struct GetRequest {
  std::vector<PointId> ids = {};
  PayloadSelector with_payload = {};
  VectorSelector with_vectors = {};
};

struct GetResult {
  /// The points that exist, in the order of the ids asked for.
  std::vector<Point> points = {};
  uint64_t seq = 0;
  uint64_t epoch = 0;
};

struct ScrollRequest {
  uint32_t limit = 10;
  std::optional<Filter> filter = {};
  /// next_cursor of the page before; empty for the first page.
  std::string cursor = {};
  PayloadSelector with_payload = {};
  VectorSelector with_vectors = {};
};

struct ScrollResult {
  /// In the order of encoded ids.
  std::vector<Point> points = {};
  /// Opaque; empty after the last page.
  std::string next_cursor = {};
  uint64_t seq = 0;
  uint64_t epoch = 0;
};

struct CountRequest {
  std::optional<Filter> filter = {};
};

struct CountResult {
  uint64_t count = 0;
  bool filter_scanned = false;
  uint64_t seq = 0;
  uint64_t epoch = 0;
};

/// One segment's part of a plan.
struct SegmentPlan {
  std::string segment = {};                ///< uuid, or "growing"
  uint64_t rows = 0;                       ///< live rows
  std::string strategy = {};               ///< exact_scan, graph, graph_filtered, ...
  std::string reason = {};                 ///< why this one
  std::optional<double> selectivity = {};  ///< estimated share of matching rows
  uint32_t ef = 0;                         ///< 0 for scans
};

struct ExplainResult {
  std::string using_vector = {};
  DistanceMetric metric = DistanceMetric::kCosine;
  std::optional<std::string> filter_text = {};
  bool filter_scanned = false;
  std::vector<SegmentPlan> segments = {};
  uint64_t seq = 0;
  uint64_t epoch = 0;
};

/// kInvalidArgument naming field, value and limit; checks what needs no stored data.
absl::Status Validate(const Query& query, const CollectionSchema& schema);
absl::Status Validate(const GetRequest& request, const CollectionSchema& schema);
absl::Status Validate(const ScrollRequest& request, const CollectionSchema& schema);
absl::Status Validate(const CountRequest& request);

/// The schema of the vector a query uses; kInvalidArgument listing the names when it is unknown or
/// absent.
absl::StatusOr<const VectorSchema*> ResolveUsing(const std::optional<std::string>& name,
                                                 const CollectionSchema& schema);

/// The part of `payload` that `selector` asks for, nesting kept; absent for kNone.
std::optional<Payload> SelectPayload(const Payload& payload, const PayloadSelector& selector);

}  // namespace perigee
