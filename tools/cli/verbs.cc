// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/verbs.h"

#include <unistd.h>

#include <chrono>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "perigee/model/filter.h"
#include "perigee/model/limits.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"
#include "tools/cli/arguments.h"
#include "tools/point_json/point_json.h"

namespace perigee::tools {
namespace {

// Lines longer than this are no points: limits of payload and vector bound a valid one below it.
constexpr size_t kLineBytesMax = 4U << 20U;

PayloadSelector ParsePayloadSelector(const std::string& text) {
  if (text == "all" || text.empty()) {
    return {};
  }
  if (text == "none") {
    return {.kind = PayloadSelector::Kind::kNone, .paths = {}};
  }
  return {.kind = PayloadSelector::Kind::kPaths, .paths = absl::StrSplit(text, ',')};
}

VectorSelector Vectors(bool wanted) {
  return {.kind = wanted ? VectorSelector::Kind::kAll : VectorSelector::Kind::kNone, .names = {}};
}

absl::StatusOr<std::optional<Filter>> OptionalFilter(const std::string& text) {
  if (text.empty()) {
    return std::optional<Filter>();
  }
  absl::StatusOr<Filter> filter = ParseFilter(text);
  if (!filter.ok()) {
    return WithContext(filter.status(), "--filter");
  }
  return std::optional<Filter>(*std::move(filter));
}

absl::StatusOr<UpsertMode> ParseMode(const std::string& text) {
  for (const UpsertMode mode : {UpsertMode::kUpsert, UpsertMode::kInsert, UpsertMode::kUpdate}) {
    if (UpsertModeName(mode) == text) {
      return mode;
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown mode '", text, "'; it is upsert, insert or update"));
}

absl::StatusOr<Query> BuildQuery(const VerbContext& context, const QueryOptions& options) {
  if (options.vector.empty() == options.like.empty()) {
    return absl::InvalidArgumentError("give either --vector or --like");
  }
  Query query;
  if (options.like.empty()) {
    PERIGEE_ASSIGN_OR_RETURN(query.target, ParseVector(options.vector, context.streams.input));
  } else {
    PERIGEE_ASSIGN_OR_RETURN(query.target, ParsePointId(options.like));
  }
  if (!options.using_vector.empty()) {
    query.using_vector = options.using_vector;
  }
  query.limit = options.limit;
  query.offset = options.offset;
  PERIGEE_ASSIGN_OR_RETURN(query.filter, OptionalFilter(options.filter));
  query.score_threshold = options.score_threshold;
  query.with_payload = ParsePayloadSelector(options.with_payload);
  query.with_vectors = Vectors(options.with_vectors);
  query.recall = options.recall;
  query.exact = options.exact;
  query.ef = options.ef;
  query.timeout_ms = options.timeout_ms;
  return query;
}

// Reads points line by line and writes them in batches; what was written before an error stays, and
// the error says how much that is.
class JsonLinesUpsert {
 public:
  JsonLinesUpsert(CollectionTarget& collection, UpsertMode mode, size_t batch_points)
      : collection_(collection), batch_points_(batch_points) {
    request_.mode = mode;
  }

  absl::Status Run(std::istream& input, const std::string& name) {
    std::string line;
    uint64_t number = 0;
    while (std::getline(input, line)) {
      ++number;
      if (line.find_first_not_of(" \t\r") == std::string::npos) {
        continue;
      }
      if (const absl::Status status = AddLine(line); !status.ok()) {
        return WithContext(status, absl::StrCat(name, " line ", number, " (", total_.affected,
                                                " points before it were written)"));
      }
    }
    if (input.bad()) {
      return absl::DataLossError(absl::StrCat(name, ": reading failed after line ", number));
    }
    return Write();
  }

  const WriteResult& total() const { return total_; }

 private:
  absl::Status AddLine(const std::string& line) {
    if (line.size() > kLineBytesMax) {
      return absl::InvalidArgumentError(
          absl::StrCat("has ", line.size(), " bytes; ", kLineBytesMax, " is the limit"));
    }
    PERIGEE_ASSIGN_OR_RETURN(Point point, ParsePointLine(line));
    PERIGEE_RETURN_IF_ERROR(Validate(point, collection_.schema()));
    request_.points.push_back(std::move(point));
    return request_.points.size() < batch_points_ ? absl::OkStatus() : Write();
  }

  absl::Status Write() {
    if (request_.points.empty()) {
      return absl::OkStatus();
    }
    PERIGEE_ASSIGN_OR_RETURN(const WriteResult result, collection_.Upsert(request_));
    const uint64_t affected = total_.affected + result.affected;
    total_ = result;
    total_.affected = affected;
    request_.points.clear();
    return absl::OkStatus();
  }

  CollectionTarget& collection_;
  size_t batch_points_;
  UpsertRequest request_;
  WriteResult total_;
};

absl::Status UpsertOne(const VerbContext& context, CollectionTarget& collection,
                       const UpsertOptions& options) {
  UpsertRequest request;
  PERIGEE_ASSIGN_OR_RETURN(request.mode, ParseMode(options.mode));
  Point point;
  PERIGEE_ASSIGN_OR_RETURN(point.id, ParsePointId(*options.id));
  PERIGEE_ASSIGN_OR_RETURN(point.vectors[""], ParseVector(options.vector, context.streams.input));
  if (!options.payload.empty()) {
    PERIGEE_ASSIGN_OR_RETURN(point.payload, ParsePayloadJson(options.payload));
  }
  request.points.push_back(std::move(point));
  PERIGEE_ASSIGN_OR_RETURN(const WriteResult result, collection.Upsert(request));
  PrintWrite(context.streams.output, context.format, "wrote", result);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<PointId>> ParseIds(const std::vector<std::string>& texts) {
  std::vector<PointId> ids;
  for (const std::string& text : texts) {
    PERIGEE_ASSIGN_OR_RETURN(PointId id, ParsePointId(text));
    ids.push_back(std::move(id));
  }
  return ids;
}

// Says on a terminal how far a long copy is, twice a second, from the second second on.
std::function<bool(const SnapshotProgress&)> CopyProgressOn(const CommandStreams& streams,
                                                            std::string_view what) {
  if (isatty(STDERR_FILENO) != 1) {
    return nullptr;
  }
  using Clock = std::chrono::steady_clock;
  return [&streams, what, next = Clock::now() + std::chrono::seconds(2),
          shown = false](const SnapshotProgress& progress) mutable {
    const bool done = progress.bytes_done >= progress.bytes_total;
    if (Clock::now() >= next || (done && shown)) {
      next = Clock::now() + std::chrono::milliseconds(500);
      shown = !done;
      streams.error << "\r" << what << ": " << (progress.bytes_done >> 20U) << " of "
                    << (progress.bytes_total >> 20U) << " MiB" << (done ? "\n" : "") << std::flush;
    }
    return true;
  };
}

}  // namespace

absl::Status RunCreate(const VerbContext& context, const CreateOptions& options) {
  CollectionSchema schema;
  if (options.dimension.has_value()) {
    PERIGEE_ASSIGN_OR_RETURN(VectorSchema vector,
                             ParseVectorSchema(absl::StrCat(":", *options.dimension, ":",
                                                            options.metric, ":", options.element)));
    schema.vectors.push_back(std::move(vector));
  }
  for (const std::string& text : options.vectors) {
    PERIGEE_ASSIGN_OR_RETURN(VectorSchema vector, ParseVectorSchema(text));
    schema.vectors.push_back(std::move(vector));
  }
  if (schema.vectors.empty()) {
    return absl::InvalidArgumentError(
        "a collection needs --dimension N or at least one --vector NAME:DIMENSION");
  }
  for (VectorSchema& vector : schema.vectors) {
    vector.hnsw = {.m = options.m, .ef_construction = options.ef_construction};
  }
  PERIGEE_ASSIGN_OR_RETURN(const auto collection, context.target.Create(options.name, schema));
  PERIGEE_ASSIGN_OR_RETURN(const CollectionDescription description, collection->Describe());
  if (context.format == OutputFormat::kJson) {
    PrintDescription(context.streams.output, context.format, description);
  } else {
    context.streams.output << "created collection " << options.name << "\n";
  }
  return absl::OkStatus();
}

absl::Status RunDescribe(const VerbContext& context, const std::string& name) {
  PERIGEE_ASSIGN_OR_RETURN(const auto collection, context.target.Collection(name));
  PERIGEE_ASSIGN_OR_RETURN(const CollectionDescription description, collection->Describe());
  PrintDescription(context.streams.output, context.format, description);
  return absl::OkStatus();
}

absl::Status RunList(const VerbContext& context) {
  PERIGEE_ASSIGN_OR_RETURN(const auto collections, context.target.List());
  PrintCollections(context.streams.output, context.format, collections);
  return absl::OkStatus();
}

absl::Status RunDrop(const VerbContext& context, const std::string& collection) {
  PERIGEE_RETURN_IF_ERROR(context.target.Drop(collection));
  if (context.format == OutputFormat::kTable) {
    context.streams.output << "dropped collection " << collection << "\n";
  } else {
    context.streams.output << "{\"dropped\": true}\n";
  }
  return absl::OkStatus();
}

absl::Status RunUpsert(const VerbContext& context, const UpsertOptions& options) {
  PERIGEE_ASSIGN_OR_RETURN(const UpsertMode mode, ParseMode(options.mode));
  if (options.batch == 0 || options.batch > limits::kWriteBatchPointsMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--batch ", options.batch, " is not between 1 and ", limits::kWriteBatchPointsMax));
  }
  PERIGEE_ASSIGN_OR_RETURN(const auto collection, context.target.Collection(options.collection));
  if (options.id.has_value()) {
    return UpsertOne(context, *collection, options);
  }
  JsonLinesUpsert upsert(*collection, mode, options.batch);
  if (options.file.empty() || options.file == "-") {
    PERIGEE_RETURN_IF_ERROR(upsert.Run(context.streams.input, "standard input"));
  } else {
    std::ifstream file(options.file);
    if (!file) {
      return absl::NotFoundError(absl::StrCat("cannot open '", options.file, "'"));
    }
    PERIGEE_RETURN_IF_ERROR(upsert.Run(file, options.file));
  }
  PrintWrite(context.streams.output, context.format, "wrote", upsert.total());
  return absl::OkStatus();
}

absl::Status RunDelete(const VerbContext& context, const IdsOptions& options) {
  DeleteRequest request;
  PERIGEE_ASSIGN_OR_RETURN(request.ids, ParseIds(options.ids));
  PERIGEE_ASSIGN_OR_RETURN(const auto collection, context.target.Collection(options.collection));
  PERIGEE_ASSIGN_OR_RETURN(const WriteResult result, collection->Delete(request));
  PrintWrite(context.streams.output, context.format, "deleted", result);
  return absl::OkStatus();
}

absl::Status RunGet(const VerbContext& context, const IdsOptions& options) {
  GetRequest request;
  PERIGEE_ASSIGN_OR_RETURN(request.ids, ParseIds(options.ids));
  request.with_payload = ParsePayloadSelector(options.with_payload);
  request.with_vectors = Vectors(options.with_vectors);
  PERIGEE_ASSIGN_OR_RETURN(const auto collection, context.target.Collection(options.collection));
  PERIGEE_ASSIGN_OR_RETURN(const GetResult result, collection->Get(request));
  PrintPoints(context.streams.output, context.format, result.points, "");
  return absl::OkStatus();
}

absl::Status RunQuery(const VerbContext& context, const QueryOptions& options) {
  PERIGEE_ASSIGN_OR_RETURN(const Query query, BuildQuery(context, options));
  PERIGEE_ASSIGN_OR_RETURN(const auto collection, context.target.Collection(options.collection));
  PERIGEE_ASSIGN_OR_RETURN(const QueryResult result, collection->Query(query));
  PrintQuery(context.streams.output, context.format, result);
  return absl::OkStatus();
}

absl::Status RunExplain(const VerbContext& context, const QueryOptions& options) {
  PERIGEE_ASSIGN_OR_RETURN(const Query query, BuildQuery(context, options));
  PERIGEE_ASSIGN_OR_RETURN(const auto collection, context.target.Collection(options.collection));
  PERIGEE_ASSIGN_OR_RETURN(const ExplainResult result, collection->Explain(query));
  PrintExplain(context.streams.output, context.format, result);
  return absl::OkStatus();
}

absl::Status RunCount(const VerbContext& context, const std::string& name,
                      const std::string& filter) {
  CountRequest request;
  PERIGEE_ASSIGN_OR_RETURN(request.filter, OptionalFilter(filter));
  PERIGEE_ASSIGN_OR_RETURN(const auto collection, context.target.Collection(name));
  PERIGEE_ASSIGN_OR_RETURN(const CountResult result, collection->Count(request));
  PrintCount(context.streams.output, context.format, result);
  return absl::OkStatus();
}

absl::Status RunScroll(const VerbContext& context, const ScrollOptions& options) {
  ScrollRequest request;
  request.limit = options.all ? 1'000 : options.limit;
  PERIGEE_ASSIGN_OR_RETURN(request.filter, OptionalFilter(options.filter));
  request.cursor = options.cursor;
  request.with_payload = ParsePayloadSelector(options.with_payload);
  request.with_vectors = Vectors(options.with_vectors);
  PERIGEE_ASSIGN_OR_RETURN(const auto collection, context.target.Collection(options.collection));
  while (true) {
    PERIGEE_ASSIGN_OR_RETURN(const ScrollResult result, collection->Scroll(request));
    if (!options.all) {
      PrintPoints(context.streams.output, context.format, result.points, result.next_cursor);
      return absl::OkStatus();
    }
    for (const Point& point : result.points) {
      context.streams.output << PointLine(point) << "\n";
    }
    if (result.next_cursor.empty()) {
      return absl::OkStatus();
    }
    request.cursor = result.next_cursor;
  }
}

absl::Status RunStatus(const VerbContext& context) {
  PERIGEE_ASSIGN_OR_RETURN(const DatabaseStatus status, context.target.Status());
  PrintStatus(context.streams.output, context.format, status);
  return absl::OkStatus();
}

absl::Status RunSnapshot(const VerbContext& context, const std::string& to) {
  SnapshotOptions options;
  options.on_progress = CopyProgressOn(context.streams, "snapshot");
  PERIGEE_ASSIGN_OR_RETURN(const SnapshotReport report, context.target.Snapshot(to, options));
  PrintSnapshot(context.streams.output, context.format, "snapshot", to, report);
  return absl::OkStatus();
}

absl::Status RunRestore(const CommandStreams& streams, OutputFormat format, const std::string& from,
                        const std::string& to) {
  RestoreOptions options;
  options.on_progress = CopyProgressOn(streams, "restore");
  PERIGEE_ASSIGN_OR_RETURN(const SnapshotReport report, RestoreSnapshot(from, to, options));
  PrintSnapshot(streams.output, format, "restored", to, report);
  return absl::OkStatus();
}

}  // namespace perigee::tools
