// SPDX-License-Identifier: Apache-2.0
#include "tools/vector_files/vector_file.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <vector>

#include "tests/support/temporary_directory.h"

namespace perigee::tools {
namespace {

std::string Npy(const std::string& type, const std::string& shape, const std::string& data,
                const std::string& order = "False") {
  std::string header =
      "{'descr': " + type + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }";
  while ((10 + header.size() + 1) % 64 != 0) {
    header += ' ';
  }
  header += '\n';
  std::string file = "\x93NUMPY";
  file += '\x01';
  file += '\0';
  file += static_cast<char>(header.size() & 0xFFU);
  file += static_cast<char>(header.size() >> 8U);
  return file + header + data;
}

std::string Floats(const std::vector<float>& values) {
  std::string bytes(values.size() * 4, '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

struct Fixture {
  std::string Write(const std::string& name, const std::string& bytes) const {
    const std::string path = directory.path() + "/" + name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  absl::StatusCode OpenCode(const std::string& name, const std::string& bytes) const {
    return VectorFile::Open(Write(name, bytes)).status().code();
  }
  storage::TemporaryDirectory directory;
};

TEST_CASE_FIXTURE(Fixture, "npy f32 rows come back bit for bit and in any order") {
  const auto file =
      VectorFile::Open(Write("a.npy", Npy("'<f4'", "(2, 3)", Floats({1, 2, 3, 4, 5, -0.5F}))));
  REQUIRE(file.ok());
  CHECK((*file)->rows() == 2);
  CHECK((*file)->dimension() == 3);
  std::vector<float> row(3);
  REQUIRE((*file)->Read(1, row).ok());
  CHECK(row == std::vector<float>{4, 5, -0.5F});
  REQUIRE((*file)->Read(0, row).ok());
  CHECK(row == std::vector<float>{1, 2, 3});
}

TEST_CASE_FIXTURE(Fixture, "npy element types") {
  std::vector<float> row(2);
  const auto half =
      VectorFile::Open(Write("h.npy", Npy("'<f2'", "(1, 2)", std::string("\x00\x3c\x00\xc0", 4))));
  REQUIRE(half.ok());
  REQUIRE((*half)->Read(0, row).ok());
  CHECK(row == std::vector<float>{1, -2});
  const auto bytes = VectorFile::Open(Write("i.npy", Npy("'|i1'", "(2,)", "\x7f\x80")));
  REQUIRE(bytes.ok());
  REQUIRE((*bytes)->Read(0, row).ok());
  CHECK(row == std::vector<float>{127, -128});
  const double values[2] = {0.5, 1e300};
  const auto wide = VectorFile::Open(Write(
      "d.npy", Npy("'<f8'", "(1,2)", std::string(reinterpret_cast<const char*>(values), 16))));
  REQUIRE(wide.ok());
  CHECK((*wide)->Read(0, row).code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("every f16 value is exact") {
  CHECK(Float16ToFloat(0x0001) == std::ldexp(1.0F, -24));
  CHECK(Float16ToFloat(0x7BFF) == 65504.0F);
  CHECK(std::isinf(Float16ToFloat(0x7C00)));
  CHECK(std::isnan(Float16ToFloat(0x7E00)));
  for (uint32_t bits = 0; bits < 0x7C00; ++bits) {
    const float value = Float16ToFloat(static_cast<uint16_t>(bits));
    CHECK(Float16ToFloat(static_cast<uint16_t>(bits | 0x8000U)) == -value);
    if (bits > 0) {
      REQUIRE(value > Float16ToFloat(static_cast<uint16_t>(bits - 1)));
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "hostile npy files are refused before anything is allocated") {
  using absl::StatusCode;
  const std::string good = Npy("'<f4'", "(2, 3)", Floats({1, 2, 3, 4, 5, 6}));
  for (size_t length = 0; length < good.size(); ++length) {
    CHECK(OpenCode("t.npy", good.substr(0, length)) == StatusCode::kInvalidArgument);
  }
  CHECK(OpenCode("t.npy", good + "x") == StatusCode::kInvalidArgument);
  CHECK(OpenCode("t.npy", Npy("'|O'", "(2, 3)", Floats({1, 2, 3, 4, 5, 6}))) ==
        StatusCode::kInvalidArgument);
  CHECK(OpenCode("t.npy", Npy("'<f4'", "(2, 3)", Floats({1, 2, 3, 4, 5, 6}), "True")) ==
        StatusCode::kInvalidArgument);
  CHECK(OpenCode("t.npy", Npy("'<f4'", "(4611686018427387904, 4)", "")) ==
        StatusCode::kInvalidArgument);
  CHECK(OpenCode("t.npy", Npy("'<f4'", "(99999999999999999999999, 4)", "")) ==
        StatusCode::kInvalidArgument);
  CHECK(OpenCode("t.npy", Npy("'<f4'", "(2, 3, 1)", "")) == StatusCode::kInvalidArgument);
  CHECK(OpenCode("t.npy", Npy("'<f4'", "()", "")) == StatusCode::kInvalidArgument);
  CHECK(OpenCode("t.npy", Npy("'<f4'", "(1, 70000)", "")) == StatusCode::kInvalidArgument);
  CHECK(OpenCode("t.npy", Npy("'<f4'", "(-1, 3)", "")) == StatusCode::kInvalidArgument);
  CHECK(OpenCode("t.txt", good) == StatusCode::kInvalidArgument);
  CHECK(VectorFile::Open(directory.path() + "/absent.npy").status().code() ==
        StatusCode::kNotFound);
}

TEST_CASE_FIXTURE(Fixture, "fvecs rows and their faults") {
  const std::string dimension("\x02\0\0\0", 4);
  const std::string good = dimension + Floats({1, 2}) + dimension + Floats({3, 4});
  const auto file = VectorFile::Open(Write("a.fvecs", good));
  REQUIRE(file.ok());
  CHECK((*file)->rows() == 2);
  std::vector<float> row(2);
  REQUIRE((*file)->Read(0, row).ok());
  CHECK(row == std::vector<float>{1, 2});
  REQUIRE((*file)->Read(1, row).ok());
  CHECK(row == std::vector<float>{3, 4});
  CHECK(OpenCode("t.fvecs", good.substr(0, 20)) == absl::StatusCode::kInvalidArgument);
  CHECK(OpenCode("t.fvecs", std::string("\xff\xff\xff\xff", 4) + Floats({1, 2})) ==
        absl::StatusCode::kInvalidArgument);
  const auto mixed = VectorFile::Open(
      Write("m.fvecs", dimension + Floats({1, 2}) + std::string("\x03\0\0\0", 4) + Floats({3, 4})));
  REQUIRE(mixed.ok());
  CHECK((*mixed)->Read(1, row).code() == absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace perigee::tools
