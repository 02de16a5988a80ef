// SPDX-License-Identifier: Apache-2.0
//
// Goal: a process that is killed with -9 loses no acknowledged write, resurrects nothing, keeps
// batches whole, and opens again. Method: clients record outside the killed process, durably, what
// they intend, what was acknowledged and what they saw; after each kill every writer's points are
// those of all acknowledged operations, with or without the one under way, and nothing else. Never
// the smaller of what is there and what was acknowledged. PERIGEE_TEST_KILLS asks for more rounds,
// PERIGEE_TEST_ORACLE_DIR keeps databases and logs for perigee_oracle_check.
#include <doctest/doctest.h>

#include "tests/support/test_seed.h"
#include "tests/system/kill_loop.h"
#include "tests/system/program_kills.h"

namespace perigee::tests {
namespace {

TEST_SUITE("system kill") {
  TEST_CASE("a server killed under load loses nothing - io_uring where the kernel allows it") {
    RunKillLoop({.io_backend = "auto", .rounds = KillRounds(30), .seed = TestSeed(11)});
  }

  TEST_CASE("a server killed under load loses nothing - posix") {
    RunKillLoop({.io_backend = "posix", .rounds = KillRounds(10), .seed = TestSeed(12)});
  }

  TEST_CASE("an embedded host killed while it writes loses nothing") {
    RunEmbeddedKills({.rounds = KillRounds(30), .seed = TestSeed(13)});
  }

  TEST_CASE("a bulk loader killed at any moment leaves all rows or none") {
    RunLoaderKills({.rounds = KillRounds(15), .seed = TestSeed(14)});
  }
}

}  // namespace
}  // namespace perigee::tests
