// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/deep_check.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <string>

#include "tests/tools/inspect/page_example.h"

namespace perigee::tools::inspect {
namespace {

std::string Floats(const std::vector<float>& values) {
  std::string bytes;
  for (const float value : values) {
    const auto bits = std::bit_cast<uint32_t>(value);
    for (unsigned shift = 0; shift < 32; shift += 8) {
      bytes.push_back(static_cast<char>(bits >> shift & 0xffU));
    }
  }
  return bytes;
}

TEST_CASE("halves stand for what IEEE 754 says") {
  CHECK(HalfToFloat(0x0000) == 0.0F);
  CHECK(HalfToFloat(0x3c00) == 1.0F);
  CHECK(HalfToFloat(0xc000) == -2.0F);
  CHECK(HalfToFloat(0x7bff) == 65504.0F);
  CHECK(HalfToFloat(0x0001) == std::ldexp(1.0F, -24));
  CHECK(HalfToFloat(0x03ff) == std::ldexp(1023.0F, -24));
  CHECK(HalfToFloat(0x3555) == doctest::Approx(0.333251953125));
  CHECK(std::isinf(HalfToFloat(0x7c00)));
  CHECK(std::isnan(HalfToFloat(0x7e00)));
}

TEST_CASE("norms and distances") {
  CHECK(NormOf(Floats({3, 4}), Element::kF32) == 5.0);
  CHECK(DistanceOf({1, 0}, {0, 1}, Metric::kL2) == doctest::Approx(std::sqrt(2.0)));
  CHECK(DistanceOf({1, 0}, {0, 1}, Metric::kCosine) == doctest::Approx(1));
  CHECK(DistanceOf({2, 3}, {4, 5}, Metric::kDot) == doctest::Approx(-23));
  CHECK(DecodeVector(Floats({1.5F, -2}), Element::kF32) == std::vector<float>{1.5F, -2});
}

TEST_CASE("the graph of the page finds what a scan finds") {
  VectorSchema schema;
  schema.dimension = 8;
  schema.metric = Metric::kL2;
  std::string fault;
  uint64_t place = 0;
  const std::string bytes = tests::PlainExample("hnsw_section.md", "```hex");
  const auto graph = Graph::Decode(
      bytes, {.rows = 5, .schema = &schema, .has_vector = [](uint32_t row) { return row != 2; }},
      fault, place);
  REQUIRE(graph.has_value());
  std::vector<float> values(40, 0.5F);
  for (size_t row = 0; row < 5; ++row) {
    values[row * 8] = static_cast<float>(row);
  }
  const RecallSample sample = MeasureRecall(*graph, Floats(values), schema, {0, 1, 3, 4}, 6);
  CHECK(sample.queries == 6);
  CHECK(sample.recall_at_10 == 1.0);
  CHECK(MeasureRecall(*graph, Floats(values), schema, {0}, 6).queries == 0);
}

}  // namespace
}  // namespace perigee::tools::inspect
