// SPDX-License-Identifier: Apache-2.0
//
// Goal: whatever is done to a collection in whatever order, it answers what the documentation says.
// Method: seeded random operations on a collection and on the reference model, compared one by one,
// with sealing, compaction and reopening in between; embedded and through a server.
// PERIGEE_TEST_SEED repeats a seed, PERIGEE_TEST_SEEDS asks for more of them.
#include <doctest/doctest.h>

#include <csignal>
#include <cstdlib>

#include "perigee/client/connection.h"
#include "perigee/database.h"
#include "tests/support/program_process.h"
#include "tests/support/reference_comparison.h"
#include "tests/support/temporary_directory.h"

namespace perigee::tests {
namespace {

constexpr int kOperations = 400;

uint64_t EnvironmentNumber(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

std::vector<uint64_t> Seeds(uint64_t count) {
  if (const uint64_t seed = EnvironmentNumber("PERIGEE_TEST_SEED", 0); seed != 0) {
    return {seed};
  }
  std::vector<uint64_t> seeds;
  for (uint64_t i = 1; i <= EnvironmentNumber("PERIGEE_TEST_SEEDS", count); ++i) {
    seeds.push_back(i);
  }
  return seeds;
}

std::unique_ptr<Database> OpenSmall(const std::string& directory, uint64_t seed) {
  OpenOptions options = {.access = Access::Unrestricted()};
  options.io_backend = seed % 2 == 0 ? IoBackend::kPosix : IoBackend::kAuto;
  options.creation = {.log_file_bytes = 64U << 10U, .section_alignment_bytes = 4U << 10U};
  options.growing_segment_bytes_max = 64U << 10U;
  options.log_bytes_max = 512U << 10U;
  auto database = Database::Open(directory, options);
  REQUIRE_MESSAGE(database.ok(), database.status().ToString());
  return *std::move(database);
}

// Writes many points first, so that segments are large enough for graphs.
void Fill(Collection& collection, ReferenceCollection& reference, OperationStream& stream,
          int batches) {
  for (int i = 0; i < batches; ++i) {
    UpsertRequest request;
    std::set<std::string> used;
    for (int j = 0; j < 200; ++j) {
      Point point = stream.NextPoint();
      if (used.insert(point.id.Encode()).second) {
        request.points.push_back(std::move(point));
      }
    }
    REQUIRE(reference.Upsert(request) == absl::StatusCode::kOk);
    const auto written = collection.Upsert(request);
    REQUIRE_MESSAGE(written.ok(), written.status().ToString());
  }
}

void RunEmbedded(uint64_t seed, uint32_t ids, int fill_batches) {
  CAPTURE(seed);
  const storage::TemporaryDirectory directory;
  const std::string path = directory.PathOf("db");
  OperationStream stream(SystemTestSchema(), {.seed = seed, .ids = ids});
  ReferenceCollection reference(SystemTestSchema());
  std::unique_ptr<Database> database = OpenSmall(path, seed);
  REQUIRE(database->CreateCollection("docs", SystemTestSchema()).ok());
  for (int operation = 0; operation < kOperations;) {
    Collection collection = *database->OpenCollection("docs");
    if (operation == 0) {
      Fill(collection, reference, stream, fill_batches);
    }
    ReferenceComparison<Collection> comparison(collection, reference, stream);
    for (int i = 0; i < 40; ++i, ++operation) {
      comparison.Step();
    }
    switch (stream.Below(4)) {
      case 0:
        REQUIRE(collection.Flush().ok());
        break;
      case 1:
        REQUIRE(collection.Optimize().ok());
        break;
      case 2:
        if (stream.Below(2) == 0) {
          REQUIRE(database->Close().ok());
        }
        database.reset();
        database = OpenSmall(path, seed);
        break;
      default:
        break;
    }
    ReferenceComparison<Collection>(*database->OpenCollection("docs"), reference, stream)
        .CompareWhole();
  }
}

TEST_CASE("random operations embedded agree with the reference") {
  for (const uint64_t seed : Seeds(12)) {
    RunEmbedded(seed, 500, 0);
  }
}

TEST_SUITE("slow") {
  TEST_CASE("random operations on segments with graphs agree with the reference") {
    for (const uint64_t seed : Seeds(6)) {
      RunEmbedded(seed, 6'000, 40);
    }
  }

  TEST_CASE("random operations through a server agree with the reference") {
    for (const uint64_t seed : Seeds(4)) {
      CAPTURE(seed);
      const storage::TemporaryDirectory directory;
      const std::string path = directory.PathOf("db");
      OperationStream stream(SystemTestSchema(), {.seed = seed});
      ReferenceCollection reference(SystemTestSchema());
      for (int round = 0; round < 4; ++round) {
        ServerProcess server(path, {.io_backend = round % 2 == 0 ? "auto" : "posix"});
        const auto connection = client::Connection::Open(server.address(), {});
        REQUIRE_MESSAGE(connection.ok(), connection.status().ToString());
        if (round == 0) {
          REQUIRE((*connection)->CreateCollection("docs", SystemTestSchema()).ok());
        }
        ReferenceComparison<client::RemoteCollection> comparison(
            *(*connection)->OpenCollection("docs"), reference, stream);
        for (int i = 0; i < kOperations / 4; ++i) {
          comparison.Step();
        }
        comparison.CompareWhole();
        server.process().Signal(SIGTERM);
        CHECK(server.process().Wait() == 0);
      }
    }
  }
}

}  // namespace
}  // namespace perigee::tests
