// SPDX-License-Identifier: Apache-2.0
#include "engine/collection/load_progress.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace perigee::engine {
namespace {

TEST_CASE("a collection that nothing is loaded for has every part") {
  const LoadProgress load;
  CHECK(load.Has(kAllLoaded));
  CHECK(load.InWords().empty());
  CHECK(load.Wait(kAllLoaded, {}).ok());
}

TEST_CASE("the words name the first part that is missing") {
  LoadProgress load;
  load.Begin();
  CHECK(load.InWords() == "loading: ids");
  load.Finish(kVectorsLoaded);
  CHECK(load.InWords() == "loading: ids");
  load.Finish(kIdsLoaded);
  CHECK(load.InWords() == "loading: payloads");
  CHECK(load.Has(kIdsLoaded | kVectorsLoaded));
  CHECK_FALSE(load.Has(kSourceLoaded));
  load.Finish(kPayloadLoaded);
  CHECK(load.InWords() == "loading: indexes; vectors are compared one by one");
  load.Finish(kIndexesLoaded);
  CHECK(load.InWords().empty());
}

TEST_CASE("a wait ends with its deadline or its flag") {
  LoadProgress load;
  load.Begin();
  CHECK(load.Wait(kIdsLoaded, Cancellation::After(std::chrono::milliseconds(1))).code() ==
        absl::StatusCode::kDeadlineExceeded);
  const std::atomic<bool> stop = true;
  CHECK(load.Wait(kIdsLoaded, Cancellation::OnFlag(&stop)).code() == absl::StatusCode::kCancelled);
}

TEST_SUITE("concurrency") {
  TEST_CASE("waiting threads see what was loaded before the part was finished") {
    LoadProgress load;
    load.Begin();
    int loaded = 0;
    int seen = 0;
    std::thread reader([&] {
      if (load.Wait(kPayloadLoaded, {}).ok()) {
        seen = loaded;
      }
    });
    loaded = 7;
    load.Finish(kPayloadLoaded);
    reader.join();
    CHECK(seen == 7);
  }

  TEST_CASE("a flag that is set wakes the wait when it is told to") {
    LoadProgress load;
    load.Begin();
    std::atomic<bool> stop = false;
    absl::Status answer;
    std::thread reader([&] { answer = load.Wait(kIdsLoaded, Cancellation::OnFlag(&stop)); });
    stop.store(true);
    load.Wake();
    reader.join();
    CHECK(answer.code() == absl::StatusCode::kCancelled);
  }
}

}  // namespace
}  // namespace perigee::engine
