// SPDX-License-Identifier: Apache-2.0
#include "bench/recovery_bench.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "perigee/bulk_loader.h"
#include "perigee/database.h"
#include "storage/foundation/status_macros.h"
#include "tools/vector_files/vector_file.h"

namespace perigee::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint64_t kSeed = 20'260'101;
constexpr uint32_t kClusterDimension = 128;
constexpr uint64_t kClusters = 2'000;
constexpr size_t kBatch = 256;
constexpr int64_t kBuckets = 100;
constexpr uint64_t kReplayUnit = uint64_t{128} << 20;
constexpr int kTurns = 3;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// As many rows as one wants: those of a data set, or of random clusters, again and again with a
// little noise, the same for the same number.
class Rows {
 public:
  static absl::StatusOr<Rows> Make(const RecoveryOptions& options) {
    Rows rows;
    if (options.dataset.empty()) {
      std::mt19937_64 random(kSeed);
      std::normal_distribution<float> normal;
      rows.base_.resize(kClusters);
      for (std::vector<float>& centre : rows.base_) {
        centre.resize(options.dimension == 0 ? kClusterDimension : options.dimension);
        std::generate(centre.begin(), centre.end(), [&] { return normal(random); });
      }
      return rows;
    }
    PERIGEE_ASSIGN_OR_RETURN(const auto file,
                             tools::VectorFile::Open(options.dataset + "/base.npy"));
    for (uint64_t row = 0; row < file->rows(); ++row) {
      std::vector<float> values(file->dimension());
      PERIGEE_RETURN_IF_ERROR(file->Read(row, values));
      values.resize(options.dimension == 0 ? values.size() : options.dimension);
      rows.base_.push_back(std::move(values));
    }
    return rows;
  }

  uint32_t dimension() const { return static_cast<uint32_t>(base_.front().size()); }

  std::vector<float> Vector(uint64_t number) const {
    std::vector<float> values = base_[number % base_.size()];
    std::mt19937 random(static_cast<uint32_t>(kSeed + number));
    std::uniform_real_distribution<float> noise(-0.02F, 0.02F);
    for (float& value : values) {
      value += noise(random);
    }
    return values;
  }

  Point At(uint64_t number) const {
    Point point;
    point.id = PointId(number);
    point.vectors[""] = Vector(number);
    point.payload.emplace_back("n", static_cast<int64_t>(number));
    point.payload.emplace_back("bucket", static_cast<int64_t>(number) % kBuckets);
    return point;
  }

 private:
  std::vector<std::vector<float>> base_;
};

CollectionSchema SchemaOf(const Rows& rows) {
  CollectionSchema schema;
  schema.vectors.push_back({.dimension = rows.dimension(), .metric = DistanceMetric::kL2});
  return schema;
}

absl::Status Wrong(const char* what) {
  return absl::InternalError(absl::StrCat("a wrong answer: ", what));
}

absl::Status CheckCount(const Collection& collection, uint64_t rows) {
  PERIGEE_ASSIGN_OR_RETURN(const CountResult result, collection.Count({}));
  return result.count == rows ? absl::OkStatus() : Wrong("count");
}

absl::Status CheckGet(const Collection& collection, const Rows& rows, uint64_t number) {
  PERIGEE_ASSIGN_OR_RETURN(const GetResult result, collection.Get({.ids = {PointId(number)}}));
  const bool right =
      result.points.size() == 1 && result.points[0].payload == rows.At(number).payload;
  return right ? absl::OkStatus() : Wrong("get");
}

absl::Status CheckQuery(const Collection& collection, const Rows& rows, uint64_t number,
                        bool filtered) {
  Query query = {.target = rows.Vector(number), .limit = 10};
  query.timeout_ms = 60'000;
  if (filtered) {
    PERIGEE_ASSIGN_OR_RETURN(
        query.filter,
        ParseFilterText(absl::StrCat("bucket = ", static_cast<int64_t>(number) % kBuckets)));
  }
  PERIGEE_ASSIGN_OR_RETURN(const QueryResult result, collection.Query(query));
  const bool right = result.hits.size() == 10 && result.hits[0].id == PointId(number);
  return right ? absl::OkStatus() : Wrong(filtered ? "filtered query" : "query");
}

// Of this machine, for what was written and read before.
bool DropPageCache() {
  sync();
  std::ofstream file("/proc/sys/vm/drop_caches");
  file << "3\n";
  return static_cast<bool>(file.flush());
}

double PeakMegabytes() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

// Runs `work` in a process of its own, so that its memory is that of one opening, and hands back
// the numbers it writes.
absl::StatusOr<std::vector<double>> InChild(
    const std::function<absl::StatusOr<std::vector<double>>()>& work) {
  int ends[2];
  if (pipe(ends) != 0) {
    return absl::UnavailableError("no pipe");
  }
  const pid_t child = fork();
  if (child == 0) {
    const absl::StatusOr<std::vector<double>> numbers = work();
    if (!numbers.ok()) {
      std::cerr << "perigee-bench: " << numbers.status().ToString() << "\n";
      _exit(1);
    }
    const size_t bytes = numbers->size() * sizeof(double);
    _exit(write(ends[1], numbers->data(), bytes) == static_cast<ssize_t>(bytes) ? 0 : 1);
  }
  close(ends[1]);
  std::vector<double> numbers(64);
  const ssize_t got = read(ends[0], numbers.data(), numbers.size() * sizeof(double));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || got < 0) {
    return absl::InternalError("the child process failed; its message stands above");
  }
  numbers.resize(static_cast<size_t>(got) / sizeof(double));
  return numbers;
}

class RecoveryBench {
 public:
  RecoveryBench(const RecoveryOptions& options, const Rows& rows, Figures& figures)
      : options_(options), rows_(rows), figures_(figures) {}

  absl::Status Log() {
    const std::string directory = absl::StrCat(options_.work, "/log-", rows_.dimension());
    std::filesystem::remove_all(directory);
    PERIGEE_ASSIGN_OR_RETURN(const std::vector<double> written,
                             InChild([&] { return WriteLog(directory); }));
    const bool cold = DropPageCache();
    const auto rows = static_cast<uint64_t>(written[0]);
    PERIGEE_ASSIGN_OR_RETURN(const std::vector<double> times, InChild([&] {
                               return OpenAnd(directory, [&](const Collection& collection) {
                                 PERIGEE_RETURN_IF_ERROR(CheckCount(collection, rows));
                                 return CheckGet(collection, rows_, rows / 2);
                               });
                             }));
    const double bytes = written[1];
    figures_.Add({.name = "recovery.log.bytes", .value = bytes / (1 << 20), .unit = "MiB"});
    figures_.Add({.name = "recovery.log.rows", .value = written[0], .unit = "rows"});
    figures_.Add({.name = cold ? "recovery.log.open.cold" : "recovery.log.open",
                  .value = times[0],
                  .unit = "s"});
    figures_.Add({.name = "recovery.log.seconds_per_128_mib",
                  .value = times[0] * static_cast<double>(kReplayUnit) / bytes,
                  .unit = "s"});
    figures_.Add({.name = "recovery.log.first_answers", .value = times[1], .unit = "s"});
    figures_.Add({.name = "recovery.log.peak_memory", .value = times[2], .unit = "MiB"});
    std::filesystem::remove_all(directory);
    return absl::OkStatus();
  }

  absl::Status Segments() {
    const std::string directory = absl::StrCat(options_.work, "/segments-", rows_.dimension());
    if (!options_.reuse || !std::filesystem::exists(directory)) {
      std::filesystem::remove_all(directory);
      PERIGEE_RETURN_IF_ERROR(InChild([&] { return LoadSegments(directory); }).status());
    }
    figures_.Add({.name = "recovery.segments.rows",
                  .value = static_cast<double>(options_.rows),
                  .unit = "rows"});
    figures_.Add({.name = "recovery.segments.dimension",
                  .value = static_cast<double>(rows_.dimension()),
                  .unit = ""});
    const uint64_t number = options_.rows / 3;
    const std::vector<std::pair<const char*, Check>> checks = {
        {"count", [&](const Collection& c) { return CheckCount(c, options_.rows); }},
        {"get", [&](const Collection& c) { return CheckGet(c, rows_, number); }},
        {"query", [&](const Collection& c) { return CheckQuery(c, rows_, number, false); }},
        {"filtered_query", [&](const Collection& c) { return CheckQuery(c, rows_, number, true); }},
    };
    for (const auto& [what, check] : checks) {
      PERIGEE_RETURN_IF_ERROR(MeasureOpening(directory, what, check, "cold"));
      PERIGEE_RETURN_IF_ERROR(MeasureOpening(directory, what, check, "warm"));
    }
    return absl::OkStatus();
  }

 private:
  using Check = std::function<absl::Status(const Collection&)>;

  absl::Status MeasureOpening(const std::string& directory, const char* what, const Check& check,
                              const std::string& temperature) {
    std::vector<double> open;
    std::vector<double> answer;
    for (int turn = 0; turn < kTurns; ++turn) {
      if (temperature == "cold" && !DropPageCache()) {
        return absl::OkStatus();
      }
      PERIGEE_ASSIGN_OR_RETURN(const std::vector<double> times,
                               InChild([&] { return OpenAnd(directory, check); }));
      open.push_back(times[0]);
      answer.push_back(times[1]);
    }
    figures_.Add({.name = absl::StrCat("recovery.segments.", what, ".", temperature),
                  .value = Percentile(answer, 0.5),
                  .unit = "s",
                  .peer = "open",
                  .peer_value = Percentile(open, 0.5)});
    return absl::OkStatus();
  }

  // Seconds until Open returned, until `check` was through, and the peak of memory.
  absl::StatusOr<std::vector<double>> OpenAnd(const std::string& directory, const Check& check) {
    const Clock::time_point start = Clock::now();
    PERIGEE_ASSIGN_OR_RETURN(const auto database,
                             Database::Open(directory, {.access = Access::Unrestricted()}));
    const double opened = SecondsSince(start);
    PERIGEE_ASSIGN_OR_RETURN(const Collection collection, database->OpenCollection("bench"));
    PERIGEE_RETURN_IF_ERROR(check(collection));
    const double answered = SecondsSince(start);
    PERIGEE_RETURN_IF_ERROR(database->Close());
    return std::vector<double>{opened, answered, PeakMegabytes()};
  }

  // Acknowledged batches until the log has its size, none of them sealed; then the process is gone
  // without closing. Answers the rows and the bytes of their records.
  absl::StatusOr<std::vector<double>> WriteLog(const std::string& directory) {
    OpenOptions options = {.access = Access::Unrestricted()};
    options.maintenance_threads = 0;
    options.log_bytes_max = options_.log_bytes * 4;
    options.growing_segment_bytes_max = options_.log_bytes * 4;
    PERIGEE_ASSIGN_OR_RETURN(auto database, Database::Open(directory, options));
    PERIGEE_ASSIGN_OR_RETURN(Collection collection,
                             database->CreateCollection("bench", SchemaOf(rows_)));
    const uint64_t row_bytes = rows_.dimension() * sizeof(float) + 60;
    uint64_t number = 0;
    for (uint64_t bytes = 0; bytes < options_.log_bytes; bytes += row_bytes * kBatch) {
      UpsertRequest request;
      for (size_t i = 0; i < kBatch; ++i) {
        request.points.push_back(rows_.At(number++));
      }
      PERIGEE_RETURN_IF_ERROR(collection.Upsert(request).status());
    }
    // Not closed: whoever made this process ends it now.
    static_cast<void>(database.release());
    return std::vector<double>{static_cast<double>(number),
                               static_cast<double>(number * row_bytes)};
  }

  absl::StatusOr<std::vector<double>> LoadSegments(const std::string& directory) {
    PERIGEE_ASSIGN_OR_RETURN(const auto database,
                             Database::Open(directory, {.access = Access::Unrestricted()}));
    PERIGEE_RETURN_IF_ERROR(database->CreateCollection("bench", SchemaOf(rows_)).status());
    PERIGEE_ASSIGN_OR_RETURN(const auto loader, BulkLoader::Start(*database, "bench", {}));
    for (uint64_t number = 0; number < options_.rows; ++number) {
      PERIGEE_RETURN_IF_ERROR(loader->Add(rows_.At(number)));
    }
    PERIGEE_RETURN_IF_ERROR(loader->Publish().status());
    PERIGEE_RETURN_IF_ERROR(database->Close());
    return std::vector<double>{};
  }

  const RecoveryOptions& options_;
  const Rows& rows_;
  Figures& figures_;
};

}  // namespace

absl::Status RunRecovery(const RecoveryOptions& options, Figures& figures) {
  std::error_code error;
  std::filesystem::create_directory(options.work, error);
  PERIGEE_ASSIGN_OR_RETURN(const Rows rows, Rows::Make(options));
  RecoveryBench bench(options, rows, figures);
  if (options.log_bytes > 0) {
    PERIGEE_RETURN_IF_ERROR(bench.Log());
  }
  return options.rows > 0 ? bench.Segments() : absl::OkStatus();
}

}  // namespace perigee::bench
