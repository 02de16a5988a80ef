// SPDX-License-Identifier: Apache-2.0
#include "tests/durability/damage_sample.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/database/bulk_load.h"

namespace perigee::engine {
namespace {

using storage::CrashPolicy;
using storage::SimulatedFileSystem;

OpenOptions ReadOnlyOptions() {
  OpenOptions options = SmallOptions();
  options.create_if_missing = false;
  options.read_only = true;
  return options;
}

CollectionSchema NamedSchema() {
  CollectionSchema schema;
  schema.vectors.push_back({.name = "half",
                            .dimension = 5,
                            .metric = DistanceMetric::kCosine,
                            .element = VectorElement::kFloat16,
                            .hnsw = {.m = 4, .ef_construction = 16}});
  schema.vectors.push_back({.name = "whole", .dimension = 3, .metric = DistanceMetric::kDot});
  return schema;
}

Point NamedPoint(uint64_t id, int64_t value) {
  Point point;
  point.id = id % 3 == 0 ? PointId(absl::StrCat("id-", id)) : PointId(id);
  const auto x = static_cast<float>(id);
  const auto y = static_cast<float>(value);
  if (id % 4 != 1) {
    point.vectors["half"] = {x, y, 1, -x, 0.5F};
  }
  if (id % 4 != 2) {
    point.vectors["whole"] = {y, x, 2};
  }
  point.payload = {{"value", PayloadValue(value)}, {"tags", PayloadArray{"a", id % 2 == 0}}};
  return point;
}

UpsertRequest NamedUpsert(uint64_t first, uint64_t count, int64_t value) {
  UpsertRequest request;
  for (uint64_t id = first; id < first + count; ++id) {
    request.points.push_back(NamedPoint(id, value));
  }
  return request;
}

// Runs the steps of a sample and looks at the database after each.
class SampleBuilder {
 public:
  explicit SampleBuilder(const EngineTuning& tuning) : disk_(new SimulatedFileSystem()) {
    sample_.tuning = tuning;
  }

  void Open() {
    database_ = MustOpen(*disk_, SmallOptions(), sample_.tuning);
    Look();
  }
  void Close() {
    REQUIRE(database_->Close().ok());
    database_.reset();
  }
  void Create(const std::string& name, const CollectionSchema& schema) {
    REQUIRE(database_->CreateCollection(name, schema).ok());
    Look();
  }
  void Upsert(const std::string& name, const UpsertRequest& request) {
    REQUIRE(MustFind(*database_, name)->Upsert(request).ok());
    Look();
  }
  void Delete(const std::string& name, std::vector<PointId> ids) {
    REQUIRE(MustFind(*database_, name)->Delete({.ids = std::move(ids)}).ok());
    Look();
  }
  void Flush(const std::string& name) {
    REQUIRE(MustFind(*database_, name)->Flush().ok());
    Look();
  }
  void Optimize(const std::string& name) {
    REQUIRE(MustFind(*database_, name)->Optimize().ok());
    Look();
  }
  void Load(const std::string& name, uint64_t first, uint64_t count, int64_t value) {
    BulkLoad load(MustFind(*database_, name),
                  {.build_threads = 1, .segment_rows_max = count / 2 + 1});
    for (uint64_t id = first; id < first + count; ++id) {
      REQUIRE(load.Add(PlanePoint(id, value)).ok());
    }
    REQUIRE(load.Publish().ok());
    Look();
  }

  DamageSample Finish(SampleEnd end) {
    if (end == SampleEnd::kClosed) {
      Close();
    }
    sample_.disk = disk_->Crash(CrashPolicy::kNothingUnsynced);
    database_.reset();
    return std::move(sample_);
  }

 private:
  void Look() {
    sample_.history.push_back(ReadEverything(*database_));
    sample_.published.push_back(ReadEverything(*MustOpen(*disk_, ReadOnlyOptions())));
    sample_.disks.push_back(disk_->Crash(CrashPolicy::kNothingUnsynced));
  }

  std::unique_ptr<SimulatedFileSystem> disk_;
  std::shared_ptr<DatabaseCore> database_;
  DamageSample sample_;
};

}  // namespace

DamageSample MakeSmallSample(SampleEnd end) {
  SampleBuilder build(SmallTuning());
  build.Open();
  build.Create("docs", PlaneSchema());
  build.Upsert("docs", PlaneUpsert(1, 9, 1));
  build.Delete("docs", {4});
  build.Flush("docs");
  build.Upsert("docs", PlaneUpsert(2, 2, 2));
  build.Flush("docs");
  build.Upsert("docs", PlaneUpsert(20, 3, 3));
  build.Delete("docs", {1, 21});
  build.Upsert("docs", PlaneUpsert(30, 1, 4));
  return build.Finish(end);
}

DamageSample MakeLargeSample(SampleEnd end) {
  EngineTuning tuning = SmallTuning();
  tuning.growing_bytes_max = 1 << 20;
  tuning.manifest_rollover_edits = 6;
  SampleBuilder build(tuning);
  build.Open();
  build.Create("docs", PlaneSchema());
  build.Create("named", NamedSchema());
  build.Upsert("docs", PlaneUpsert(1, 70, 1));
  build.Flush("docs");
  build.Upsert("docs", PlaneUpsert(50, 30, 2));
  build.Delete("docs", {3, 4, 5, 60});
  build.Flush("docs");
  build.Upsert("named", NamedUpsert(1, 90, 1));
  build.Flush("named");
  build.Close();
  build.Open();
  build.Optimize("docs");
  build.Load("docs", 200, 150, 5);
  build.Delete("named", {7, PointId("id-9"), 10});
  build.Upsert("named", NamedUpsert(20, 4, 6));
  build.Flush("named");
  build.Close();
  build.Open();
  build.Upsert("docs", PlaneUpsert(210, 5, 7));
  build.Delete("docs", {1, 215});
  build.Flush("docs");
  for (int64_t round = 0; round < 4; ++round) {
    build.Upsert("named", NamedUpsert(100, 200, 10 + round));
  }
  build.Upsert("docs", PlaneUpsert(400, 3, 8));
  build.Delete("docs", {401});
  return build.Finish(end);
}

size_t DamageSample::last_published_step() const {
  const auto manifests = [](const SimulatedFileSystem& at) {
    std::string all;
    for (const std::string& path : at.Files()) {
      if (path.find("MANIFEST") != std::string::npos) {
        all += path + *at.Contents(path);
      }
    }
    return all;
  };
  size_t step = disks.size() - 1;
  while (step > 0 && manifests(*disks[step]) == manifests(*disks[step - 1])) {
    --step;
  }
  return step;
}

std::unique_ptr<SimulatedFileSystem> CopyOf(const SimulatedFileSystem& disk) {
  return disk.Crash(CrashPolicy::kEverything);
}

}  // namespace perigee::engine
