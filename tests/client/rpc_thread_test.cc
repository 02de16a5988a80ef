// SPDX-License-Identifier: Apache-2.0
#include "client/rpc_thread.h"

#include <doctest/doctest.h>

#include <thread>

#include "client/wire/wire_bounds.h"
#include "tests/server/served_database.h"

namespace perigee::client {
namespace {

using server::PlainSchema;
using server::ServedDatabase;

std::shared_ptr<RpcThread> Start(const ServedDatabase& served) {
  auto thread = RpcThread::Start(*ParseServerAddress(served.address()), {});
  REQUIRE_MESSAGE(thread.ok(), thread.status().ToString());
  return *std::move(thread);
}

TEST_CASE("steps run on the thread of the connection") {
  const ServedDatabase served;
  const auto thread = Start(served);
  std::thread::id of_step;
  CHECK(thread
            ->CallSession({},
                          [&of_step](schema::Session::Client session) {
                            of_step = std::this_thread::get_id();
                            return session.whoamiRequest().send().then(
                                [](auto&& /*response*/) { return absl::OkStatus(); });
                          })
            .ok());
  CHECK(of_step != std::this_thread::get_id());
  CHECK(of_step != std::thread::id());
}

TEST_CASE("a step's status is the answer, and its exception a status") {
  const ServedDatabase served;
  const auto thread = Start(served);
  CHECK(thread->CallSession(
            {}, [](const schema::Session::Client& /*session*/) -> kj::Promise<absl::Status> {
              return absl::NotFoundError("x");
            }) == absl::NotFoundError("x"));
  CHECK(thread
            ->CallSession(
                {},
                [](const schema::Session::Client& /*session*/) -> kj::Promise<absl::Status> {
                  return KJ_EXCEPTION(FAILED, "a bug");
                })
            .code() == absl::StatusCode::kInternal);
}

TEST_CASE("reads whose connection fails are tried twice, writes once") {
  const ServedDatabase served;
  const auto thread = Start(served);
  for (const auto kind : {RpcThread::CallKind::kRead, RpcThread::CallKind::kWrite}) {
    int tries = 0;
    const absl::Status status = thread->CallSession(
        {.kind = kind},
        [&tries](const schema::Session::Client& /*session*/) -> kj::Promise<absl::Status> {
          ++tries;
          return KJ_EXCEPTION(DISCONNECTED, "lost");
        });
    CHECK(status.code() == absl::StatusCode::kUnavailable);
    CHECK(tries == (kind == RpcThread::CallKind::kRead ? 2 : 1));
  }
}

TEST_CASE("a step that never ends is over at its time") {
  const ServedDatabase served;
  const auto thread = Start(served);
  CHECK(thread
            ->CallSession({.timeout_ms = 20},
                          [](const schema::Session::Client& /*session*/)
                              -> kj::Promise<absl::Status> { return kj::NEVER_DONE; })
            .code() == absl::StatusCode::kDeadlineExceeded);
}

TEST_CASE("a collection is asked for once and again after it was forgotten") {
  ServedDatabase served;
  REQUIRE(served.database().CreateCollection("docs", PlainSchema()).ok());
  const auto thread = Start(served);
  const auto describe = [](schema::Collection::Client collection) {
    return collection.describeRequest().send().then([](auto&& response) -> absl::Status {
      return response.getResult().isDescription() ? absl::OkStatus()
                                                  : absl::NotFoundError("dropped");
    });
  };
  CHECK(thread->CallCollection({}, "docs", describe).ok());
  REQUIRE(served.database().DropCollection("docs").ok());
  REQUIRE(served.database().CreateCollection("docs", PlainSchema()).ok());
  CHECK(thread->CallCollection({}, "docs", describe).code() == absl::StatusCode::kNotFound);
  thread->ForgetCollection("docs");
  CHECK(thread->CallCollection({}, "docs", describe).ok());
}

}  // namespace
}  // namespace perigee::client
