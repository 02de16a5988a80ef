// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/collection_reader.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/collection/row_decoder.h"
#include "engine/collection/scroll_cursor.h"
#include "engine/execution/cancellation.h"
#include "engine/index/top_k_heap.h"
#include "engine/query/filter_binder.h"
#include "engine/query/filter_evaluator.h"
#include "engine/query/segment_search.h"
#include "perigee/model/limits.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::engine {
namespace {

using Clock = Cancellation::Clock;

/// Fails with the damage of the first segment that is not there.
absl::Status RequireComplete(const CollectionSnapshot& snapshot) {
  if (snapshot.missing().empty()) {
    return absl::OkStatus();
  }
  const MissingSegment& segment = snapshot.missing().front();
  return WithContext(segment.status,
                     absl::StrCat("segment ", segment.uuid.ToString(), " of ", segment.row_count,
                                  " rows cannot be read; restore it, or query with allow_partial"));
}

/// A filter ready for use, or nothing when every row satisfies it.
class RowTest {
 public:
  static absl::StatusOr<RowTest> Bind(const std::optional<Filter>& filter,
                                      const CollectionSchema& schema) {
    RowTest test;
    if (filter.has_value()) {
      PERIGEE_ASSIGN_OR_RETURN(test.filter_, BindFilter(*filter, schema));
    }
    return test;
  }

  /// nullptr when every row satisfies it.
  const BoundFilter* filter() const {
    return filter_.has_value() && !filter_->matches_everything() ? &*filter_ : nullptr;
  }
  /// The payload of rows had to be looked at, because no field stands for its paths.
  bool scans() const { return filter_.has_value() && filter_->reads_payload(); }
  bool Holds(const SegmentView& view, uint32_t row) const {
    return filter() == nullptr ||
           Matches(*filter_, {.encoded_id = view.EncodedId(row),
                              .payload = view.EncodedPayload(row),
                              .vector_presence_bits = view.PresenceBits(row)});
  }

 private:
  std::optional<BoundFilter> filter_;
};

/// A query whose names, filter and target are resolved against one snapshot.
struct BoundQuery {
  const VectorSchema* vector = nullptr;
  RowTest test;
  std::vector<float> target;
  std::string leave_out_id;  // empty: none
  SearchRequest request;     // points into the members above
};

absl::Status ResolveTarget(const CollectionSnapshot& snapshot, const perigee::Query& query,
                           size_t ordinal, BoundQuery& bound) {
  if (const auto* values = std::get_if<std::vector<float>>(&query.target)) {
    bound.target = *values;
    return absl::OkStatus();
  }
  const auto& id = std::get<PointId>(query.target);
  bound.leave_out_id = id.Encode();
  const std::optional<RowPlace> place = snapshot.FindRow(bound.leave_out_id);
  if (!place.has_value()) {
    // It may be in a segment that cannot be read; then "not found" would be a guess.
    PERIGEE_RETURN_IF_ERROR(RequireComplete(snapshot));
    return absl::NotFoundError(absl::StrCat("point '", id.ToString(),
                                            "' does not exist, so it cannot be queried by; pass a "
                                            "vector or the id of a stored point"));
  }
  const VectorColumn& vectors = place->view->Vectors(ordinal);
  if (!vectors.Present(place->row)) {
    return absl::NotFoundError(absl::StrCat("point '", id.ToString(), "' has no vector '",
                                            bound.vector->name,
                                            "', so it cannot be queried by; choose another using"));
  }
  bound.target.resize(bound.vector->dimension);
  vectors.CopyRow(place->row, bound.target);
  return absl::OkStatus();
}

absl::Status BindQuery(const CollectionSnapshot& snapshot, const perigee::Query& query,
                       const Cancellation& cancellation, BoundQuery& bound) {
  const CollectionSchema& schema = snapshot.schema();
  PERIGEE_RETURN_IF_ERROR(Validate(query, schema));
  if (!query.allow_partial) {
    PERIGEE_RETURN_IF_ERROR(RequireComplete(snapshot));
  }
  PERIGEE_ASSIGN_OR_RETURN(bound.vector, ResolveUsing(query.using_vector, schema));
  PERIGEE_ASSIGN_OR_RETURN(bound.test, RowTest::Bind(query.filter, schema));
  const auto ordinal = static_cast<size_t>(bound.vector - schema.vectors.data());
  PERIGEE_RETURN_IF_ERROR(ResolveTarget(snapshot, query, ordinal, bound));
  bound.request = {.schema = bound.vector,
                   .ordinal = ordinal,
                   .query = bound.target,
                   .k = query.offset + query.limit,
                   .exact = query.exact,
                   .ef = query.ef,
                   .recall = query.recall,
                   .filter = bound.test.filter(),
                   .leave_out_id = std::nullopt,
                   .cancellation = cancellation};
  if (!bound.leave_out_id.empty()) {
    bound.request.leave_out_id = bound.leave_out_id;
  }
  return absl::OkStatus();
}

absl::Status AddHits(const CollectionSnapshot& snapshot, const perigee::Query& query,
                     const BoundQuery& bound, std::span<const SegmentHit> hits,
                     QueryResult& result) {
  const RowDecoder decoder(snapshot.schema(), query.with_payload, query.with_vectors);
  for (const SegmentHit& hit : hits) {
    const float score = ScoreOfDistance(bound.vector->metric, hit.distance);
    if (query.score_threshold.has_value() && !(score >= *query.score_threshold)) {
      break;  // hits are in the order of their scores
    }
    RowPlace place{.view = snapshot.views()[hit.segment], .row = hit.row};
    if (CanaryActive("global-local-id-mix-up")) {
      place.view = snapshot.views().front();
      place.row = hit.row % place.view->row_count();
    }
    ScoredPoint point{.score = score, .distance = hit.distance, .version = hit.lsn};
    PERIGEE_ASSIGN_OR_RETURN(point.id, decoder.DecodeId(place));
    PERIGEE_ASSIGN_OR_RETURN(point.payload, decoder.DecodePayload(place));
    point.vectors = decoder.DecodeVectors(place);
    result.hits.push_back(std::move(point));
  }
  return absl::OkStatus();
}

Coverage CoverageOf(const CollectionSnapshot& snapshot) {
  Coverage coverage{.segments_done = snapshot.views().size(),
                    .segments_total = snapshot.views().size() + snapshot.missing().size(),
                    .rows_done = snapshot.live_count(),
                    .rows_total = snapshot.live_count()};
  for (const MissingSegment& segment : snapshot.missing()) {
    coverage.rows_total += segment.row_count;
  }
  return coverage;
}

absl::StatusOr<QueryResult> RunQuery(const CollectionSnapshot& snapshot,
                                     const perigee::Query& query,
                                     const Cancellation& cancellation) {
  const Clock::time_point begin = Clock::now();
  BoundQuery bound;
  PERIGEE_RETURN_IF_ERROR(BindQuery(snapshot, query, cancellation, bound));
  PERIGEE_ASSIGN_OR_RETURN(const MergedSearchResult found,
                           SearchSegments(snapshot.views(), bound.request));
  QueryResult result{.exact = found.exact,
                     .plan = DescribeStrategies(found.segments),
                     .filter_scanned = bound.test.scans(),
                     .coverage = CoverageOf(snapshot),
                     .seq = snapshot.seq(),
                     .epoch = snapshot.epoch()};
  if (found.exact) {
    result.recall_estimate = 1.0;
  }
  const size_t skipped = std::min<size_t>(query.offset, found.hits.size());
  PERIGEE_RETURN_IF_ERROR(
      AddHits(snapshot, query, bound, std::span(found.hits).subspan(skipped), result));
  result.usage = {
      .distances = found.distances,
      .rows_tested = found.rows_tested,
      .microseconds = static_cast<uint64_t>(
          std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin).count())};
  return result;
}

/// A visible row in the order of scroll.
struct ScrollRow {
  std::string_view encoded_id;
  RowPlace place;
};

struct ScrollRowLess {
  bool operator()(const ScrollRow& a, const ScrollRow& b) const {
    return a.encoded_id < b.encoded_id;
  }
};

using ScrollHeap = TopKHeap<ScrollRow, ScrollRowLess>;

/// Adds what one segment has to the page.
absl::Status ScrollSegment(const CollectionSnapshot& snapshot, size_t position,
                           std::string_view after, const RowTest& test, CancellationPoll& poll,
                           ScrollHeap& page) {
  const SegmentView& view = *snapshot.views()[position];
  absl::Status status;
  snapshot.ScanInIdOrder(position, after, [&](uint32_t row) {
    const ScrollRow found{.encoded_id = view.EncodedId(row), .place = {.view = &view, .row = row}};
    if (!page.Accepts(found)) {
      return false;  // and so would be all rows after it
    }
    if (test.Holds(view, row)) {
      page.Push(found);
    }
    status = poll.Poll();
    return status.ok();
  });
  return status;
}

}  // namespace

absl::StatusOr<QueryResult> CollectionReader::Query(const perigee::Query& query) const {
  return RunQuery(*snapshot_, query,
                  Cancellation(begin_ + std::chrono::milliseconds(query.timeout_ms), cancelled_));
}

absl::StatusOr<std::vector<QueryResult>> CollectionReader::QueryBatch(
    std::span<const perigee::Query> queries) const {
  if (queries.size() > limits::kQueryBatchMax) {
    return ErrorWithReason(ErrorReason::kLimit,
                           absl::StrCat("batch has ", queries.size(), " queries; the limit is ",
                                        limits::kQueryBatchMax, "; split it"));
  }
  std::vector<QueryResult> results;
  results.reserve(queries.size());
  for (size_t i = 0; i < queries.size(); ++i) {
    // All times are counted from the start of the call, which is what its caller waits for.
    const Cancellation cancellation(begin_ + std::chrono::milliseconds(queries[i].timeout_ms),
                                    cancelled_);
    absl::StatusOr<QueryResult> result = RunQuery(*snapshot_, queries[i], cancellation);
    if (!result.ok()) {
      return WithContext(result.status(), absl::StrCat("queries[", i, "]"));
    }
    results.push_back(*std::move(result));
  }
  return results;
}

absl::StatusOr<ExplainResult> CollectionReader::Explain(const perigee::Query& query) const {
  BoundQuery bound;
  PERIGEE_RETURN_IF_ERROR(BindQuery(
      *snapshot_, query,
      Cancellation(begin_ + std::chrono::milliseconds(query.timeout_ms), cancelled_), bound));
  ExplainResult result{.using_vector = bound.vector->name,
                       .metric = bound.vector->metric,
                       .filter_scanned = bound.test.scans(),
                       .seq = snapshot_->seq(),
                       .epoch = snapshot_->epoch()};
  if (query.filter.has_value()) {
    result.filter_text = ToText(*query.filter);
  }
  for (const SegmentView* view : snapshot_->views()) {
    PERIGEE_ASSIGN_OR_RETURN(SegmentPlan plan, ExplainSegment(*view, bound.request));
    result.segments.push_back(std::move(plan));
  }
  return result;
}

absl::StatusOr<GetResult> CollectionReader::Get(const GetRequest& request) const {
  PERIGEE_RETURN_IF_ERROR(Validate(request, snapshot_->schema()));
  PERIGEE_RETURN_IF_ERROR(RequireComplete(*snapshot_));
  const RowDecoder decoder(snapshot_->schema(), request.with_payload, request.with_vectors);
  GetResult result{.seq = snapshot_->seq(), .epoch = snapshot_->epoch()};
  for (const PointId& id : request.ids) {
    const std::optional<RowPlace> place = snapshot_->FindRow(id.Encode());
    if (place.has_value()) {
      PERIGEE_ASSIGN_OR_RETURN(Point point, decoder.DecodePoint(*place));
      result.points.push_back(std::move(point));
    }
  }
  return result;
}

absl::StatusOr<ScrollResult> CollectionReader::Scroll(const ScrollRequest& request) const {
  PERIGEE_RETURN_IF_ERROR(Validate(request, snapshot_->schema()));
  PERIGEE_RETURN_IF_ERROR(RequireComplete(*snapshot_));
  const ScrollScope scope = MakeScrollScope(snapshot_->collection(), request.filter);
  std::string after;
  if (!request.cursor.empty()) {
    PERIGEE_ASSIGN_OR_RETURN(after, DecodeScrollCursor(request.cursor, scope));
  }
  PERIGEE_ASSIGN_OR_RETURN(const RowTest test, RowTest::Bind(request.filter, snapshot_->schema()));
  // One row more than the page tells whether another page follows.
  ScrollHeap page(size_t{request.limit} + 1);
  const Cancellation cancellation = Cancellation::OnFlag(cancelled_);
  CancellationPoll poll(cancellation);
  for (size_t position = 0; position < snapshot_->views().size(); ++position) {
    PERIGEE_RETURN_IF_ERROR(ScrollSegment(*snapshot_, position, after, test, poll, page));
  }
  std::vector<ScrollRow> rows = page.TakeSorted();
  ScrollResult result{.seq = snapshot_->seq(), .epoch = snapshot_->epoch()};
  if (rows.size() > request.limit) {
    rows.resize(request.limit);
    result.next_cursor = EncodeScrollCursor(scope, rows.back().encoded_id);
  }
  const RowDecoder decoder(snapshot_->schema(), request.with_payload, request.with_vectors);
  for (const ScrollRow& row : rows) {
    PERIGEE_ASSIGN_OR_RETURN(Point point, decoder.DecodePoint(row.place));
    result.points.push_back(std::move(point));
  }
  return result;
}

absl::StatusOr<CountResult> CollectionReader::Count(const CountRequest& request) const {
  PERIGEE_RETURN_IF_ERROR(Validate(request));
  PERIGEE_RETURN_IF_ERROR(RequireComplete(*snapshot_));
  PERIGEE_ASSIGN_OR_RETURN(const RowTest test, RowTest::Bind(request.filter, snapshot_->schema()));
  CountResult result{
      .filter_scanned = test.scans(), .seq = snapshot_->seq(), .epoch = snapshot_->epoch()};
  if (test.filter() == nullptr) {
    result.count = snapshot_->live_count();
    return result;
  }
  const Cancellation cancellation = Cancellation::OnFlag(cancelled_);
  CancellationPoll poll(cancellation);
  for (const SegmentView* view : snapshot_->views()) {
    for (uint32_t row = 0; row < view->row_count(); ++row) {
      PERIGEE_RETURN_IF_ERROR(poll.Poll());
      result.count += view->RowLive(row) && test.Holds(*view, row) ? 1 : 0;
    }
  }
  return result;
}

}  // namespace perigee::engine
