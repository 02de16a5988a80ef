// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/verbs.h"

#include <doctest/doctest.h>

#include <sstream>

#include "tests/support/temporary_directory.h"

namespace perigee::tools {
namespace {

struct Fixture {
  Fixture() {
    target = OpenTarget(directory.PathOf("db"), {.create_if_missing = true}).value();
    const VerbContext context = Context();
    REQUIRE(RunCreate(context, {.name = "docs", .vectors = {"title:2:dot", "body:3:l2:f16"}}).ok());
  }
  VerbContext Context() {
    return {.target = *target, .format = OutputFormat::kTable, .streams = streams};
  }

  storage::TemporaryDirectory directory;
  std::istringstream input;
  std::ostringstream output;
  std::ostringstream error;
  CommandStreams streams = {.input = input, .output = output, .error = error};
  std::unique_ptr<DatabaseTarget> target;
};

TEST_CASE_FIXTURE(Fixture, "named vectors are searched by name and required to be named") {
  input.str(
      "{\"id\":1,\"vector\":{\"title\":[1,0],\"body\":[1,2,3]}}\n{\"id\":2,\"vector\":{\"title\":["
      "0,1]}}\n");
  REQUIRE(RunUpsert(Context(), {.collection = "docs"}).ok());
  CHECK(RunQuery(Context(), {.collection = "docs", .vector = "[1,0]"}).code() ==
        absl::StatusCode::kInvalidArgument);
  output.str("");
  REQUIRE(RunQuery(Context(), {.collection = "docs", .vector = "[1,2,3]", .using_vector = "body"})
              .ok());
  CHECK(output.str().find("1 hit") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "an error in a later batch says what was written before it") {
  input.str(
      "{\"id\":1,\"vector\":{\"title\":[1,0]}}\n{\"id\":2,\"vector\":{\"title\":[0,1]}}\n{\"id\":3}"
      "\n");
  const absl::Status status = RunUpsert(Context(), {.collection = "docs", .batch = 2});
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  CHECK(std::string(status.message()).find("line 3") != std::string::npos);
  output.str("");
  REQUIRE(RunCount(Context(), "docs", "").ok());
  CHECK(output.str() == "2\n");
}

TEST_CASE_FIXTURE(Fixture, "a batch size outside its limits is refused") {
  CHECK(RunUpsert(Context(), {.collection = "docs", .batch = 0}).code() ==
        absl::StatusCode::kInvalidArgument);
  CHECK(RunUpsert(Context(), {.collection = "docs", .batch = 5'000}).code() ==
        absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace perigee::tools
