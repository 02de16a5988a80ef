// SPDX-License-Identifier: Apache-2.0
#include "storage/io/io_watch.h"

#include <doctest/doctest.h>

#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/time/clock.h"

namespace perigee::storage {
namespace {

TEST_CASE("the oldest call that has not come back is seen, with its place") {
  IoWatch watch;
  CHECK_FALSE(watch.Oldest().has_value());
  {
    const IoWatch::Call old_call(&watch, "sync", {.file = "log.cc", .line = 7});
    absl::SleepFor(absl::Milliseconds(2));
    {
      const IoWatch::Call young_call(&watch, "read", {.file = "segment.cc", .line = 9});
      const auto oldest = watch.Oldest();
      REQUIRE(oldest.has_value());
      CHECK(oldest->call == "sync");
      CHECK(std::string_view(oldest->site.file) == "log.cc");
      CHECK(oldest->site.line == 7);
      CHECK(oldest->age >= absl::Milliseconds(2));
    }
    CHECK(watch.Oldest()->call == "sync");
  }
  CHECK_FALSE(watch.Oldest().has_value());
  const IoWatch::Call unwatched(nullptr, "read", {});
}

TEST_CASE("more calls than places do no harm") {
  IoWatch watch;
  std::vector<std::unique_ptr<IoWatch::Call>> calls;
  for (size_t i = 0; i < 2 * IoWatch::kSlots; ++i) {
    calls.push_back(std::make_unique<IoWatch::Call>(&watch, "read", IoSite{}));
  }
  CHECK(watch.Oldest().has_value());
  calls.clear();
  CHECK_FALSE(watch.Oldest().has_value());
}

TEST_SUITE("concurrency") {
  TEST_CASE("calls of many threads are noted and forgotten while somebody looks") {
    IoWatch watch;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&watch] {
        for (int round = 0; round < 2'000; ++round) {
          const IoWatch::Call call(&watch, "write", IoSite::Here());
        }
      });
    }
    for (int round = 0; round < 200; ++round) {
      const auto oldest = watch.Oldest();
      CHECK((!oldest.has_value() || oldest->call == "write"));
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    CHECK_FALSE(watch.Oldest().has_value());
  }
}

}  // namespace
}  // namespace perigee::storage
