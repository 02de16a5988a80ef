// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/engine_state.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <thread>

#include "storage/foundation/error_reason.h"

namespace perigee::engine {
namespace {

TEST_CASE("a fresh state reads and writes") {
  const EngineState state({.epoch = 3});
  CHECK(state.CheckOpen().ok());
  CHECK(state.CheckWritable().ok());
  CHECK(state.storage_error().ok());
  CHECK(state.epoch() == 3);
}

TEST_CASE("a read-only state reads") {
  const EngineState state({.read_only = true});
  CHECK(state.CheckOpen().ok());
  CHECK(GetErrorReason(state.CheckWritable()) == ErrorReason::kReadOnly);
}

TEST_CASE("a failure stops writes, is told once and keeps its first cause") {
  int calls = 0;
  EngineState state({.on_storage_failed = [&calls](const absl::Status&) { ++calls; }});
  state.Fail(absl::UnavailableError("first"));
  state.Fail(absl::UnavailableError("second"));
  CHECK(calls == 1);
  CHECK(state.CheckOpen().ok());
  CHECK(GetErrorReason(state.CheckWritable()) == ErrorReason::kStorageFailed);
  CHECK(std::string(state.storage_error().message()).find("first") != std::string::npos);
}

TEST_CASE("closing is final and happens once") {
  EngineState state({});
  CHECK(state.MarkClosed());
  CHECK_FALSE(state.MarkClosed());
  CHECK(state.CheckOpen().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(state.CheckWritable().code() == absl::StatusCode::kFailedPrecondition);
}

TEST_CASE("closing waits for work in progress and admits no more") {
  EngineState state({});
  std::atomic<bool> done = false;
  std::optional<WorkPermit> permit(state.BeginWork().value());
  std::thread closer([&] {
    state.MarkClosed();
    state.WaitIdle();
    CHECK(done.load());
  });
  while (!state.closed()) {
    std::this_thread::yield();
  }
  CHECK(state.BeginWork().status().code() == absl::StatusCode::kFailedPrecondition);
  done.store(true);
  permit.reset();
  closer.join();
}

TEST_CASE("a forked child may use nothing") {
  const EngineState state({});
  const pid_t child = fork();
  if (child == 0) {
    const bool refused = state.forked() && !state.CheckOpen().ok() && !state.CheckWritable().ok();
    _exit(refused ? 0 : 1);
  }
  REQUIRE(child > 0);
  int outcome = -1;
  REQUIRE(waitpid(child, &outcome, 0) == child);
  CHECK(outcome == 0);
  CHECK(state.CheckOpen().ok());
}

}  // namespace
}  // namespace perigee::engine
