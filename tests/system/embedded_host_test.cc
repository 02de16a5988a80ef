// SPDX-License-Identifier: Apache-2.0
//
// Goal: a host process can use the engine with public headers alone, keeps its standard streams and
// signal handlers, and may open and close as often as it likes. Method: only <perigee/...> is
// included and only perigee::engine is linked.
#include <doctest/doctest.h>
#include <perigee/bulk_loader.h>
#include <perigee/database.h>
#include <perigee/version.h>

#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace perigee {
namespace {

struct Fixture {
  Fixture() {
    path = (std::filesystem::temp_directory_path() / ("perigee-host-" + std::to_string(getpid())))
               .string();
    std::filesystem::remove_all(path);
  }
  ~Fixture() { std::filesystem::remove_all(path); }
  std::unique_ptr<Database> Open() const {
    return *Database::Open(path, {.access = Access::Unrestricted()});
  }
  std::string path;
};

TEST_CASE_FIXTURE(Fixture, "open - write - ask - close - open again") {
  {
    const auto db = Open();
    auto docs = db->CreateCollection("docs", {.vectors = {{.dimension = 2}}});
    REQUIRE(docs.ok());
    REQUIRE(docs->Upsert(
                    {.points = {{.id = "a", .vectors = {{"", {1, 0}}}, .payload = {{"lang", "en"}}},
                                {.id = 7, .vectors = {{"", {0, 1}}}}}})
                .ok());
    const auto answer =
        docs->Query({.target = std::vector<float>{1, 0}, .filter = *ParseFilter("lang = 'en'")});
    REQUIRE(answer.ok());
    REQUIRE(answer->hits.size() == 1);
    CHECK(answer->hits[0].id == PointId("a"));
    CHECK(answer->hits[0].score == 1.0F);
  }
  const auto db = Open();
  CHECK(db->OpenCollection("docs")->Count({})->count == 2);
  CHECK(db->Close().ok());
  CHECK(db->Close().ok());
  CHECK(db->OpenCollection("docs").status().code() == absl::StatusCode::kFailedPrecondition);
}

TEST_CASE_FIXTURE(Fixture,
                  "a second open in the same process is refused until the first is closed") {
  auto first = Open();
  CHECK(Database::Open(path, {.access = Access::Unrestricted()}).status().code() ==
        absl::StatusCode::kFailedPrecondition);
  first.reset();
  CHECK(Open() != nullptr);
}

TEST_CASE_FIXTURE(Fixture, "readers beside the writer see the published state and write nothing") {
  const auto writer = Open();
  auto docs = writer->CreateCollection("docs", {.vectors = {{.dimension = 2}}});
  REQUIRE(docs->Upsert({.points = {{.id = 1, .vectors = {{"", {1, 0}}}}}}).ok());
  REQUIRE(docs->Flush().ok());
  REQUIRE(docs->Upsert({.points = {{.id = 2, .vectors = {{"", {0, 1}}}}}}).ok());
  OpenOptions options = {.access = Access::Unrestricted()};
  options.read_only = true;
  const auto reader = Database::Open(path, options);
  REQUIRE(reader.ok());
  auto seen = (*reader)->OpenCollection("docs");
  REQUIRE(seen.ok());
  CHECK(seen->Count({})->count == 1);
  CHECK(seen->Upsert({.points = {{.id = 3, .vectors = {{"", {0, 1}}}}}}).status().code() ==
        absl::StatusCode::kFailedPrecondition);
  CHECK((*reader)->Status()->read_only);
}

TEST_CASE_FIXTURE(Fixture, "signal handlers stay the host's and many opens leak no thread") {
  struct sigaction before = {};
  sigaction(SIGTERM, nullptr, &before);
  // Threads of this process without the kernel's io_uring workers, which come and go by themselves.
  const auto threads = [] {
    int count = 0;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
      std::string name;
      std::getline(std::ifstream(task.path() / "comm"), name);
      count += name.rfind("iou-", 0) == 0 ? 0 : 1;
    }
    return count;
  };
  const auto threads_before = threads();
  for (int i = 0; i < 20; ++i) {
    const auto db = Open();
    CHECK(db->Status().ok());
  }
  struct sigaction after = {};
  sigaction(SIGTERM, nullptr, &after);
  CHECK((before.sa_handler == after.sa_handler));
  CHECK(threads() == threads_before);
}

TEST_CASE_FIXTURE(Fixture, "a handle without rights is refused by name of the right") {
  const auto db = Open();
  auto docs = db->CreateCollection("docs", {.vectors = {{.dimension = 2}}});
  REQUIRE(docs.ok());
  CHECK(Access::Unrestricted().Has(Right::kWrite));
  CHECK(db->WithAccess(Access::Unrestricted())->OpenCollection("docs").ok());
}

}  // namespace
}  // namespace perigee
