// SPDX-License-Identifier: Apache-2.0
#include "bench/modes_bench.h"

#include <hnswlib/hnswlib.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/harness/server_under_test.h"
#include "perigee/bulk_loader.h"
#include "perigee/client/connection.h"
#include "perigee/database.h"
#include "storage/foundation/status_macros.h"
#include "tools/point_json/point_json.h"
#include "tools/vector_files/vector_file.h"

namespace perigee::bench {
namespace {

constexpr uint32_t kLimit = 10;
constexpr int kTurns = 5;
constexpr size_t kHnswM = 16;
constexpr size_t kHnswEfConstruction = 200;

using Clock = std::chrono::steady_clock;
using Vectors = std::vector<std::vector<float>>;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

absl::StatusOr<Vectors> ReadVectors(const std::string& path, uint64_t rows_max) {
  PERIGEE_ASSIGN_OR_RETURN(const auto file, tools::VectorFile::Open(path));
  Vectors rows;
  for (uint64_t row = 0; row < file->rows() && (rows_max == 0 || row < rows_max); ++row) {
    rows.emplace_back(file->dimension());
    PERIGEE_RETURN_IF_ERROR(file->Read(row, rows.back()));
  }
  return rows;
}

// One side of the comparison: a question in, found ids out.
struct Side {
  std::string name;
  std::function<absl::StatusOr<std::vector<std::string>>(const std::vector<float>&)> ask;
  std::vector<double> turn_p50_us = {};
  std::vector<double> turn_p99_us = {};
  double recall = 0;
};

Query QuestionOf(const std::vector<float>& vector, bool exact) {
  Query query;
  query.target = vector;
  query.limit = kLimit;
  query.exact = exact;
  query.with_payload.kind = PayloadSelector::Kind::kNone;
  query.timeout_ms = 60'000;
  return query;
}

template <typename Handle>
absl::StatusOr<std::vector<std::string>> Ask(const Handle& handle, const std::vector<float>& vector,
                                             bool exact) {
  PERIGEE_ASSIGN_OR_RETURN(const QueryResult result, handle.Query(QuestionOf(vector, exact)));
  std::vector<std::string> ids;
  for (const ScoredPoint& hit : result.hits) {
    ids.push_back(hit.id.ToString());
  }
  return ids;
}

// One turn: every question of [begin, end), its times and its share of the exact answers.
absl::Status Turn(Side& side, const Vectors& questions,
                  const std::vector<std::set<std::string>>& exact) {
  std::vector<double> times;
  double found = 0;
  for (size_t i = 0; i < questions.size(); ++i) {
    const Clock::time_point start = Clock::now();
    PERIGEE_ASSIGN_OR_RETURN(const std::vector<std::string> ids, side.ask(questions[i]));
    times.push_back(SecondsSince(start) * 1e6);
    for (const std::string& id : ids) {
      found += static_cast<double>(exact[i].count(id));
    }
  }
  side.turn_p50_us.push_back(Percentile(times, 0.5));
  side.turn_p99_us.push_back(Percentile(times, 0.99));
  side.recall = found / static_cast<double>(questions.size() * kLimit);
  return absl::OkStatus();
}

absl::Status LoadDatabase(const ModesOptions& options, const Vectors& base,
                          std::vector<std::string>& ids, Figures& figures) {
  const Clock::time_point start = Clock::now();
  OpenOptions open = {.access = Access::Unrestricted()};
  PERIGEE_ASSIGN_OR_RETURN(const auto database, Database::Open(options.work, open));
  CollectionSchema schema;
  schema.vectors.push_back({.dimension = static_cast<uint32_t>(base[0].size())});
  PERIGEE_RETURN_IF_ERROR(database->CreateCollection("bench", schema).status());
  PERIGEE_ASSIGN_OR_RETURN(const auto loader, BulkLoader::Start(*database, "bench", {}));
  std::ifstream lines(options.dataset + "/payload.jsonl");
  std::string line;
  for (const std::vector<float>& row : base) {
    if (!std::getline(lines, line)) {
      return absl::InvalidArgumentError("payload.jsonl has fewer lines than base.npy has rows");
    }
    PERIGEE_ASSIGN_OR_RETURN(Point point, tools::ParsePointLine(line));
    point.vectors[""] = row;
    ids.push_back(point.id.ToString());
    PERIGEE_RETURN_IF_ERROR(loader->Add(std::move(point)));
  }
  PERIGEE_ASSIGN_OR_RETURN(const BulkLoadReport report, loader->Publish());
  PERIGEE_RETURN_IF_ERROR(database->Close());
  const double seconds = SecondsSince(start);
  figures.Add({.name = "load.rows", .value = static_cast<double>(report.rows), .unit = "rows"});
  figures.Add({.name = "load.seconds", .value = seconds, .unit = "s"});
  figures.Add(
      {.name = "load.rate", .value = static_cast<double>(report.rows) / seconds, .unit = "rows/s"});
  figures.Add({.name = "load.bytes_per_row",
               .value = static_cast<double>(report.bytes) / static_cast<double>(report.rows),
               .unit = "B"});
  return absl::OkStatus();
}

// hnswlib as it comes, one graph over normalised rows, built by one thread.
struct Hnswlib {
  explicit Hnswlib(const Vectors& base)
      : space(base[0].size()), index(&space, base.size(), kHnswM, kHnswEfConstruction) {
    for (size_t row = 0; row < base.size(); ++row) {
      index.addPoint(Normalised(base[row]).data(), row);
    }
  }
  static std::vector<float> Normalised(std::vector<float> vector) {
    double squares = 0;
    for (const float value : vector) {
      squares += static_cast<double>(value) * value;
    }
    for (float& value : vector) {
      value = static_cast<float>(value / std::sqrt(squares));
    }
    return vector;
  }
  hnswlib::InnerProductSpace space;
  hnswlib::HierarchicalNSW<float> index;
};

void Report(const std::vector<Side>& sides, Figures& figures) {
  for (const Side& side : sides) {
    const bool is_peer = &side == &sides.back() && sides.size() > 1 && side.name == "hnswlib";
    if (is_peer) {
      continue;
    }
    Figure p50 = {
        .name = side.name + ".query_p50", .value = Percentile(side.turn_p50_us, 0.5), .unit = "us"};
    Figure p99 = {
        .name = side.name + ".query_p99", .value = Percentile(side.turn_p99_us, 0.5), .unit = "us"};
    Figure recall = {.name = side.name + ".recall_at_10", .value = side.recall, .unit = ""};
    if (sides.back().name == "hnswlib") {
      p50.peer = p99.peer = recall.peer = "hnswlib";
      p50.peer_value = Percentile(sides.back().turn_p50_us, 0.5);
      p99.peer_value = Percentile(sides.back().turn_p99_us, 0.5);
      recall.peer_value = sides.back().recall;
    }
    figures.Add(p50);
    figures.Add(p99);
    figures.Add(recall);
  }
}

}  // namespace

absl::Status RunModes(const ModesOptions& options, Figures& figures) {
  PERIGEE_ASSIGN_OR_RETURN(const Vectors base,
                           ReadVectors(options.dataset + "/base.npy", options.rows_max));
  PERIGEE_ASSIGN_OR_RETURN(Vectors questions,
                           ReadVectors(options.dataset + "/queries.npy", options.questions_max));
  std::vector<std::string> ids;
  PERIGEE_RETURN_IF_ERROR(LoadDatabase(options, base, ids, figures));

  std::unique_ptr<Hnswlib> peer;
  if (options.with_hnswlib) {
    const Clock::time_point start = Clock::now();
    peer = std::make_unique<Hnswlib>(base);
    figures.Add({.name = "hnswlib.build_rate_one_thread",
                 .value = static_cast<double>(base.size()) / SecondsSince(start),
                 .unit = "rows/s"});
  }
  std::vector<Side> sides;
  // The server has the directory alone, so the embedded side goes on a read-only handle of it.
  std::unique_ptr<ServerUnderTest> server;
  std::unique_ptr<client::Connection> connection;
  std::unique_ptr<client::RemoteCollection> remote;
  if (!options.server.empty()) {
    const std::string address = absl::StrCat("unix:", options.work, ".sock");
    server = std::make_unique<ServerUnderTest>(options.server, options.work, address);
    PERIGEE_ASSIGN_OR_RETURN(connection, ConnectSoon(address));
    PERIGEE_ASSIGN_OR_RETURN(client::RemoteCollection handle, connection->OpenCollection("bench"));
    remote = std::make_unique<client::RemoteCollection>(std::move(handle));
  }
  OpenOptions open = {.access = Access::Unrestricted()};
  open.read_only = true;
  const Clock::time_point open_start = Clock::now();
  PERIGEE_ASSIGN_OR_RETURN(const auto database, Database::Open(options.work, open));
  figures.Add({.name = "open.seconds", .value = SecondsSince(open_start), .unit = "s"});
  PERIGEE_ASSIGN_OR_RETURN(const Collection embedded, database->OpenCollection("bench"));
  sides.push_back({.name = "embedded",
                   .ask = [&](const std::vector<float>& v) { return Ask(embedded, v, false); }});
  if (remote != nullptr) {
    sides.push_back({.name = "server",
                     .ask = [&](const std::vector<float>& v) { return Ask(*remote, v, false); }});
  }
  const uint32_t ef = 128;  // the engine's default effort for ten hits
  if (peer != nullptr) {
    peer->index.setEf(ef);
    sides.push_back(
        {.name = "hnswlib",
         .ask = [&](const std::vector<float>& v) -> absl::StatusOr<std::vector<std::string>> {
           const std::vector<float> query = Hnswlib::Normalised(v);
           auto queue = peer->index.searchKnn(query.data(), kLimit);
           std::vector<std::string> found;
           for (; !queue.empty(); queue.pop()) {
             found.push_back(ids[queue.top().second]);
           }
           return found;
         }});
  }
  std::vector<std::set<std::string>> exact;
  for (const std::vector<float>& question : questions) {
    PERIGEE_ASSIGN_OR_RETURN(const std::vector<std::string> answer, Ask(embedded, question, true));
    exact.emplace_back(answer.begin(), answer.end());
  }
  const auto half = static_cast<std::ptrdiff_t>(questions.size() / 2);
  const Vectors warm_up(questions.begin(), questions.begin() + half);
  const std::vector<std::set<std::string>> warm_up_exact(exact.begin(), exact.begin() + half);
  questions.erase(questions.begin(), questions.begin() + half);
  exact.erase(exact.begin(), exact.begin() + half);
  for (Side& side : sides) {
    PERIGEE_RETURN_IF_ERROR(Turn(side, warm_up, warm_up_exact));
    side.turn_p50_us.clear();
    side.turn_p99_us.clear();
  }
  for (int turn = 0; turn < kTurns; ++turn) {
    for (Side& side : sides) {
      PERIGEE_RETURN_IF_ERROR(Turn(side, questions, exact));
    }
  }
  Report(sides, figures);
  return absl::OkStatus();
}

}  // namespace perigee::bench
