// SPDX-License-Identifier: Apache-2.0
#include "client/wire/wire_result.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/wire/wire_bounds.h"
#include "client/wire/wire_point.h"
#include "client/wire/wire_schema.h"
#include "perigee/model/limits.h"
#include "storage/foundation/status_macros.h"

namespace perigee::wire {
namespace {

constexpr size_t kPlanBytesMax = 1U << 20U;
// Bound of the segments of a database, and then some.
constexpr size_t kSegmentPlansMax = 64U << 10U;

void EncodeUsage(const QueryUsage& usage, schema::Usage::Builder out) {
  out.setDistances(usage.distances);
  out.setRowsTested(usage.rows_tested);
  out.setBytesRead(usage.bytes_read);
  out.setMicroseconds(usage.microseconds);
}

QueryUsage DecodeUsage(schema::Usage::Reader in) {
  return {.distances = in.getDistances(),
          .rows_tested = in.getRowsTested(),
          .bytes_read = in.getBytesRead(),
          .microseconds = in.getMicroseconds()};
}

void EncodeCoverage(const Coverage& coverage, schema::Coverage::Builder out) {
  out.setSegmentsDone(coverage.segments_done);
  out.setSegmentsTotal(coverage.segments_total);
  out.setRowsDone(coverage.rows_done);
  out.setRowsTotal(coverage.rows_total);
}

Coverage DecodeCoverage(schema::Coverage::Reader in) {
  return {.segments_done = in.getSegmentsDone(),
          .segments_total = in.getSegmentsTotal(),
          .rows_done = in.getRowsDone(),
          .rows_total = in.getRowsTotal()};
}

absl::StatusOr<UnparsedHit> DecodeHit(schema::Hit::Reader in) {
  UnparsedHit hit;
  PERIGEE_ASSIGN_OR_RETURN(hit.hit.id, DecodeId(in.getId()));
  hit.hit.score = in.getScore();
  hit.hit.distance = in.getDistance();
  hit.hit.version = in.getVersion();
  if (in.getPayload().isJson()) {
    PERIGEE_ASSIGN_OR_RETURN(hit.payload_json, CopyPayloadText(in.getPayload().getJson()));
  }
  PERIGEE_ASSIGN_OR_RETURN(hit.hit.vectors, DecodeVectors(in.getVectors()));
  return hit;
}

absl::StatusOr<SegmentPlan> DecodeSegmentPlan(schema::SegmentPlan::Reader in) {
  SegmentPlan plan;
  PERIGEE_ASSIGN_OR_RETURN(plan.segment,
                           CopyText("a segment name", in.getSegment(), kNameBytesMax));
  plan.rows = in.getRows();
  PERIGEE_ASSIGN_OR_RETURN(plan.strategy, CopyText("a strategy", in.getStrategy(), kNameBytesMax));
  PERIGEE_ASSIGN_OR_RETURN(plan.reason, CopyText("a reason", in.getReason(), kPlanBytesMax));
  if (in.getSelectivity().isValue()) {
    plan.selectivity = in.getSelectivity().getValue();
  }
  plan.ef = in.getEf();
  return plan;
}

}  // namespace

void EncodeHit(const ScoredPoint& hit, const std::optional<std::string>& payload_json,
               schema::Hit::Builder out) {
  EncodeId(hit.id, out.initId());
  out.setScore(hit.score);
  out.setDistance(hit.distance);
  out.setVersion(hit.version);
  if (payload_json.has_value()) {
    out.getPayload().setJson(WireText(*payload_json));
  }
  if (!hit.vectors.empty()) {
    EncodeVectors(hit.vectors, out.initVectors(WireCount(hit.vectors.size())));
  }
}

absl::Status DecodeHits(HitListReader in, std::vector<UnparsedHit>& hits) {
  PERIGEE_RETURN_IF_ERROR(CheckCount("the answer", hits.size() + in.size(), limits::kResultsMax));
  for (const schema::Hit::Reader element : in) {
    PERIGEE_ASSIGN_OR_RETURN(UnparsedHit hit, DecodeHit(element));
    hits.push_back(std::move(hit));
  }
  return absl::OkStatus();
}

void EncodeQueryResult(const QueryResult& result, schema::QueryResult::Builder out) {
  out.setExact(result.exact);
  if (result.recall_estimate.has_value()) {
    out.getRecallEstimate().setValue(*result.recall_estimate);
  }
  out.setPlan(WireText(result.plan));
  out.setFilterScanned(result.filter_scanned);
  EncodeUsage(result.usage, out.initUsage());
  EncodeCoverage(result.coverage, out.initCoverage());
  out.setSeq(result.seq);
  out.setEpoch(result.epoch);
}

absl::StatusOr<UnparsedQueryResult> DecodeQueryResult(schema::QueryResult::Reader in) {
  UnparsedQueryResult unparsed;
  QueryResult& result = unparsed.result;
  result.exact = in.getExact();
  if (in.getRecallEstimate().isValue()) {
    result.recall_estimate = in.getRecallEstimate().getValue();
  }
  PERIGEE_ASSIGN_OR_RETURN(result.plan, CopyText("the plan", in.getPlan(), kPlanBytesMax));
  result.filter_scanned = in.getFilterScanned();
  result.usage = DecodeUsage(in.getUsage());
  result.coverage = DecodeCoverage(in.getCoverage());
  result.seq = in.getSeq();
  result.epoch = in.getEpoch();
  PERIGEE_RETURN_IF_ERROR(DecodeHits(in.getHits(), unparsed.hits));
  return unparsed;
}

absl::StatusOr<QueryResult> ParseQueryResult(UnparsedQueryResult unparsed) {
  QueryResult result = std::move(unparsed.result);
  result.hits.reserve(unparsed.hits.size());
  for (UnparsedHit& hit : unparsed.hits) {
    if (hit.payload_json.has_value()) {
      PERIGEE_ASSIGN_OR_RETURN(hit.hit.payload, ParsePayloadJson(*hit.payload_json));
    }
    result.hits.push_back(std::move(hit.hit));
  }
  return result;
}

schema::UpsertMode EncodeMode(UpsertMode mode) {
  switch (mode) {
    case UpsertMode::kUpsert:
      return schema::UpsertMode::UPSERT;
    case UpsertMode::kInsert:
      return schema::UpsertMode::INSERT;
    case UpsertMode::kUpdate:
      return schema::UpsertMode::UPDATE;
  }
  return schema::UpsertMode::INVALID;
}

absl::StatusOr<UpsertMode> DecodeMode(schema::UpsertMode mode) {
  switch (mode) {
    case schema::UpsertMode::UPSERT:
      return UpsertMode::kUpsert;
    case schema::UpsertMode::INSERT:
      return UpsertMode::kInsert;
    case schema::UpsertMode::UPDATE:
      return UpsertMode::kUpdate;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("unknown mode of upsert ", static_cast<int>(mode)));
  }
}

void EncodeWriteResult(const WriteResult& result, schema::WriteResult::Builder out) {
  out.setSeq(result.seq);
  out.setEpoch(result.epoch);
  out.setAffected(result.affected);
  out.setDurability(WireText(result.durability));
}

absl::StatusOr<WriteResult> DecodeWriteResult(schema::WriteResult::Reader in) {
  WriteResult result;
  result.seq = in.getSeq();
  result.epoch = in.getEpoch();
  result.affected = in.getAffected();
  PERIGEE_ASSIGN_OR_RETURN(result.durability,
                           CopyText("durability", in.getDurability(), kNameBytesMax));
  return result;
}

void EncodeExplainResult(const ExplainResult& result, schema::ExplainResult::Builder out) {
  out.setUsingVector(WireText(result.using_vector));
  out.setMetric(EncodeMetric(result.metric));
  if (result.filter_text.has_value()) {
    out.getFilterText().setText(WireText(*result.filter_text));
  }
  out.setFilterScanned(result.filter_scanned);
  auto segments = out.initSegments(WireCount(result.segments.size()));
  for (size_t i = 0; i < result.segments.size(); ++i) {
    const SegmentPlan& plan = result.segments[i];
    schema::SegmentPlan::Builder element = segments[WireCount(i)];
    element.setSegment(WireText(plan.segment));
    element.setRows(plan.rows);
    element.setStrategy(WireText(plan.strategy));
    element.setReason(WireText(plan.reason));
    if (plan.selectivity.has_value()) {
      element.getSelectivity().setValue(*plan.selectivity);
    }
    element.setEf(plan.ef);
  }
  out.setSeq(result.seq);
  out.setEpoch(result.epoch);
}

absl::StatusOr<ExplainResult> DecodeExplainResult(schema::ExplainResult::Reader in) {
  ExplainResult result;
  PERIGEE_ASSIGN_OR_RETURN(result.using_vector,
                           CopyText("a vector name", in.getUsingVector(), kNameBytesMax));
  PERIGEE_ASSIGN_OR_RETURN(result.metric, DecodeMetric(in.getMetric()));
  if (in.getFilterText().isText()) {
    PERIGEE_ASSIGN_OR_RETURN(
        result.filter_text,
        CopyText("the filter", in.getFilterText().getText(), 8 * limits::kFilterBytesMax));
  }
  result.filter_scanned = in.getFilterScanned();
  PERIGEE_RETURN_IF_ERROR(CheckCount("the plan", in.getSegments().size(), kSegmentPlansMax));
  for (const schema::SegmentPlan::Reader element : in.getSegments()) {
    PERIGEE_ASSIGN_OR_RETURN(SegmentPlan plan, DecodeSegmentPlan(element));
    result.segments.push_back(std::move(plan));
  }
  result.seq = in.getSeq();
  result.epoch = in.getEpoch();
  return result;
}

}  // namespace perigee::wire
