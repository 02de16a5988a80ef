// SPDX-License-Identifier: Apache-2.0
//
// Goal: a process that is killed with -9 loses no acknowledged write, resurrects nothing, keeps
// batches whole, and opens again. Method: writers record outside the killed process what they
// intend and what was acknowledged; after each kill every writer's points are those of all
// acknowledged operations, with or without the one in flight, and nothing else. Never the smaller
// of what is there and what was acknowledged. PERIGEE_TEST_KILLS asks for more rounds.
#include <doctest/doctest.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "perigee/client/connection.h"
#include "perigee/database.h"
#include "tests/support/operation_stream.h"
#include "tests/support/program_process.h"
#include "tests/support/reference_collection.h"
#include "tests/support/temporary_directory.h"

namespace perigee::tests {
namespace {

int Rounds(int otherwise) {
  const char* text = std::getenv("PERIGEE_TEST_KILLS");
  return text == nullptr ? otherwise : std::atoi(text);
}

// What one writer did: its points after everything acknowledged, and the operation whose fate is
// open.
struct WriterRecord {
  WriterRecord(uint64_t seed, int number)
      : prefix("w" + std::to_string(number) + "-"),
        stream(SystemTestSchema(), {.seed = seed, .id_prefix = prefix, .ids = 60}),
        acknowledged(SystemTestSchema()) {}

  std::string prefix;
  OperationStream stream;
  ReferenceCollection acknowledged;
  std::optional<WriteOperation> in_flight;
  uint64_t acknowledged_count = 0;
};

void ApplyTo(ReferenceCollection& points, const WriteOperation& operation) {
  if (const auto* upsert = std::get_if<UpsertRequest>(&operation)) {
    points.Upsert(*upsert);
  } else {
    points.Delete(std::get<DeleteRequest>(operation));
  }
}

// Writes until the server is gone.
void WriteUntilKilled(const std::string& address, WriterRecord& record) {
  const auto connection = client::Connection::Open(address, {});
  if (!connection.ok()) {
    return;
  }
  auto collection = (*connection)->OpenCollection("docs");
  if (!collection.ok()) {
    return;
  }
  while (true) {
    record.in_flight = record.stream.NextWrite();
    absl::Status status;
    if (const auto* upsert = std::get_if<UpsertRequest>(&*record.in_flight)) {
      status = collection->Upsert(*upsert).status();
    } else {
      status = collection->Delete(std::get<DeleteRequest>(*record.in_flight)).status();
    }
    if (status.code() == absl::StatusCode::kUnavailable ||
        status.code() == absl::StatusCode::kInternal) {
      return;  // the fate of in_flight is open
    }
    if (status.ok()) {
      ApplyTo(record.acknowledged, *record.in_flight);
    }
    ++record.acknowledged_count;
    record.in_flight.reset();
  }
}

// All points whose id begins with `prefix`, by scrolling.
template <typename Handle>
std::map<std::string, Point> Stored(Handle& collection) {
  std::map<std::string, Point> points;
  ScrollRequest request;
  request.limit = 500;
  request.with_vectors.kind = VectorSelector::Kind::kAll;
  do {
    const auto page = collection.Scroll(request);
    REQUIRE_MESSAGE(page.ok(), page.status().ToString());
    for (const Point& point : page->points) {
      points[point.id.Encode()] = point;
    }
    request.cursor = page->next_cursor;
  } while (!request.cursor.empty());
  return points;
}

std::map<std::string, Point> OfWriter(const std::map<std::string, Point>& all,
                                      const std::string& prefix) {
  std::map<std::string, Point> points;
  for (const auto& [encoded, point] : all) {
    if (point.id.string().compare(0, prefix.size(), prefix) == 0) {
      points[encoded] = point;
    }
  }
  return points;
}

// The stored points are exactly one of the two allowed states; the record goes on from it.
void CheckAndAdopt(const std::map<std::string, Point>& stored, WriterRecord& record) {
  if (stored == record.acknowledged.points()) {
    record.in_flight.reset();
    return;
  }
  REQUIRE_MESSAGE(record.in_flight.has_value(), "writer ", record.prefix,
                  " lost or gained points after ", record.acknowledged_count,
                  " acknowledged operations");
  ApplyTo(record.acknowledged, *record.in_flight);
  record.in_flight.reset();
  REQUIRE_MESSAGE(stored == record.acknowledged.points(), "writer ", record.prefix,
                  " has neither the acknowledged state nor that with the operation in flight");
}

void KillServerLoop(const std::string& io_backend, int rounds, uint64_t seed) {
  CAPTURE(seed);
  const storage::TemporaryDirectory directory;
  const std::string path = directory.PathOf("db");
  std::vector<std::unique_ptr<WriterRecord>> records;
  for (int i = 0; i < 4; ++i) {
    records.push_back(std::make_unique<WriterRecord>(seed * 100 + static_cast<uint64_t>(i), i));
  }
  std::mt19937_64 random(seed);
  uint64_t acknowledged = 0;
  for (int round = 0; round <= rounds; ++round) {
    CAPTURE(round);
    ServerProcess server(path, {.io_backend = io_backend});
    const auto connection = client::Connection::Open(server.address(), {});
    REQUIRE_MESSAGE(connection.ok(), connection.status().ToString());
    if (round == 0) {
      REQUIRE((*connection)->CreateCollection("docs", SystemTestSchema()).ok());
    }
    auto collection = (*connection)->OpenCollection("docs");
    REQUIRE_MESSAGE(collection.ok(), collection.status().ToString());
    const auto all = Stored(*collection);
    size_t owned = 0;
    for (const auto& record : records) {
      const auto points = OfWriter(all, record->prefix);
      owned += points.size();
      CheckAndAdopt(points, *record);
    }
    CHECK(owned == all.size());
    if (round == rounds) {
      server.process().Signal(SIGTERM);
      CHECK(server.process().Wait() == 0);
      break;
    }
    std::vector<std::thread> writers;
    for (const auto& record : records) {
      writers.emplace_back([&server, &record] { WriteUntilKilled(server.address(), *record); });
    }
    if (round % 3 == 2) {
      (void)collection->Flush();  // be in the middle of sealing too
    }
    absl::SleepFor(absl::Milliseconds(static_cast<int64_t>(20 + random() % 300)));
    server.process().Signal(SIGKILL);
    server.process().Wait();
    for (std::thread& writer : writers) {
      writer.join();
    }
  }
  for (const auto& record : records) {
    acknowledged += record->acknowledged_count;
  }
  MESSAGE(io_backend, ": ", rounds, " kills, ", acknowledged, " operations answered");
  CHECK(acknowledged > static_cast<uint64_t>(rounds));
}

TEST_SUITE("system kill") {
  TEST_CASE("a server killed under load loses nothing - io_uring where the kernel allows it") {
    KillServerLoop("auto", Rounds(30), 11);
  }

  TEST_CASE("a server killed under load loses nothing - posix") {
    KillServerLoop("posix", Rounds(10), 12);
  }

  TEST_CASE("an embedded host killed while it writes loses nothing") {
    const storage::TemporaryDirectory directory;
    const std::string path = directory.PathOf("db");
    const uint64_t seed = 13;
    // The child applies operation after operation of one stream and says which it was answered; the
    // same stream here gives the state after any number of them.
    OperationStream stream(SystemTestSchema(), {.seed = seed, .ids = 200});
    ReferenceCollection state(SystemTestSchema());
    uint64_t applied = 0;
    std::mt19937_64 random(seed);
    const int rounds = Rounds(30);
    for (int round = 0; round < rounds; ++round) {
      CAPTURE(round);
      ProgramProcess child(
          "perigee_embedded_writer",
          {path, std::to_string(seed), std::to_string(applied), round % 2 == 0 ? "auto" : "posix"},
          directory.PathOf("writer.log"));
      REQUIRE(child.ReadLine() == "ready");
      absl::SleepFor(absl::Milliseconds(static_cast<int64_t>(5 + random() % 150)));
      child.Signal(SIGKILL);
      uint64_t answered = applied;
      while (const std::optional<std::string> line = child.ReadLine()) {
        answered = std::strtoull(line->c_str(), nullptr, 10);
      }
      child.Wait();
      while (applied < answered) {
        ApplyTo(state, stream.NextWrite());
        ++applied;
      }
      auto database = Database::Open(path, {.access = Access::Unrestricted()});
      REQUIRE_MESSAGE(database.ok(), database.status().ToString());
      auto collection = (*database)->OpenCollection("docs");
      REQUIRE(collection.ok());
      const auto stored = Stored(*collection);
      if (stored != state.points()) {
        ApplyTo(state, stream.NextWrite());
        ++applied;
        REQUIRE(stored == state.points());
      }
    }
    CHECK(applied > static_cast<uint64_t>(rounds));
  }
}

}  // namespace
}  // namespace perigee::tests
