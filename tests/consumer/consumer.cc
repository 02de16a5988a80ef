// SPDX-License-Identifier: Apache-2.0
// A host program: opens a database in its own process, writes, asks, closes, and finds all of it
// again.
#include <perigee/database.h>

#include <cstdio>
#include <string>
#include <vector>

namespace {

int Fail(const char* step, const absl::Status& status) {
  std::fprintf(stderr, "%s: %s\n", step, std::string(status.message()).c_str());
  return 1;
}

int WriteAndAsk(const std::string& directory) {
  auto db = perigee::Database::Open(directory, {.access = perigee::Access::Unrestricted()});
  if (!db.ok()) {
    return Fail("open", db.status());
  }
  auto docs = (*db)->CreateCollection("docs", {.vectors = {{.dimension = 2}}});
  if (!docs.ok()) {
    return Fail("create", docs.status());
  }
  const auto written =
      docs->Upsert({.points = {{.id = "a", .vectors = {{"", {1, 0}}}, .payload = {{"lang", "en"}}},
                               {.id = 2, .vectors = {{"", {0, 1}}}}}});
  if (!written.ok()) {
    return Fail("upsert", written.status());
  }
  const auto answer = docs->Query({.target = std::vector<float>{0.9F, 0.1F}, .limit = 1});
  if (!answer.ok()) {
    return Fail("query", answer.status());
  }
  std::printf("nearest: %s\n", answer->hits.at(0).id.ToString().c_str());
  const absl::Status closed = (*db)->Close();
  return closed.ok() ? 0 : Fail("close", closed);
}

int FindAgain(const std::string& directory) {
  auto db = perigee::Database::Open(
      directory, {.access = perigee::Access::Unrestricted(), .create_if_missing = false});
  if (!db.ok()) {
    return Fail("reopen", db.status());
  }
  const auto docs = (*db)->OpenCollection("docs");
  if (!docs.ok()) {
    return Fail("open collection", docs.status());
  }
  const auto count = docs->Count({});
  if (!count.ok()) {
    return Fail("count", count.status());
  }
  std::printf("points: %d\n", static_cast<int>(count->count));
  return count->count == 2 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: consumer DIRECTORY\n");
    return 64;
  }
  const int code = WriteAndAsk(argv[1]);
  return code != 0 ? code : FindAgain(argv[1]);
}
