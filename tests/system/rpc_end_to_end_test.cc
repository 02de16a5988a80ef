// SPDX-License-Identifier: Apache-2.0
//
// Goal: a program that changes from embedded to server changes the line that opens and nothing
// else. Method: the same random operations on an embedded database and, through perigeed as a
// process of its own, on a served one; every answer compared. Then many clients at once, a drain
// under load and a client that outlives its server. PERIGEE_TEST_SEED repeats a seed.
#include <doctest/doctest.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "perigee/client/connection.h"
#include "perigee/database.h"
#include "storage/foundation/error_reason.h"
#include "tests/support/operation_stream.h"
#include "tests/support/program_process.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_seed.h"

namespace perigee::tests {
namespace {

constexpr int kOperations = 300;

void SameStatus(const absl::Status& remote, const absl::Status& local) {
  REQUIRE_MESSAGE(remote.code() == local.code(), "remote ", remote.ToString(), "; local ",
                  local.ToString());
  CHECK(GetErrorReason(remote) == GetErrorReason(local));
  CHECK(std::string(remote.message()) == std::string(local.message()));
}

template <typename T>
bool BothOk(const absl::StatusOr<T>& remote, const absl::StatusOr<T>& local) {
  SameStatus(remote.status(), local.status());
  return local.ok();
}

// Sequence numbers run alike on both sides, so they are compared too.
class BothSides {
 public:
  BothSides(client::RemoteCollection remote, Collection local)
      : remote_(std::move(remote)), local_(std::move(local)) {}

  void Write(const WriteOperation& operation) {
    const auto write = [&operation](auto& side) {
      const auto* upsert = std::get_if<UpsertRequest>(&operation);
      return upsert != nullptr ? side.Upsert(*upsert)
                               : side.Delete(std::get<DeleteRequest>(operation));
    };
    const auto remote = write(remote_);
    const auto local = write(local_);
    if (BothOk(remote, local)) {
      CHECK(remote->affected == local->affected);
      CHECK(remote->seq == local->seq);
      CHECK(remote->epoch == local->epoch);
      CHECK(remote->durability == local->durability);
    }
  }

  void Query(const perigee::Query& query) {
    const auto remote = remote_.Query(query);
    const auto local = local_.Query(query);
    if (BothOk(remote, local)) {
      CompareAnswers(*remote, *local);
    }
    const auto remote_plan = remote_.Explain(query);
    const auto local_plan = local_.Explain(query);
    if (BothOk(remote_plan, local_plan)) {
      CHECK(remote_plan->using_vector == local_plan->using_vector);
      CHECK(remote_plan->metric == local_plan->metric);
      CHECK(remote_plan->filter_text == local_plan->filter_text);
      CHECK(remote_plan->segments.size() == local_plan->segments.size());
    }
  }

  void QueryBatch(const std::vector<perigee::Query>& queries) {
    const auto remote = remote_.QueryBatch(queries);
    const auto local = local_.QueryBatch(queries);
    if (BothOk(remote, local)) {
      REQUIRE(remote->size() == local->size());
      for (size_t i = 0; i < local->size(); ++i) {
        CompareAnswers((*remote)[i], (*local)[i]);
      }
    }
  }

  void Read(const std::optional<Filter>& filter, const std::vector<PointId>& ids) {
    const auto remote_count = remote_.Count({.filter = filter});
    const auto local_count = local_.Count({.filter = filter});
    if (BothOk(remote_count, local_count)) {
      CHECK(remote_count->count == local_count->count);
      CHECK(remote_count->filter_scanned == local_count->filter_scanned);
      CHECK(remote_count->seq == local_count->seq);
    }
    GetRequest get = {.ids = ids};
    get.with_vectors.kind = VectorSelector::Kind::kAll;
    const auto remote_points = remote_.Get(get);
    const auto local_points = local_.Get(get);
    if (BothOk(remote_points, local_points)) {
      CHECK(remote_points->points == local_points->points);
    }
    ScrollRequest scroll = {.limit = 17, .filter = filter};
    const auto remote_page = remote_.Scroll(scroll);
    const auto local_page = local_.Scroll(scroll);
    if (BothOk(remote_page, local_page)) {
      CHECK(remote_page->points == local_page->points);
      CHECK(remote_page->next_cursor.empty() == local_page->next_cursor.empty());
    }
  }

  void Describe() {
    const auto remote = remote_.Describe();
    const auto local = local_.Describe();
    REQUIRE(BothOk(remote, local));
    CHECK(remote->name == local->name);
    CHECK(remote->schema == local->schema);
    CHECK(remote->points == local->points);
  }

 private:
  static void CompareAnswers(const QueryResult& remote, const QueryResult& local) {
    REQUIRE(remote.hits.size() == local.hits.size());
    for (size_t i = 0; i < local.hits.size(); ++i) {
      CHECK(remote.hits[i] == local.hits[i]);
    }
    CHECK(remote.exact == local.exact);
    CHECK(remote.plan == local.plan);
    CHECK(remote.coverage == local.coverage);
    CHECK(remote.usage.distances == local.usage.distances);
    CHECK(remote.seq == local.seq);
    CHECK(remote.epoch == local.epoch);
  }

  client::RemoteCollection remote_;
  Collection local_;
};

TEST_SUITE("system") {
  TEST_CASE("embedded and served databases answer every call alike") {
    const uint64_t seed = TestSeed(31);
    CAPTURE(seed);
    const storage::TemporaryDirectory directory;
    ServerProcess server(directory.PathOf("served"), {});
    const auto connection = client::Connection::Open(server.address(), {});
    REQUIRE_MESSAGE(connection.ok(), connection.status().ToString());
    const auto database =
        Database::Open(directory.PathOf("embedded"), {.access = Access::Unrestricted()});
    REQUIRE_MESSAGE(database.ok(), database.status().ToString());
    BothSides both(*(*connection)->CreateCollection("docs", SystemTestSchema()),
                   *(*database)->CreateCollection("docs", SystemTestSchema()));
    OperationStream stream(SystemTestSchema(), {.seed = seed, .ids = 200});
    for (int i = 0; i < kOperations; ++i) {
      CAPTURE(i);
      both.Write(stream.NextWrite());
      both.Query(stream.NextQuery());
      if (i % 10 == 0) {
        both.QueryBatch({stream.NextQuery(), stream.NextQuery(), stream.NextQuery()});
        both.Read(stream.NextFilter(), {stream.NextId(), stream.NextId()});
        both.Read(std::nullopt, {stream.NextId()});
        both.Describe();
      }
    }
  }

  TEST_CASE("a hundred clients at once are all served") {
    const storage::TemporaryDirectory directory;
    ServerProcess server(directory.PathOf("db"), {});
    const auto connection = client::Connection::Open(server.address(), {});
    REQUIRE(connection.ok());
    REQUIRE((*connection)->CreateCollection("docs", SystemTestSchema()).ok());
    std::atomic<int> failures = 0;
    std::vector<std::thread> threads;
    for (uint64_t i = 0; i < 100; ++i) {
      threads.emplace_back([&server, &failures, i]() {
        const auto own = client::Connection::Open(server.address(), {.connect_timeout_ms = 60'000});
        if (!own.ok()) {
          MESSAGE(own.status().ToString());
          ++failures;
          return;
        }
        auto docs = (*own)->OpenCollection("docs");
        OperationStream stream(SystemTestSchema(),
                               {.seed = i, .id_prefix = "c" + std::to_string(i) + "-", .ids = 10});
        UpsertRequest request;
        request.points.push_back(stream.NextPoint());
        for (int round = 0; round < 5; ++round) {
          const bool ok = docs.ok() && docs->Upsert(request).ok() &&
                          docs->Get({.ids = {request.points[0].id}})->points.size() == 1;
          failures += ok ? 0 : 1;
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    CHECK(failures == 0);
    CHECK((*connection)->OpenCollection("docs")->Count({})->count == 100);
  }

  TEST_CASE("a server that is told to end under load acknowledges all that it did") {
    const storage::TemporaryDirectory directory;
    const std::string path = directory.PathOf("db");
    std::vector<std::atomic<uint64_t>> acknowledged(4);
    {
      ServerProcess server(path, {});
      const auto connection = client::Connection::Open(server.address(), {});
      REQUIRE((*connection)->CreateCollection("docs", SystemTestSchema()).ok());
      std::vector<std::thread> writers;
      for (uint64_t writer = 0; writer < acknowledged.size(); ++writer) {
        writers.emplace_back([&, writer]() {
          const auto own = client::Connection::Open(server.address(), {});
          auto docs = (*own)->OpenCollection("docs");
          OperationStream stream(SystemTestSchema(), {.seed = writer});
          for (uint64_t i = 0;; ++i) {
            Point point = stream.NextPoint();
            point.id = writer * 1'000'000 + i;
            UpsertRequest request;
            request.points.push_back(std::move(point));
            const absl::Status status = docs->Upsert(request).status();
            if (!status.ok()) {
              CHECK_MESSAGE(status.code() == absl::StatusCode::kUnavailable, status.ToString());
              return;
            }
            ++acknowledged[writer];
          }
        });
      }
      while (acknowledged[0] < 20 || acknowledged[3] < 20) {
        std::this_thread::yield();
      }
      server.process().Signal(SIGTERM);
      CHECK(server.process().Wait() == 0);
      for (std::thread& writer : writers) {
        writer.join();
      }
    }
    const auto database = Database::Open(path, {.access = Access::Unrestricted()});
    REQUIRE_MESSAGE(database.ok(), database.status().ToString());
    // A drain lets the answers leave: nothing was done whose writer does not know it.
    uint64_t sum = 0;
    for (const auto& count : acknowledged) {
      sum += count;
    }
    CHECK((*database)->OpenCollection("docs")->Count({})->count == sum);
  }

  TEST_CASE("a client outlives the server process") {
    const storage::TemporaryDirectory directory;
    const std::string path = directory.PathOf("db");
    std::optional<ServerProcess> server;
    server.emplace(path, ServerProcess::Options{});
    const auto connection = client::Connection::Open(server->address(), {});
    auto docs = *(*connection)->CreateCollection("docs", SystemTestSchema());
    OperationStream stream(SystemTestSchema(), {.seed = 5});
    UpsertRequest request;
    request.points.push_back(stream.NextPoint());
    for (int round = 0; round < 3; ++round) {
      REQUIRE(docs.Upsert(request).ok());
      server->process().Signal(round % 2 == 0 ? SIGKILL : SIGTERM);
      server->process().Wait();
      CHECK(docs.Count({}).status().code() == absl::StatusCode::kUnavailable);
      server.reset();
      server.emplace(path, ServerProcess::Options{});
      CHECK(docs.Count({})->count == 1);
    }
  }
}

}  // namespace
}  // namespace perigee::tests
