// SPDX-License-Identifier: Apache-2.0
#include "perigee/database.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "storage/foundation/error_reason.h"
#include "tests/engine/database/database_fixture.h"
#include "tests/engine/database/restricted_access.h"
#include "tests/support/temporary_directory.h"

namespace perigee {
namespace {

OpenOptions Options() { return {.access = Access::Unrestricted()}; }

TEST_CASE("a database lives on a real disk, through the public headers") {
  const storage::TemporaryDirectory directory;
  const std::string path = directory.path() + "/new";
  {
    auto database = Database::Open(path, Options());
    REQUIRE_MESSAGE(database.ok(), database.status().ToString());
    auto docs = (*database)->CreateCollection("docs", engine::PlaneSchema());
    REQUIRE(docs.ok());
    REQUIRE(docs->Upsert(engine::PlaneUpsert(1, 100, 1)).ok());
    REQUIRE(docs->Flush().ok());
    REQUIRE(docs->Delete({.ids = {PointId(uint64_t{1})}}).ok());
    CHECK((*database)->ListCollections()->size() == 1);
  }
  auto database = Database::Open(path, Options());
  REQUIRE_MESSAGE(database.ok(), database.status().ToString());
  CHECK(*(*database)->CollectionExists("docs"));
  CHECK_FALSE(*(*database)->CollectionExists("cods"));
  auto docs = (*database)->OpenCollection("docs");
  REQUIRE(docs.ok());
  CHECK(docs->Count({})->count == 99);
  CHECK((*database)->CreateCollection("docs", engine::PlaneSchema()).status().code() ==
        absl::StatusCode::kAlreadyExists);
  CHECK((*database)->Flush().ok());
  CHECK((*database)->DropCollection("docs").ok());
  CHECK((*database)->OpenCollection("docs").status().code() == absl::StatusCode::kNotFound);
}

TEST_CASE("a locked directory, a file and the directory of something else are refused") {
  const storage::TemporaryDirectory directory;
  const std::string path = directory.path() + "/db";
  auto database = Database::Open(path, Options());
  REQUIRE(database.ok());
  const absl::Status locked = Database::Open(path, Options()).status();
  CHECK(GetErrorReason(locked) == ErrorReason::kLocked);

  std::ofstream(directory.path() + "/file") << "text";
  CHECK(Database::Open(directory.path() + "/file", Options()).status().code() ==
        absl::StatusCode::kFailedPrecondition);
  std::filesystem::create_directory(directory.path() + "/photos");
  std::ofstream(directory.path() + "/photos/cat.jpg") << "cat";
  CHECK(GetErrorReason(Database::Open(directory.path() + "/photos", Options()).status()) ==
        ErrorReason::kNotADatabase);
  CHECK(std::filesystem::exists(directory.path() + "/photos/cat.jpg"));

  OpenOptions existing = Options();
  existing.create_if_missing = false;
  CHECK(Database::Open(directory.path() + "/missing", existing).status().code() ==
        absl::StatusCode::kNotFound);
  CHECK_FALSE(std::filesystem::exists(directory.path() + "/missing"));
}

TEST_CASE("the last handle closes the database; handles of collections stay safe") {
  const storage::TemporaryDirectory directory;
  auto database = Database::Open(directory.path(), Options()).value();
  auto docs = database->CreateCollection("docs", engine::PlaneSchema()).value();
  auto second = database->WithAccess(Access::Unrestricted());
  database.reset();
  CHECK(docs.Upsert(engine::PlaneUpsert(1, 1, 1)).ok());
  second.reset();
  CHECK(docs.Upsert(engine::PlaneUpsert(2, 1, 1)).status().code() ==
        absl::StatusCode::kFailedPrecondition);
  CHECK(docs.Count({}).status().code() == absl::StatusCode::kFailedPrecondition);
  auto reopened = Database::Open(directory.path(), Options());
  REQUIRE(reopened.ok());
  CHECK((*reopened)->OpenCollection("docs")->Count({})->count == 1);
}

TEST_CASE("every method of a database checks its right") {
  const storage::TemporaryDirectory directory;
  auto all = Database::Open(directory.path(), Options()).value();
  REQUIRE(all->CreateCollection("docs", engine::PlaneSchema()).ok());
  constexpr auto kDenied = absl::StatusCode::kPermissionDenied;
  const auto nobody = all->WithAccess(server::Authenticator::Make({}));
  CHECK(nobody->CreateCollection("x", engine::PlaneSchema()).status().code() == kDenied);
  CHECK(nobody->OpenCollection("docs").status().code() == kDenied);
  CHECK(nobody->DropCollection("docs").code() == kDenied);
  CHECK(nobody->CollectionExists("docs").status().code() == kDenied);
  CHECK(nobody->ListCollections().status().code() == kDenied);
  CHECK(nobody->Status().status().code() == kDenied);
  CHECK(nobody->Flush().code() == kDenied);
  CHECK(nobody->Close().code() == kDenied);
  const auto reader = all->WithAccess(server::Authenticator::Make({Right::kRead}));
  CHECK(reader->OpenCollection("docs").ok());
  CHECK(*reader->CollectionExists("docs"));
  CHECK(reader->ListCollections().ok());
  CHECK(reader->DropCollection("docs").code() == kDenied);
  const auto writer = all->WithAccess(server::Authenticator::Make({Right::kWrite}));
  CHECK(writer->OpenCollection("docs").ok());
  const auto observer = all->WithAccess(server::Authenticator::Make({Right::kStatus}));
  CHECK(observer->Status().ok());
}

TEST_CASE("in a forked child every call is refused and nothing hangs") {
  const storage::TemporaryDirectory directory;
  auto database = Database::Open(directory.path(), Options()).value();
  auto docs = database->CreateCollection("docs", engine::PlaneSchema()).value();
  const pid_t child = fork();
  if (child == 0) {
    constexpr auto kRefused = absl::StatusCode::kFailedPrecondition;
    const bool refused = docs.Upsert(engine::PlaneUpsert(1, 1, 1)).status().code() == kRefused &&
                         docs.Count({}).status().code() == kRefused &&
                         database->ListCollections().status().code() == kRefused;
    database.reset();
    _exit(refused ? 0 : 1);
  }
  REQUIRE(child > 0);
  int outcome = -1;
  REQUIRE(waitpid(child, &outcome, 0) == child);
  CHECK(outcome == 0);
  CHECK(docs.Upsert(engine::PlaneUpsert(1, 1, 1)).ok());
}

}  // namespace
}  // namespace perigee
