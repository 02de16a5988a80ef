// SPDX-License-Identifier: Apache-2.0
//
// Goal: a symbolic link in the place of any file or directory of a database is never read or
// written through: the call that meets it says so, and what it leads to stays as it was (S6).
// Method: a database on the real disk with every kind of file; each of its names in turn is moved
// away and a link to it put in its place; then the database is opened, read, written, sealed,
// rewritten and closed, on both I/O backends.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "perigee/database.h"
#include "tests/support/temporary_directory.h"

namespace perigee {
namespace {

namespace fs = std::filesystem;

OpenOptions SmallFiles(IoBackend backend) {
  OpenOptions options = {.access = Access::Unrestricted()};
  options.creation = {.log_file_bytes = 64U << 10U, .section_alignment_bytes = 4U << 10U};
  options.maintenance_threads = 0;
  options.disk_free_bytes_min = 1;
  options.io_backend = backend;
  return options;
}

UpsertRequest Points(uint64_t first, uint64_t count) {
  UpsertRequest request;
  for (uint64_t id = first; id < first + count; ++id) {
    Point point;
    point.id = id;
    point.vectors[""] = std::vector<float>{static_cast<float>(id), 1};
    request.points.push_back(point);
  }
  return request;
}

// Every kind of file and directory: log, manifest, segment, deletions, and those at the top.
void MakeDatabase(const std::string& path, IoBackend backend) {
  const auto database = Database::Open(path, SmallFiles(backend));
  REQUIRE_MESSAGE(database.ok(), database.status().ToString());
  CollectionSchema schema;
  schema.vectors.push_back({.dimension = 2, .metric = DistanceMetric::kL2});
  auto docs = (*database)->CreateCollection("docs", schema);
  REQUIRE_MESSAGE(docs.ok(), docs.status().ToString());
  REQUIRE(docs->Upsert(Points(1, 50)).ok());
  REQUIRE((*database)->Flush().ok());
  REQUIRE(docs->Delete({.ids = {PointId(uint64_t{3})}}).ok());
  REQUIRE((*database)->Flush().ok());
  REQUIRE(docs->Upsert(Points(60, 5)).ok());
  REQUIRE((*database)->Close().ok());
}

// Names and bytes of a file, or of everything in a directory.
std::map<std::string, std::string> ContentOf(const fs::path& path) {
  const auto read = [](const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(stream), {});
  };
  if (!fs::is_directory(path)) {
    return {{"", read(path)}};
  }
  std::map<std::string, std::string> content;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path)) {
    content[entry.path().string()] = entry.is_regular_file() ? read(entry.path()) : "";
  }
  return content;
}

// The first error of a day in the life of a database.
absl::Status Use(const std::string& path, IoBackend backend) {
  absl::Status status;
  auto database = Database::Open(path, SmallFiles(backend));
  if (!database.ok()) {
    return database.status();
  }
  auto docs = (*database)->OpenCollection("docs");
  status.Update(docs.status());
  if (docs.ok()) {
    status.Update(docs->Count({}).status());
    status.Update(docs->Upsert(Points(70, 5)).status());
    status.Update(docs->Delete({.ids = {PointId(uint64_t{5})}}).status());
    status.Update((*database)->Flush());
    status.Update(docs->Optimize());
  }
  status.Update((*database)->Close());
  return status;
}

void CheckEachName(IoBackend backend) {
  const storage::TemporaryDirectory directory;
  const std::string original = directory.PathOf("original");
  MakeDatabase(original, backend);
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(original)) {
    names.push_back(fs::relative(entry.path(), original).string());
  }
  uint64_t refused = 0;
  for (const std::string& name : names) {
    CAPTURE(name);
    const std::string path = directory.PathOf("db");
    const std::string moved = directory.PathOf("moved");
    fs::copy(original, path, fs::copy_options::recursive);
    fs::rename(path + "/" + name, moved);
    fs::create_symlink(moved, path + "/" + name);
    const auto before = ContentOf(moved);
    const absl::Status status = Use(path, backend);
    CHECK(ContentOf(moved) == before);
    // What is advisory may be done without; then the link is removed or left alone.
    const bool said =
        !status.ok() && (status.message().find("symbolic link") != std::string::npos ||
                         status.message().find("is not a directory") != std::string::npos);
    const bool needed = name.find("SCRUB") == std::string::npos &&
                        name.find("RESERVE") == std::string::npos &&
                        name.find("OPENS") == std::string::npos;
    CHECK_MESSAGE((said || (!needed && status.ok())), status.ToString());
    refused += said ? 1 : 0;
    fs::remove_all(path);
    fs::remove_all(moved);
  }
  // IDENTITY, CURRENT, LOCK, manifest, six directories, log, segment, deletions.
  CHECK(refused >= 13);
}

TEST_CASE("a link planted in place of any name of a database is refused - posix") {
  CheckEachName(IoBackend::kPosix);
}

TEST_CASE("a link planted in place of any name of a database is refused - automatic") {
  CheckEachName(IoBackend::kAuto);
}

}  // namespace
}  // namespace perigee
