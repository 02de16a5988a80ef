// SPDX-License-Identifier: Apache-2.0
#include "tests/support/oracle_state.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::tests {
namespace {

bool Same(const std::optional<ReferenceCollection>& expected,
          const std::optional<StoredPoints>& stored) {
  return expected.has_value() == stored.has_value() &&
         (!expected.has_value() || expected->points() == *stored);
}

// A word on the first difference.
std::string Difference(const StoredPoints& expected, const StoredPoints& stored) {
  for (const auto& [id, point] : expected) {
    const auto found = stored.find(id);
    if (found == stored.end()) {
      return absl::StrCat("point ", point.id.ToString(), " is lost");
    }
    if (found->second != point) {
      return absl::StrCat("point ", point.id.ToString(), " is another version");
    }
  }
  for (const auto& [id, point] : stored) {
    if (!expected.contains(id)) {
      return absl::StrCat("point ", point.id.ToString(), " is resurrected, or never written");
    }
  }
  return "the points are as acknowledged";
}

}  // namespace

absl::StatusCode OracleState::Do(const OracleOperation& operation, const CollectionSchema& schema,
                                 ReferenceCollection& points,
                                 std::optional<ReferenceCollection>& side) {
  switch (operation.kind) {
    case OracleOperation::Kind::kUpsert:
      return points.Upsert(operation.upsert);
    case OracleOperation::Kind::kDelete:
      points.Delete(operation.remove);
      break;
    case OracleOperation::Kind::kSideCreate:
      if (side.has_value()) {
        return absl::StatusCode::kAlreadyExists;
      }
      side.emplace(schema);
      break;
    case OracleOperation::Kind::kSideDrop:
    case OracleOperation::Kind::kSideUpsert:
      if (!side.has_value()) {
        return absl::StatusCode::kNotFound;
      }
      if (operation.kind == OracleOperation::Kind::kSideUpsert) {
        return side->Upsert(operation.upsert);
      }
      side.reset();
      break;
    case OracleOperation::Kind::kFlush:
    case OracleOperation::Kind::kOptimize:
      break;
  }
  return absl::StatusCode::kOk;
}

absl::Status OracleState::Wrong(std::string_view what) const {
  return absl::DataLossError(absl::StrCat("writer ", writer_, ", operation ", number_, ": ",
                                          Absl(what), " (", acknowledged_, " acknowledged)"));
}

absl::Status OracleState::Apply(const OracleEntry& entry) {
  if (entry.writer != writer_) {
    return Wrong("an entry of another writer");
  }
  switch (entry.kind) {
    case OracleEntry::Kind::kIntent:
      if (under_way_.has_value() || entry.number != number_ + 1) {
        return Wrong("the next intent is not the next operation");
      }
      number_ = entry.number;
      under_way_ = entry.operation;
      seen_ = false;
      return absl::OkStatus();
    case OracleEntry::Kind::kSeen:
      if (entry.number > number_) {
        return Wrong(absl::StrCat("a reader saw operation ", entry.number, ", which nobody sent"));
      }
      seen_ = seen_ || (entry.number == number_ && under_way_.has_value());
      return absl::OkStatus();
    case OracleEntry::Kind::kAcknowledged:
    case OracleEntry::Kind::kRefused:
    case OracleEntry::Kind::kSettled:
      break;
  }
  if (!under_way_.has_value() || entry.number != number_) {
    return Wrong("an answer without an operation");
  }
  PERIGEE_RETURN_IF_ERROR(TakeAnswer(entry));
  under_way_.reset();
  return absl::OkStatus();
}

absl::Status OracleState::TakeAnswer(const OracleEntry& entry) {
  if (entry.kind == OracleEntry::Kind::kSettled) {
    if (entry.applied) {
      Do(*under_way_, schema_, points_, side_);
    }
    return absl::OkStatus();
  }
  if (entry.kind == OracleEntry::Kind::kRefused &&
      entry.code == absl::StatusCode::kResourceExhausted) {
    return seen_ ? Wrong("a reader saw what was refused") : absl::OkStatus();
  }
  const absl::StatusCode expected = Do(*under_way_, schema_, points_, side_);
  const absl::StatusCode answered =
      entry.kind == OracleEntry::Kind::kRefused ? entry.code : absl::StatusCode::kOk;
  if (answered != expected) {
    return Wrong(absl::StrCat("answered ", absl::StatusCodeToString(answered), ", expected ",
                              absl::StatusCodeToString(expected)));
  }
  if (answered == absl::StatusCode::kOk) {
    ++acknowledged_;
    PERIGEE_RETURN_IF_ERROR(TakeSeq(entry.seq, entry.epoch));
  }
  return absl::OkStatus();
}

absl::Status OracleState::TakeSeq(uint64_t seq, uint64_t epoch) {
  if (seq == 0) {
    return absl::OkStatus();  // not a write
  }
  if (!seqs_.empty() && (seqs_.rbegin()->first > epoch || seqs_.rbegin()->second.last >= seq)) {
    return Wrong(absl::StrCat("epoch ", epoch, " seq ", seq, " is not behind seq ",
                              seqs_.rbegin()->second.last));
  }
  SeqRange& range = seqs_[epoch];
  range.first = range.first == 0 ? seq : range.first;
  range.last = seq;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<OracleEntry>> OracleState::Judge(const OracleStored& stored) const {
  const bool without = stored.points == points_.points() && Same(side_, stored.side);
  if (!under_way_.has_value()) {
    return without ? absl::StatusOr<std::optional<OracleEntry>>(std::nullopt)
                   : Wrong(Difference(points_.points(), stored.points));
  }
  ReferenceCollection points = points_;
  std::optional<ReferenceCollection> side = side_;
  Do(*under_way_, schema_, points, side);
  const bool with = stored.points == points.points() && Same(side, stored.side);
  if (!with && !without) {
    return Wrong(absl::StrCat("neither the acknowledged state (",
                              Difference(points_.points(), stored.points),
                              ") nor that with the operation under way (",
                              Difference(points.points(), stored.points), ")"));
  }
  if (seen_ && !with) {
    return Wrong("a reader saw it, and it is gone");
  }
  return OracleEntry{
      .kind = OracleEntry::Kind::kSettled, .writer = writer_, .number = number_, .applied = with};
}

absl::Status CheckSeqs(const std::vector<const OracleState*>& writers) {
  std::map<uint64_t, SeqRange> all;
  for (const OracleState* writer : writers) {
    for (const auto& [epoch, range] : writer->seqs()) {
      SeqRange& whole = all.emplace(epoch, range).first->second;
      whole.first = std::min(whole.first, range.first);
      whole.last = std::max(whole.last, range.last);
    }
  }
  uint64_t last = 0;
  for (const auto& [epoch, range] : all) {
    if (range.first <= last) {
      return absl::DataLossError(absl::StrCat("epoch ", epoch, " gave seq ", range.first,
                                              " again; an earlier one reached ", last));
    }
    last = range.last;
  }
  return absl::OkStatus();
}

}  // namespace perigee::tests
