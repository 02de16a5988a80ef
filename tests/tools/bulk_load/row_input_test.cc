// SPDX-License-Identifier: Apache-2.0
#include "tools/bulk_load/row_input.h"

#include <doctest/doctest.h>

#include <cstring>

#include "tests/support/temporary_directory.h"

namespace perigee::tools {
namespace {

struct Fixture {
  std::string Lines(const std::string& text) const {
    const std::string path = directory.PathOf("rows.jsonl");
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  std::string Vectors(int rows) const {
    const std::string path = directory.PathOf("rows.fvecs");
    std::ofstream file(path, std::ios::binary);
    for (int i = 0; i < rows; ++i) {
      const float values[2] = {static_cast<float>(i), 1};
      file.write("\x02\0\0\0", 4);
      file.write(reinterpret_cast<const char*>(values), sizeof(values));
    }
    return path;
  }
  storage::TemporaryDirectory directory;
};

TEST_CASE_FIXTURE(Fixture, "vectors and lines are put together row by row") {
  const auto input =
      RowInput::Open({.vectors_path = Vectors(2),
                      .payload_path = Lines("{\"id\":\"a\",\"payload\":{\"k\":1}}\n\n{\"id\":2}\n"),
                      .vector_name = "v"});
  REQUIRE(input.ok());
  CHECK((*input)->rows_expected() == 2);
  InputRow row;
  REQUIRE((*input)->Next(row).value());
  CHECK(row.status.ok());
  CHECK(row.point.id == PointId("a"));
  CHECK(row.point.vectors.at("v") == std::vector<float>{0, 1});
  REQUIRE((*input)->Next(row).value());
  CHECK(row.point.id == PointId(2));
  CHECK(row.row == 1);
  CHECK(row.byte_offset == 30);
  CHECK_FALSE((*input)->Next(row).value());
}

TEST_CASE_FIXTURE(Fixture, "a bad line is a refused row and the rows after it stay in step") {
  const auto input = RowInput::Open(
      {.vectors_path = Vectors(3), .payload_path = Lines("{\"id\":1}\n{broken\n{\"id\":3}\n")});
  REQUIRE(input.ok());
  InputRow row;
  REQUIRE((*input)->Next(row).value());
  REQUIRE((*input)->Next(row).value());
  CHECK(row.status.code() == absl::StatusCode::kInvalidArgument);
  CHECK(row.raw == "{broken");
  REQUIRE((*input)->Next(row).value());
  CHECK(row.status.ok());
  CHECK(row.point.vectors.at("")[0] == 2);
}

TEST_CASE_FIXTURE(Fixture, "different numbers of rows end the load") {
  InputRow row;
  const auto fewer =
      RowInput::Open({.vectors_path = Vectors(3), .payload_path = Lines("{\"id\":1}\n")});
  REQUIRE((*fewer)->Next(row).value());
  CHECK((*fewer)->Next(row).status().code() == absl::StatusCode::kInvalidArgument);
  const auto more = RowInput::Open(
      {.vectors_path = Vectors(1), .payload_path = Lines("{\"id\":1}\n{\"id\":2}\n")});
  REQUIRE((*more)->Next(row).value());
  CHECK((*more)->Next(row).status().code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE_FIXTURE(Fixture, "ids are required unless they are row numbers") {
  InputRow row;
  const auto strict = RowInput::Open({.vectors_path = Vectors(1), .payload_path = Lines("{}\n")});
  REQUIRE((*strict)->Next(row).value());
  CHECK_FALSE(row.status.ok());
  const auto numbered = RowInput::Open({.vectors_path = Vectors(2), .ids_are_row_numbers = true});
  REQUIRE((*numbered)->Next(row).value());
  REQUIRE((*numbered)->Next(row).value());
  CHECK(row.point.id == PointId(1));
  CHECK(RowInput::Open({.vectors_path = Vectors(1)}).status().code() ==
        absl::StatusCode::kInvalidArgument);
  CHECK(RowInput::Open({}).status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(RowInput::Open({.payload_path = directory.PathOf("absent")}).status().code() ==
        absl::StatusCode::kNotFound);
}

TEST_CASE_FIXTURE(Fixture, "vectors inside the lines") {
  InputRow row;
  const auto input = RowInput::Open({.payload_path = Lines("{\"id\":1,\"vector\":[1,2]}\n")});
  REQUIRE((*input)->Next(row).value());
  CHECK(row.point.vectors.at("") == std::vector<float>{1, 2});
  const auto both = RowInput::Open(
      {.vectors_path = Vectors(1), .payload_path = Lines("{\"id\":1,\"vector\":[1,2]}\n")});
  REQUIRE((*both)->Next(row).value());
  CHECK_FALSE(row.status.ok());
}

}  // namespace
}  // namespace perigee::tools
