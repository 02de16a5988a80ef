// SPDX-License-Identifier: Apache-2.0
//
// Goal: a power cut takes no acknowledged write, nor anything a reader saw, and everything opens
// again. Method: the real server, embedded host and loader run on a PowercutFileSystem, which keeps
// unflushed bytes and names in the process; killing it takes them, all of them or by seed some of
// them. The clients' logs judge as in kill_test.cc. PERIGEE_TEST_KILLS asks for more rounds.
#include <doctest/doctest.h>

#include "tests/support/test_seed.h"
#include "tests/system/kill_loop.h"
#include "tests/system/program_kills.h"

namespace perigee::tests {
namespace {

void PowerCuts(const std::string& io_backend, int rounds, uint64_t seed) {
  RunKillLoop({.io_backend = io_backend, .power_cut = true, .rounds = rounds, .seed = seed});
}

TEST_SUITE("system kill") {
  TEST_CASE("power cuts under load lose nothing - io_uring where the kernel allows it") {
    PowerCuts("auto", KillRounds(20), TestSeed(21));
  }

  TEST_CASE("power cuts under load lose nothing - posix") {
    PowerCuts("posix", KillRounds(20), TestSeed(22));
  }

  TEST_CASE("power cuts of an embedded host that writes lose nothing") {
    RunEmbeddedKills(
        {.manner = KillManner::kPowerCut, .rounds = KillRounds(20), .seed = TestSeed(23)});
  }

  TEST_CASE("power cuts of a bulk loader at every stage leave all rows or none") {
    RunLoaderKills(
        {.manner = KillManner::kPowerCut, .rounds = KillRounds(40), .seed = TestSeed(24)});
  }
}

}  // namespace
}  // namespace perigee::tests
