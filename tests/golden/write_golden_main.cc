// SPDX-License-Identifier: Apache-2.0
//
// perigee_write_golden DIR: writes the golden directories of the current format below DIR, which
// must not exist, each with the content that later versions must read from it. README.md says what
// they are for.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "perigee/model/exit_code.h"
#include "tests/golden/golden_recorder.h"

namespace perigee::tests {
namespace {

// Everything is a multiple of a quarter, so that f16 holds it exactly.
float Quarter(uint64_t seed) { return static_cast<float>(seed * 37 % 200) / 4 - 25; }

std::vector<float> Values(uint64_t seed, uint32_t dimension) {
  std::vector<float> values;
  for (uint32_t i = 0; i < dimension; ++i) {
    values.push_back(Quarter(seed * 11 + i * 7));
  }
  values[0] += 0.25F;  // no zero vectors
  return values;
}

// Payloads of every type in turn.
Payload PayloadOf(uint64_t seed, int64_t version) {
  switch (seed % 8) {
    case 0:
      return {};
    case 1:
      return {{"nothing", PayloadValue()}, {"version", version}};
    case 2:
      return {{"yes", true}, {"no", false}};
    case 3:
      return {{"smallest", std::numeric_limits<int64_t>::min()},
              {"largest", std::numeric_limits<uint64_t>::max()},
              {"version", version}};
    case 4:
      return {{"whole", 1.0}, {"tiny", 5e-324}, {"huge", -1.7976931348623157e308}};
    case 5:
      return {{"text", "naïve – 日本語 🌍\n\"quoted\""}, {"empty", ""}};
    case 6:
      return {{"list", PayloadArray{1, "a", PayloadValue(), PayloadArray{2.5, false}}}};
    default:
      return {{"in", PayloadObject{{"depth", PayloadObject{{"two", version}}}, {"x", -7}}}};
  }
}

PointId IdOf(uint64_t number) {
  return number % 5 == 4 ? PointId(absl::StrCat("é-", number)) : PointId(number);
}

std::vector<Point> PlainPoints(uint64_t first, uint64_t count, int64_t version) {
  std::vector<Point> points;
  for (uint64_t number = first; number < first + count; ++number) {
    const uint64_t seed = number + static_cast<uint64_t>(version) * 1'000;
    points.push_back({.id = IdOf(number),
                      .vectors = {{"", Values(seed, 4)}},
                      .payload = PayloadOf(number, version)});
  }
  return points;
}

CollectionSchema PlainSchema(DistanceMetric metric) {
  return {.vectors = {{.dimension = 4, .metric = metric, .hnsw = {.m = 4, .ef_construction = 20}}}};
}

std::vector<Point> NamedPoints(uint64_t first, uint64_t count, int64_t version) {
  std::vector<Point> points;
  for (uint64_t number = first; number < first + count; ++number) {
    const uint64_t seed = number * 3 + static_cast<uint64_t>(version) * 1'000;
    Point point{.id = IdOf(number), .vectors = {}, .payload = PayloadOf(number, version)};
    point.vectors["half"] = Values(seed, 6);
    if (number % 3 != 0) {
      point.vectors["whole"] = Values(seed + 1, 3);
    }
    points.push_back(std::move(point));
  }
  return points;
}

CollectionSchema NamedSchema() {
  return {.vectors = {{.name = "half",
                       .dimension = 6,
                       .metric = DistanceMetric::kCosine,
                       .element = VectorElement::kFloat16,
                       .hnsw = {.m = 4, .ef_construction = 20}},
                      {.name = "whole", .dimension = 3, .metric = DistanceMetric::kDot}}};
}

engine::EngineTuning Tuning() {
  engine::EngineTuning tuning;
  tuning.index_rows_min = 64;
  tuning.manifest_rollover_edits = 4;
  tuning.seal_retry_pauses = {};
  tuning.durable_mark_after = absl::InfiniteDuration();
  tuning.log_preallocation = false;
  return tuning;
}

// One segment with deletions, a tail in the log, a clean end.
void WriteCleanClose(const std::string& directory) {
  GoldenRecorder golden(Tuning());
  golden.Open();
  golden.Create("plain", PlainSchema(DistanceMetric::kL2));
  golden.Upsert("plain", PlainPoints(1, 30, 1));
  golden.Flush("plain");
  golden.Delete("plain", {3, IdOf(4), 9});
  golden.Upsert("plain", PlainPoints(10, 3, 2));
  golden.Close();
  golden.WriteTo(directory);
}

// Two epochs, killed in the second: the log is to be replayed, an attached load with it.
void WriteKilled(const std::string& directory) {
  GoldenRecorder golden(Tuning());
  golden.Open();
  golden.Create("plain", PlainSchema(DistanceMetric::kCosine));
  golden.Upsert("plain", PlainPoints(1, 20, 1));
  golden.Close();
  golden.Open();
  golden.Upsert("plain", PlainPoints(15, 10, 2));
  golden.Load("plain", PlainPoints(20, 12, 3));
  golden.Delete("plain", {1, 22, IdOf(14)});
  golden.Create("unsealed", PlainSchema(DistanceMetric::kDot));
  golden.Upsert("unsealed", PlainPoints(1, 5, 1));
  golden.WriteTo(directory);
}

// Everything that segments have: graphs, f16, absent vectors, all metrics, deletion files of
// several generations, a compaction whose old files are still there, a manifest that went on.
void WriteSegmentsAndDeletions(const std::string& directory) {
  GoldenRecorder golden(Tuning());
  golden.Open();
  golden.Create("named", NamedSchema());
  golden.Create("plain", PlainSchema(DistanceMetric::kL2));
  golden.Upsert("named", NamedPoints(1, 70, 1));
  golden.Flush("named");
  golden.Upsert("named", NamedPoints(60, 20, 2));
  golden.Delete("named", {1, 2, IdOf(9)});
  golden.Flush("named");
  golden.Delete("named", {61, 62});
  golden.Flush("named");
  golden.Load("plain", PlainPoints(1, 70, 1));
  golden.Upsert("plain", PlainPoints(5, 4, 2));
  golden.Flush("plain");
  golden.Close();
  golden.Open();
  golden.OptimizeKeepingFiles("named");
  golden.Upsert("named", NamedPoints(100, 3, 3));
  golden.Delete("named", {70});
  golden.Close();
  golden.WriteTo(directory);
}

// The power went while the last group was being written.
void WriteTornTail(const std::string& directory) {
  GoldenRecorder golden(Tuning());
  golden.Open();
  golden.Create("plain", PlainSchema(DistanceMetric::kDot));
  golden.Upsert("plain", PlainPoints(1, 10, 1));
  golden.Flush("plain");
  golden.Upsert("plain", PlainPoints(5, 10, 2));
  golden.TearUpsert("plain", PlainPoints(1, 60, 9));
  golden.WriteTo(directory);
}

}  // namespace
}  // namespace perigee::tests

int main(int argc, char** argv) {
  namespace tests = perigee::tests;
  if (argc != 2 || std::filesystem::exists(argv[1])) {
    std::fprintf(stderr, "usage: perigee_write_golden DIR (which must not exist)\n");
    return static_cast<int>(perigee::ExitCode::kUsage);
  }
  const std::string root = argv[1];
  tests::WriteCleanClose(root + "/clean-close");
  tests::WriteKilled(root + "/killed");
  tests::WriteSegmentsAndDeletions(root + "/segments-and-deletions");
  tests::WriteTornTail(root + "/torn-tail");
  return 0;
}
