// SPDX-License-Identifier: Apache-2.0
#include "tests/durability/golden_directory.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/layout/file_names.h"
#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string ReadText(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  REQUIRE_MESSAGE(stream.good(), path.string());
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

PointId IdOf(const json& value) {
  return value.is_string() ? PointId(value.get<std::string>()) : PointId(value.get<uint64_t>());
}

uint32_t BitsOf(const json& value) {
  return static_cast<uint32_t>(std::stoul(value.get<std::string>(), nullptr, 16));
}

std::vector<float> VectorOf(const json& bits) {
  std::vector<float> values;
  for (const json& one : bits) {
    values.push_back(std::bit_cast<float>(BitsOf(one)));
  }
  return values;
}

void AddLine(const json& line, GoldenContent& content) {
  GoldenCollection& collection = content[line.at("collection").get<std::string>()];
  if (line.contains("schema")) {
    collection.schema = line.at("schema").dump();
  } else if (line.contains("id")) {
    GoldenPoint& point = collection.points[IdOf(line.at("id"))];
    for (const auto& [name, bits] : line.at("vectors").items()) {
      point.vectors[name] = VectorOf(bits);
    }
    point.payload = line.at("payload").get<std::string>();
  } else {
    GoldenQuery query{.using_vector = line.at("query").at("using").get<std::string>(),
                      .vector = VectorOf(line.at("query").at("vector"))};
    for (const json& hit : line.at("hits")) {
      query.hits.emplace_back(IdOf(hit.at("id")), BitsOf(hit.at("distance")));
    }
    collection.queries.push_back(std::move(query));
  }
}

void CheckQuery(const CollectionCore& collection, const GoldenQuery& golden) {
  Query query{.target = golden.vector,
              .using_vector = golden.using_vector,
              .limit = static_cast<uint32_t>(golden.hits.size()),
              .exact = true};
  const auto exact = collection.Query(query);
  REQUIRE_MESSAGE(exact.ok(), exact.status().ToString());
  std::vector<std::pair<PointId, uint32_t>> hits;
  for (const ScoredPoint& hit : exact->hits) {
    hits.emplace_back(hit.id, std::bit_cast<uint32_t>(hit.distance));
  }
  CHECK(hits == golden.hits);
  // Through a graph: as many hits, all of them points, each with its exact distance, sorted.
  query.exact = false;
  query.ef = 200;
  const auto nearest = collection.Query(query);
  REQUIRE_MESSAGE(nearest.ok(), nearest.status().ToString());
  CHECK(nearest->hits.size() == golden.hits.size());
  CHECK(nearest->hits.front().id == golden.hits.front().first);
  CHECK(std::is_sorted(nearest->hits.begin(), nearest->hits.end(),
                       [](const auto& a, const auto& b) { return a.distance < b.distance; }));
}

}  // namespace

GoldenDirectory::GoldenDirectory(std::string_view format, std::string_view name) {
  const fs::path root = fs::path(PathOf(format)) / name;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root)) {
    if (entry.is_regular_file()) {
      files_[fs::relative(entry.path(), root).generic_string()] = ReadText(entry.path());
    }
  }
  std::istringstream lines(ReadText(root.string() + ".jsonl"));
  for (std::string line; std::getline(lines, line);) {
    AddLine(json::parse(line), content_);
  }
}

std::string GoldenDirectory::PathOf(std::string_view format) {
  return absl::StrCat(PERIGEE_SOURCE_DIR, "/tests/golden/", std::string(format));
}

std::vector<std::string> GoldenDirectory::NamesOf(std::string_view format) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(PathOf(format))) {
    if (entry.is_directory()) {
      names.push_back(entry.path().filename());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::unique_ptr<storage::SimulatedFileSystem> GoldenDirectory::OnSimulatedDisk() const {
  auto disk = std::make_unique<storage::SimulatedFileSystem>();
  const std::string root(kTestDirectory);
  REQUIRE(disk->CreateDirectory(root).ok());
  for (const std::string_view name : storage::kDirectories) {
    REQUIRE(disk->CreateDirectory(absl::StrCat(root, "/", std::string(name))).ok());
  }
  for (const auto& [name, bytes] : files_) {
    disk->SetContents(absl::StrCat(root, "/", name), bytes);
  }
  REQUIRE(disk->SyncDirectory(root).ok());
  REQUIRE(disk->SyncDirectory("/").ok());
  return disk;
}

void GoldenDirectory::CopyTo(const std::string& path) const {
  for (const auto& [name, bytes] : files_) {
    const fs::path file = fs::path(path) / name;
    fs::create_directories(file.parent_path());
    std::ofstream stream(file, std::ios::binary);
    stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    REQUIRE(stream.good());
  }
}

std::map<PointId, GoldenPoint> PointsOf(const CollectionCore& collection) {
  std::map<PointId, GoldenPoint> points;
  ScrollRequest request{.limit = 1'000};
  request.with_vectors.kind = VectorSelector::Kind::kAll;
  const auto page = collection.Scroll(request);
  REQUIRE_MESSAGE(page.ok(), page.status().ToString());
  REQUIRE(page->next_cursor.empty());
  for (const Point& point : page->points) {
    const bool is_new =
        points.emplace(point.id, GoldenPoint{point.vectors, ToJson(point.payload)}).second;
    CHECK(is_new);
  }
  return points;
}

void CheckContent(const DatabaseCore& database, const GoldenContent& expected) {
  const auto collections = database.ListCollections();
  REQUIRE(collections.ok());
  std::set<std::string> names;
  for (const std::shared_ptr<CollectionCore>& collection : *collections) {
    names.insert(collection->name());
  }
  for (const auto& [golden_name, golden] : expected) {
    const std::string& name = golden_name;  // clang 14: no capture of a structured binding
    CAPTURE(name);
    REQUIRE(names.erase(name) == 1);
    const std::shared_ptr<CollectionCore> collection = MustFind(database, name);
    CHECK(json::parse(ToJson(collection->schema())).dump() == golden.schema);
    CHECK(PointsOf(*collection) == golden.points);
    CHECK(collection->Count({})->count == golden.points.size());
    for (const auto& [id, point] : golden.points) {
      GetRequest get{.ids = {id}};
      get.with_vectors.kind = VectorSelector::Kind::kAll;
      const auto got = collection->Get(get);
      REQUIRE(got.ok());
      REQUIRE(got->points.size() == 1);
      CHECK(got->points[0].vectors == point.vectors);
      CHECK(ToJson(got->points[0].payload) == point.payload);
    }
    for (const GoldenQuery& query : golden.queries) {
      CheckQuery(*collection, query);
    }
  }
  CHECK(names.empty());
}

}  // namespace perigee::engine
