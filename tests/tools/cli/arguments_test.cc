// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/arguments.h"

#include <doctest/doctest.h>

#include <sstream>

namespace perigee::tools {
namespace {

TEST_CASE("vectors on the command line") {
  std::istringstream input("[3, 4.5]");
  const auto inline_vector = ParseVector("[0.5, -1]", input);
  REQUIRE(inline_vector.ok());
  CHECK(*inline_vector == std::vector<float>{0.5F, -1});
  const auto piped = ParseVector("-", input);
  REQUIRE(piped.ok());
  CHECK(*piped == std::vector<float>{3, 4.5F});
  const std::string sample = std::string(PERIGEE_SOURCE_DIR) + "/tests/data/sample/questions.npy";
  const auto row = ParseVector("@" + sample + "[3]", input);
  REQUIRE(row.ok());
  CHECK(row->size() == 384);
  CHECK(ParseVector("@" + sample, input)->size() == 384);
  CHECK(ParseVector("@" + sample + "[20]", input).status().code() ==
        absl::StatusCode::kInvalidArgument);
  CHECK(ParseVector("@" + sample + "[x]", input).status().code() ==
        absl::StatusCode::kInvalidArgument);
  CHECK(ParseVector("@absent.npy", input).status().code() == absl::StatusCode::kNotFound);
  CHECK(ParseVector("0.5", input).status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(ParseVector("", input).status().code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("ids on the command line") {
  CHECK(*ParsePointId("7") == PointId(7));
  CHECK(*ParsePointId("\"7\"") == PointId("7"));
  CHECK(*ParsePointId("doc-7") == PointId("doc-7"));
  CHECK(*ParsePointId("18446744073709551616") == PointId("18446744073709551616"));
  CHECK(ParsePointId("").status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(ParsePointId(std::string(257, 'x')).status().code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("vector declarations") {
  const auto full = ParseVectorSchema("title:384:l2:f16");
  REQUIRE(full.ok());
  CHECK(full->name == "title");
  CHECK(full->dimension == 384);
  CHECK(full->metric == DistanceMetric::kL2);
  CHECK(full->element == VectorElement::kFloat16);
  CHECK(ParseVectorSchema(":8")->name.empty());
  for (const char* text :
       {"title", "title:x", "title:8:manhattan", "title:8:l2:f8", "title:8:l2:f16:x", "title:-1"}) {
    CHECK(ParseVectorSchema(text).status().code() == absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace perigee::tools
