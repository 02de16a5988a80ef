// SPDX-License-Identifier: Apache-2.0
#include "tests/tools/inspect/database_kinds.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "perigee/bulk_loader.h"

namespace perigee::tests {
namespace {

constexpr uint64_t kBatch = 500;

Point MakePoint(uint64_t id, int64_t value) {
  Point point;
  point.id = id % 5 == 0 ? PointId("id-" + std::to_string(id)) : PointId(id);
  std::vector<float> values(8);
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = std::sin(static_cast<float>(id) * 0.7F + static_cast<float>(i) * 1.3F) + 0.01F;
  }
  point.vectors[""] = values;
  if (id % 3 != 0) {
    point.vectors["b"] = {0.25F + static_cast<float>(id % 7), 1, -2, 3};
  }
  if (id % 4 != 0) {
    point.payload = {{"value", value},
                     {"name", "point " + std::to_string(id)},
                     {"tags", PayloadArray{"a", PayloadValue()}},
                     {"deep", PayloadObject{{"x", 0.5}, {"ok", true}}}};
  }
  return point;
}

void Create(Database& database, std::string_view name) {
  const auto created = database.CreateCollection(name, TwoVectors());
  REQUIRE_MESSAGE(created.ok(), std::string(created.status().message()));
}

void Close(Database& database) {
  const absl::Status closed = database.Close();
  REQUIRE_MESSAGE(closed.ok(), std::string(closed.message()));
}

void MakeUnused(const std::string& path) { Close(*OpenSmall(path)); }

void MakeClean(const std::string& path) {
  const auto database = OpenSmall(path);
  Create(*database, "docs");
  UpsertRange(*database, "docs", 0, 12, 1);
  DeleteRange(*database, "docs", 3, 2);
  Close(*database);
}

// What a process leaves that is killed: the files as they are while it runs.
void MakeKilled(const std::string& path) {
  const std::string living = path + ".living";
  {
    const auto database = OpenSmall(living);
    Create(*database, "docs");
    UpsertRange(*database, "docs", 0, 40, 1);
    REQUIRE(database->Flush().ok());
    UpsertRange(*database, "docs", 20, 60, 2);
    DeleteRange(*database, "docs", 0, 10);
    CopyDirectory(living, path);
  }
  std::filesystem::remove_all(living);
}

void MakeSealed(const std::string& path) {
  const auto database = OpenSmall(path);
  Create(*database, "docs");
  UpsertRange(*database, "docs", 0, 1500, 1);
  REQUIRE(database->Flush().ok());
  UpsertRange(*database, "docs", 100, 50, 2);
  DeleteRange(*database, "docs", 200, 30);
  REQUIRE(database->Flush().ok());
  DeleteRange(*database, "docs", 700, 5);
  REQUIRE(database->Flush().ok());
  UpsertRange(*database, "docs", 5000, 5, 3);
  Close(*database);
}

void MakeCompacted(const std::string& path) {
  MakeSealed(path);
  const auto database = OpenSmall(path);
  auto collection = database->OpenCollection("docs");
  REQUIRE(collection.ok());
  REQUIRE(collection->Optimize().ok());
  Close(*database);
}

void MakeBulkLoaded(const std::string& path) {
  const auto database = OpenSmall(path);
  Create(*database, "docs");
  UpsertRange(*database, "docs", 10, 20, 1);
  auto loader = BulkLoader::Start(*database, "docs", {.build_threads = 1, .segment_rows_max = 700});
  REQUIRE(loader.ok());
  for (uint64_t id = 0; id < 1300; ++id) {
    REQUIRE((*loader)->Add(MakePoint(id, 7)).ok());
  }
  const auto report = (*loader)->Publish();
  REQUIRE_MESSAGE(report.ok(), std::string(report.status().message()));
  DeleteRange(*database, "docs", 40, 4);
  Close(*database);
}

void MakeSeveral(const std::string& path) {
  for (int round = 0; round < 3; ++round) {
    const auto database = OpenSmall(path);
    const std::string name = "c" + std::to_string(round);
    Create(*database, name);
    UpsertRange(*database, name, 0, 30, round);
    if (round == 1) {
      REQUIRE(database->Flush().ok());
      REQUIRE(database->DropCollection("c0").ok());
    }
    if (round == 2) {
      Create(*database, "c0");
      UpsertRange(*database, "c0", 4, 4, 9);
    }
    Close(*database);
  }
}

}  // namespace

OpenOptions SmallFiles() {
  OpenOptions options = {.access = Access::Unrestricted()};
  options.creation.log_file_bytes = 64U << 10U;
  options.creation.section_alignment_bytes = 4096;
  options.maintenance_threads = 0;
  options.disk_free_bytes_min = 1;
  options.io_backend = IoBackend::kPosix;
  return options;
}

std::unique_ptr<Database> OpenSmall(const std::string& path) {
  auto opened = Database::Open(path, SmallFiles());
  REQUIRE_MESSAGE(opened.ok(), std::string(opened.status().message()));
  return *std::move(opened);
}

CollectionSchema TwoVectors() {
  CollectionSchema schema;
  schema.vectors = {{.name = "", .dimension = 8, .metric = DistanceMetric::kL2},
                    {.name = "b",
                     .dimension = 4,
                     .metric = DistanceMetric::kCosine,
                     .element = VectorElement::kFloat16}};
  return schema;
}

void UpsertRange(Database& database, std::string_view collection, uint64_t first, uint64_t count,
                 int64_t value) {
  auto opened = database.OpenCollection(collection);
  REQUIRE(opened.ok());
  for (uint64_t begin = first; begin < first + count; begin += kBatch) {
    UpsertRequest request;
    for (uint64_t id = begin; id < std::min(begin + kBatch, first + count); ++id) {
      request.points.push_back(MakePoint(id, value));
    }
    const auto written = opened->Upsert(request);
    REQUIRE_MESSAGE(written.ok(), std::string(written.status().message()));
  }
}

void DeleteRange(Database& database, std::string_view collection, uint64_t first, uint64_t count) {
  auto opened = database.OpenCollection(collection);
  REQUIRE(opened.ok());
  DeleteRequest request;
  for (uint64_t id = first; id < first + count; ++id) {
    request.ids.push_back(MakePoint(id, 0).id);
  }
  REQUIRE(opened->Delete(request).ok());
}

const std::vector<DatabaseKind>& DatabaseKinds() {
  static const std::vector<DatabaseKind> kinds = {
      {"unused", MakeUnused},   {"clean", MakeClean},         {"killed", MakeKilled},
      {"sealed", MakeSealed},   {"compacted", MakeCompacted}, {"bulk-loaded", MakeBulkLoaded},
      {"several", MakeSeveral},
  };
  return kinds;
}

void MakeDatabase(std::string_view kind, const std::string& path) {
  for (const DatabaseKind& candidate : DatabaseKinds()) {
    if (candidate.name == kind) {
      candidate.make(path);
      return;
    }
  }
  FAIL("no kind of database is called ", std::string(kind));
}

std::vector<std::string> FilesOf(const std::string& path) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    if (entry.is_regular_file()) {
      const std::string name = entry.path().string().substr(path.size() + 1);
      if (name != "LOCK") {
        names.push_back(name);
      }
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string ReadBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

void WriteBytes(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  REQUIRE(file.good());
}

void CopyDirectory(const std::string& from, const std::string& to) {
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
}

}  // namespace perigee::tests
