// SPDX-License-Identifier: Apache-2.0
#include "tests/golden/golden_recorder.h"

#include <bit>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/database/bulk_load.h"
#include "storage/foundation/check.h"
#include "storage/wal/log_file_format.h"

namespace perigee::tests {
namespace {

using nlohmann::json;
using storage::CrashPolicy;

constexpr std::string_view kRoot = "/db";
constexpr uint32_t kHits = 8;

OpenOptions SmallFiles() {
  OpenOptions options{.access = Access::Unrestricted()};
  options.creation = {.log_file_bytes = 64 << 10, .section_alignment_bytes = 4 << 10};
  options.maintenance_threads = 0;
  options.disk_free_bytes_min = 1;
  return options;
}

template <typename T>
T Must(absl::StatusOr<T> value) {
  PERIGEE_CHECK(value.ok(), value.status().ToString());
  return *std::move(value);
}

void Must(const absl::Status& status) { PERIGEE_CHECK(status.ok(), status.ToString()); }

json IdJson(const PointId& id) { return id.is_integer() ? json(id.integer()) : json(id.string()); }

std::string BitsText(float value) {
  return absl::StrFormat("%08x", std::bit_cast<uint32_t>(value));
}

json BitsJson(const std::vector<float>& values) {
  json bits = json::array();
  for (const float value : values) {
    bits.push_back(BitsText(value));
  }
  return bits;
}

void WriteFile(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream stream(path, std::ios::binary);
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  stream.close();
  PERIGEE_CHECK(stream.good(), path.string());
}

}  // namespace

GoldenRecorder::GoldenRecorder(const engine::EngineTuning& tuning)
    : tuning_(tuning), disk_(std::make_unique<storage::SimulatedFileSystem>()) {}

engine::CollectionCore& GoldenRecorder::Find(const std::string& collection) {
  return *Must(database_->FindCollection(collection));
}

void GoldenRecorder::Open() {
  database_ = Must(engine::DatabaseCore::Open(*disk_, std::string(kRoot), SmallFiles(), tuning_));
}

void GoldenRecorder::Close() {
  Must(database_->Close());
  database_.reset();
}

void GoldenRecorder::Create(const std::string& collection, const CollectionSchema& schema) {
  Must(database_->CreateCollection(collection, schema).status());
  model_[collection].schema = schema;
}

void GoldenRecorder::Upsert(const std::string& collection, const std::vector<Point>& points) {
  Must(Find(collection).Upsert({.points = points}).status());
  for (const Point& point : points) {
    model_[collection].points[point.id] = point;
  }
}

void GoldenRecorder::Delete(const std::string& collection, const std::vector<PointId>& ids) {
  Must(Find(collection).Delete({.ids = ids}).status());
  for (const PointId& id : ids) {
    model_[collection].points.erase(id);
  }
}

void GoldenRecorder::Load(const std::string& collection, const std::vector<Point>& points) {
  engine::BulkLoad load(Must(database_->FindCollection(collection)), {.build_threads = 1});
  for (const Point& point : points) {
    Must(load.Add(point));
    model_[collection].points[point.id] = point;
  }
  Must(load.Publish().status());
}

void GoldenRecorder::Flush(const std::string& collection) { Must(Find(collection).Flush()); }

void GoldenRecorder::OptimizeKeepingFiles(const std::string& collection) {
  disk_->AddErrorPlan({.kind = storage::CallKind::kRemoveFile, .forever = true});
  Must(Find(collection).Optimize());
  disk_->ClearErrorPlans();
}

std::string GoldenRecorder::NewestLog() const {
  std::string newest;
  for (const std::string& path : disk_->Files()) {
    newest = path.find("/wal/") != std::string::npos ? std::max(newest, path) : newest;
  }
  return newest;
}

void GoldenRecorder::TearUpsert(const std::string& collection, const std::vector<Point>& points) {
  const std::string log = NewestLog();
  const std::string before = *disk_->Contents(log);
  Must(Find(collection).Upsert({.points = points}).status());
  std::string after = *disk_->Contents(log);
  PERIGEE_CHECK(NewestLog() == log && after.size() == before.size(), log);
  // The first sector of the group's extent arrived, the rest did not.
  const auto first = static_cast<size_t>(
      std::mismatch(before.begin(), before.end(), after.begin()).first - before.begin());
  const size_t kept = first + storage::SimulatedInode::kSectorBytes;
  after.replace(kept, after.size() - kept, before, kept, std::string::npos);
  disk_->SetContents(log, after);
}

void GoldenRecorder::AddQueries(const std::string& collection, std::string& lines) {
  for (const VectorSchema& vector : model_[collection].schema.vectors) {
    for (const float start : {0.5F, -3.25F}) {
      Query query{.using_vector = vector.name, .limit = kHits, .exact = true};
      std::vector<float> target;
      for (uint32_t i = 0; i < vector.dimension; ++i) {
        target.push_back(start + static_cast<float>(i));
      }
      query.target = target;
      json hits = json::array();
      const QueryResult result = Must(Find(collection).Query(query));
      for (const ScoredPoint& hit : result.hits) {
        hits.push_back({{"id", IdJson(hit.id)}, {"distance", BitsText(hit.distance)}});
      }
      const json line = {{"collection", collection},
                         {"query", {{"using", vector.name}, {"vector", BitsJson(target)}}},
                         {"hits", hits}};
      absl::StrAppend(&lines, line.dump(), "\n");
    }
  }
}

std::string GoldenRecorder::ExpectedContent() {
  std::string lines;
  for (const auto& [name, collection] : model_) {
    PERIGEE_CHECK(Must(Find(name).Count({})).count == collection.points.size(), name);
    const json head = {{"collection", name},
                       {"schema", json::parse(ToJson(collection.schema))},
                       {"points", collection.points.size()}};
    absl::StrAppend(&lines, head.dump(), "\n");
    for (const auto& [id, point] : collection.points) {
      json vectors = json::object();
      for (const auto& [vector, values] : point.vectors) {
        vectors[vector] = BitsJson(values);
      }
      const json line = {{"collection", name},
                         {"id", IdJson(id)},
                         {"vectors", vectors},
                         {"payload", ToJson(point.payload)}};
      absl::StrAppend(&lines, line.dump(), "\n");
    }
    AddQueries(name, lines);
  }
  return lines;
}

void GoldenRecorder::WriteTo(const std::string& directory) {
  const auto left = disk_->Crash(CrashPolicy::kNothingUnsynced);
  database_.reset();
  disk_ = left->Crash(CrashPolicy::kNothingUnsynced);
  Open();  // a copy: the files that are kept are those of before
  WriteFile(directory + ".jsonl", ExpectedContent());
  const std::string prefix = absl::StrCat(std::string(kRoot.substr(1)), "/");
  for (const std::string& path : left->Files()) {
    const std::string name = path.substr(prefix.size());
    if (name != "LOCK" && !name.starts_with("tmp/")) {
      WriteFile(std::filesystem::path(directory) / name, *left->Contents(path));
    }
  }
}

}  // namespace perigee::tests
