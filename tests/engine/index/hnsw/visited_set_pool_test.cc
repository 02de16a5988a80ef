// SPDX-License-Identifier: Apache-2.0
#include "engine/index/hnsw/visited_set_pool.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

namespace perigee::engine {
namespace {

TEST_CASE("a borrowed set is empty through every turn of its epoch") {
  VisitedSetPool pool(10);
  for (int i = 0; i < 1000; ++i) {
    const VisitedSetPool::Lease set = pool.Borrow();
    const auto row = static_cast<uint32_t>(i % 10);
    for (uint32_t other = 0; other < 10; ++other) {
      REQUIRE_FALSE(set->Contains(other));
    }
    REQUIRE(set->Insert(row));
    REQUIRE_FALSE(set->Insert(row));
    REQUIRE(set->Contains(row));
  }
  CHECK(pool.memory_bytes() == 10);
}

TEST_CASE("leases that live at the same time are different sets - few are kept") {
  VisitedSetPool pool(4);
  {
    std::vector<VisitedSetPool::Lease> leases;
    for (size_t i = 0; i < VisitedSetPool::kKeptMax + 5; ++i) {
      leases.push_back(pool.Borrow());
      CHECK(leases.back()->Insert(3));
    }
    VisitedSetPool::Lease moved = std::move(leases.back());
    CHECK(moved->Contains(3));
  }
  CHECK(pool.memory_bytes() == 4 * VisitedSetPool::kKeptMax);
}

TEST_CASE("threads share a pool" * doctest::test_suite("concurrency")) {
  VisitedSetPool pool(64);
  std::atomic<uint64_t> wrong{0};
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        const VisitedSetPool::Lease set = pool.Borrow();
        wrong += set->Insert(t) && !set->Insert(t) && !set->Contains(t + 4) ? 0 : 1;
        set->Insert(t + 4);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace perigee::engine
