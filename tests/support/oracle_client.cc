// SPDX-License-Identifier: Apache-2.0
#include "tests/support/oracle_client.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "storage/foundation/status_macros.h"

namespace perigee::tests {
namespace {

constexpr const char* kStamp = "op";
constexpr uint32_t kReaderWriters = 8;

bool IsRefusal(absl::StatusCode code) {
  return code == absl::StatusCode::kAlreadyExists || code == absl::StatusCode::kNotFound ||
         code == absl::StatusCode::kResourceExhausted;
}

}  // namespace

std::string OraclePrefix(uint32_t writer) { return absl::StrCat("w", writer, "-"); }

StoredPoints PointsOfWriter(const StoredPoints& all, uint32_t writer) {
  const std::string prefix = OraclePrefix(writer);
  StoredPoints points;
  for (const auto& [encoded, point] : all) {
    if (point.id.ToString().compare(0, prefix.size(), prefix) == 0) {
      points[encoded] = point;
    }
  }
  return points;
}

OracleWriter::OracleWriter(const Options& options)
    : options_(options),
      stream_(
          SystemTestSchema(),
          {.seed = options.seed, .id_prefix = OraclePrefix(options.number), .ids = options.ids}),
      log_(options.log_path) {}

UpsertRequest OracleWriter::Stamped(UpsertRequest request) const {
  for (Point& point : request.points) {
    point.payload.emplace_back(kStamp, PayloadValue(static_cast<int64_t>(number_)));
  }
  return request;
}

OracleOperation OracleWriter::Next() {
  OracleOperation operation;
  ++number_;
  const uint64_t choice = stream_.Below(40);
  if (options_.has_structure && choice < 2) {
    operation.kind = choice == 0 ? OracleOperation::Kind::kFlush : OracleOperation::Kind::kOptimize;
    return operation;
  }
  if (options_.has_side && choice < 6) {
    operation.kind = choice == 0   ? OracleOperation::Kind::kSideDrop
                     : choice <= 2 ? OracleOperation::Kind::kSideCreate
                                   : OracleOperation::Kind::kSideUpsert;
    if (operation.kind == OracleOperation::Kind::kSideUpsert) {
      operation.upsert = Stamped({.points = {stream_.NextPoint()}});
    }
    return operation;
  }
  WriteOperation write = stream_.NextWrite();
  if (auto* upsert = std::get_if<UpsertRequest>(&write)) {
    operation.upsert = Stamped(std::move(*upsert));
  } else {
    operation.kind = OracleOperation::Kind::kDelete;
    operation.remove = std::get<DeleteRequest>(std::move(write));
  }
  return operation;
}

absl::StatusOr<WriteResult> OracleWriter::Do(client::Connection& connection,
                                             const OracleOperation& operation) {
  if (operation.kind == OracleOperation::Kind::kSideCreate) {
    PERIGEE_RETURN_IF_ERROR(
        connection.CreateCollection(kOracleSideCollection, SystemTestSchema()).status());
    return WriteResult();
  }
  if (operation.kind == OracleOperation::Kind::kSideDrop) {
    PERIGEE_RETURN_IF_ERROR(connection.DropCollection(kOracleSideCollection));
    return WriteResult();
  }
  const bool is_side = operation.kind == OracleOperation::Kind::kSideUpsert;
  PERIGEE_ASSIGN_OR_RETURN(
      client::RemoteCollection collection,
      connection.OpenCollection(is_side ? kOracleSideCollection : kOracleCollection));
  switch (operation.kind) {
    case OracleOperation::Kind::kFlush:
      PERIGEE_RETURN_IF_ERROR(collection.Flush());
      return WriteResult();
    case OracleOperation::Kind::kOptimize:
      PERIGEE_RETURN_IF_ERROR(collection.Optimize());
      return WriteResult();
    case OracleOperation::Kind::kDelete:
      return collection.Delete(operation.remove);
    default:
      return collection.Upsert(operation.upsert);
  }
}

bool OracleWriter::Step(client::Connection& connection) {
  OracleEntry entry = {.kind = OracleEntry::Kind::kIntent, .writer = options_.number};
  entry.operation = Next();
  entry.number = number_;
  log_.Append(entry);
  const absl::StatusOr<WriteResult> result = Do(connection, entry.operation);
  last_status_ = result.status();
  if (result.ok()) {
    entry.kind = OracleEntry::Kind::kAcknowledged;
    entry.seq = result->seq;
    entry.epoch = result->epoch;
  } else if (IsRefusal(result.status().code())) {
    entry.kind = OracleEntry::Kind::kRefused;
    entry.code = result.status().code();
  } else {
    return false;
  }
  log_.Append(entry);
  return true;
}

void OracleWriter::Run(const std::string& address) {
  const auto connection = client::Connection::Open(address, {});
  if (!connection.ok()) {
    last_status_ = connection.status();
    return;
  }
  while (Step(**connection)) {
  }
}

void OracleReader::Note(const Point& point) {
  const std::string id = point.id.ToString();
  uint32_t writer = 0;
  const size_t dash = id.find('-');
  if (dash == std::string::npos || !absl::SimpleAtoi(id.substr(1, dash - 1), &writer)) {
    return;
  }
  const PayloadValue* stamp = FindMember(point.payload, kStamp);
  const auto* number = stamp == nullptr ? nullptr : stamp->As<int64_t>();
  if (number != nullptr && static_cast<uint64_t>(*number) > seen_[writer]) {
    seen_[writer] = static_cast<uint64_t>(*number);
    log_.Append({.kind = OracleEntry::Kind::kSeen, .writer = writer, .number = seen_[writer]});
  }
}

absl::StatusOr<std::vector<Point>> OracleReader::Read(client::RemoteCollection& collection) {
  switch (stream_.Below(3)) {
    case 0: {
      GetRequest request;
      for (int i = 0; i < 20; ++i) {
        request.ids.emplace_back(absl::StrCat(
            OraclePrefix(static_cast<uint32_t>(stream_.Below(kReaderWriters))), stream_.Below(60)));
      }
      PERIGEE_ASSIGN_OR_RETURN(GetResult result, collection.Get(request));
      return std::move(result.points);
    }
    case 1: {
      ScrollRequest request;
      request.limit = 200;
      PERIGEE_ASSIGN_OR_RETURN(ScrollResult result, collection.Scroll(request));
      return std::move(result.points);
    }
    default: {
      Query query;
      query.using_vector = "";
      query.target = stream_.NextPoint().vectors.begin()->second;
      query.limit = 100;
      query.exact = stream_.Below(2) == 0;
      PERIGEE_ASSIGN_OR_RETURN(QueryResult result, collection.Query(query));
      std::vector<Point> points;
      for (ScoredPoint& hit : result.hits) {
        points.push_back({.id = std::move(hit.id), .payload = *std::move(hit.payload)});
      }
      return points;
    }
  }
}

void OracleReader::Run(const std::string& address) {
  const auto connection = client::Connection::Open(address, {});
  if (!connection.ok()) {
    return;
  }
  auto collection = (*connection)->OpenCollection(kOracleCollection);
  while (collection.ok()) {
    const absl::StatusOr<std::vector<Point>> points = Read(*collection);
    if (!points.ok()) {
      return;
    }
    ++reads_;
    for (const Point& point : *points) {
      Note(point);
    }
  }
}

}  // namespace perigee::tests
