// SPDX-License-Identifier: Apache-2.0
//
// CollectionReader: the read calls of a collection on one snapshot: request in, reply out. It
// validates the request, binds names and filters to the schema, searches the segments, and decodes
// what the reply shows.
//
// Invariants:
//  1. Every call answers from its snapshot alone and takes no lock.
//  2. A snapshot with a missing segment fails every call with that segment's kDataLoss, except a
//     query with allow_partial, whose coverage tells what was left out.
//
// Thread-safety: immutable; may be used from every thread. Rights are checked by the caller.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/collection/collection_snapshot.h"
#include "engine/execution/cancellation.h"
#include "perigee/model/query.h"

namespace perigee::engine {

class CollectionReader {
 public:
  /// `cancelled`, if given, outlives the calls and ends long ones with kCancelled when it turns
  /// true. The time of queries runs from `begin`.
  explicit CollectionReader(std::shared_ptr<const CollectionSnapshot> snapshot,
                            const std::atomic<bool>* cancelled = nullptr,
                            Cancellation::Clock::time_point begin = Cancellation::Clock::now())
      : snapshot_(std::move(snapshot)), cancelled_(cancelled), begin_(begin) {}

  /// kNotFound when the target is an id that does not exist or lacks the vector;
  /// kDeadlineExceeded after query.timeout_ms.
  absl::StatusOr<QueryResult> Query(const perigee::Query& query) const;
  /// One result per query, in order; the first failure fails the call and names the query.
  absl::StatusOr<std::vector<QueryResult>> QueryBatch(
      std::span<const perigee::Query> queries) const;
  absl::StatusOr<ExplainResult> Explain(const perigee::Query& query) const;
  absl::StatusOr<GetResult> Get(const GetRequest& request) const;
  absl::StatusOr<ScrollResult> Scroll(const ScrollRequest& request) const;
  absl::StatusOr<CountResult> Count(const CountRequest& request) const;

 private:
  std::shared_ptr<const CollectionSnapshot> snapshot_;
  const std::atomic<bool>* cancelled_;
  Cancellation::Clock::time_point begin_;
};

}  // namespace perigee::engine
