// SPDX-License-Identifier: Apache-2.0
//
// Goal: a person and a program can read what every file holds, damaged or not. Method: listings of
// databases of the public API; every file of them offered to every listing.
#include "tools/inspect/file_listing.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <iostream>
#include <sstream>

#include "tests/support/temporary_directory.h"
#include "tests/tools/inspect/database_kinds.h"

namespace perigee::tools::inspect {
namespace {

using Listing = absl::StatusOr<int> (*)(const ListingOptions&, std::ostream&);

struct Fixture {
  int Show(Listing list, ListingOptions options) {
    std::ostringstream out;
    const auto code = list(options, out);
    REQUIRE_MESSAGE(code.ok(), std::string(code.status().message()));
    text = out.str();
    return *code;
  }
  nlohmann::json Json(Listing list, ListingOptions options) {
    options.json = true;
    Show(list, options);
    return nlohmann::json::parse(text);
  }
  std::string First(const std::string& folder) const {
    for (const std::string& name : tests::FilesOf(path)) {
      if (name.starts_with(folder)) {
        return path + "/" + name;
      }
    }
    return "";
  }

  storage::TemporaryDirectory directory;
  std::string path = directory.PathOf("db");
  std::string text;
};

TEST_CASE_FIXTURE(Fixture, "the log") {
  tests::MakeDatabase("clean", path);
  CHECK(Show(&ListLog, {.path = path}) == 0);
  CHECK(text.find("12 points: 'id-0', ...") != std::string::npos);
  CHECK(text.find("clean close") != std::string::npos);
  CHECK(text.find("the log is closed; last LSN 3") != std::string::npos);
  CHECK(Show(&ListLog, {.path = First("wal/")}) == 0);
  CHECK(text.find("'docs', 2 vectors") != std::string::npos);
  const nlohmann::json json = Json(&ListLog, {.path = path, .limit = 2});
  CHECK(json["records"].size() == 2);
  CHECK(json["records_left_out"].get<int>() >= 2);
  CHECK(json["records"][0]["type"] == "create");
  CHECK(absl::IsNotFound(ListLog({.path = path + "/none"}, std::cout).status()));
}

TEST_CASE_FIXTURE(Fixture, "the manifest") {
  tests::MakeDatabase("sealed", path);
  CHECK(Show(&ListManifest, {.path = path}) == 0);
  CHECK(text.find("collection added 'docs'") != std::string::npos);
  CHECK(text.find("segment added seg/") != std::string::npos);
  const nlohmann::json json = Json(&ListManifest, {.path = First("MANIFEST-")});
  CHECK(json["edits"][0]["type"] == "checkpoint");
  CHECK(json["end"] == "clean");
}

TEST_CASE_FIXTURE(Fixture, "a damaged manifest lists candidates") {
  tests::MakeDatabase("sealed", path);
  const std::string file = First("MANIFEST-");
  std::string bytes = tests::ReadBytes(file);
  bytes[4096 + 70] = 'x';
  tests::WriteBytes(file, bytes);
  CHECK(Show(&ListManifest, {.path = path}) == 2);
  CHECK(text.find("cannot be used") != std::string::npos);
  CHECK(Json(&ListManifest, {.path = path})["candidates"].size() >= 1);
}

TEST_CASE_FIXTURE(Fixture, "segments and deletions") {
  tests::MakeDatabase("sealed", path);
  CHECK(Show(&ListSegment, {.path = First("seg/"), .limit = 3, .rows = true}) == 0);
  CHECK(text.find("vectors[1]") != std::string::npos);
  const nlohmann::json json =
      Json(&ListSegment, {.path = First("seg/"), .limit = 3, .rows = true, .first_row = 1});
  REQUIRE(json["rows"].size() == 3);
  CHECK(json["rows"][0]["row"] == 1);
  CHECK(Show(&ListSegment, {.path = First("del/")}) == 0);
  CHECK(text.find("generation") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "no file harms a listing") {
  tests::MakeDatabase("killed", path);
  for (const std::string& name : tests::FilesOf(path)) {
    for (const Listing list : {Listing(&ListLog), Listing(&ListManifest), Listing(&ListSegment)}) {
      for (const uint64_t size : {uint64_t{0}, uint64_t{10}, uint64_t{5000}, uint64_t{1} << 30U}) {
        const std::string file = directory.PathOf("file");
        tests::WriteBytes(file, tests::ReadBytes(path + "/" + name).substr(0, size));
        std::ostringstream out;
        CHECK((list({.path = file, .json = true, .rows = true}, out).ok() || size > 0 ||
               out.str().empty()));
      }
    }
  }
}

}  // namespace
}  // namespace perigee::tools::inspect
