// SPDX-License-Identifier: Apache-2.0
//
// Goal: wherever the machine stops, no acknowledged write is lost, nothing half done is seen,
// nothing deleted comes back, and the database opens (promises 1, 2, 3 and 5 of
// docs/guarantees.md). Method: each workload runs once on a simulated disk, which is copied behind
// every call. Each copy goes through the crash policies for what was not flushed, or through a mere
// kill; is opened and compared with what the workload knows; and is stopped and opened again. Of
// some states the recovery is crashed at its calls too. PERIGEE_TEST_CRASH_STATES (20,000) says how
// many states are judged at least.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "tests/durability/crash_campaign.h"
#include "tests/support/test_seed.h"

namespace perigee::engine {
namespace {

constexpr uint64_t kGateStates = 20'000;
constexpr uint64_t kThoroughStates = 200'000;

uint64_t StatesWanted() {
  const char* text = std::getenv("PERIGEE_TEST_CRASH_STATES");
  return text == nullptr ? kGateStates : std::strtoull(text, nullptr, 10);
}

bool Thorough() { return StatesWanted() >= kThoroughStates; }

void Report(const std::string& what, const CrashCounts& counts) {
  MESSAGE("durability: ", what, ": ", counts.ToString());
  CHECK(counts.states > 0);
  CHECK(counts.wrong() == 0);
}

// All crash points of one workload under every policy; once more with other seeds and other
// recoveries, if more states are asked for than that yields.
void EnumerateNamed(const std::string& name) {
  constexpr uint64_t kShare = 42;  // of what was asked for, to each
  CrashCampaign campaign(FindWorkload(name));
  const uint64_t possible = campaign.points() * Aftermaths().size();
  CrashSampling sampling{.recoveries = 0.1, .in_recovery = 0.15, .states_max = 2 * possible};
  const uint64_t wanted = std::max<uint64_t>(StatesWanted() / kShare, 1);
  if (wanted < kGateStates / kShare) {
    sampling.first = static_cast<double>(wanted) / static_cast<double>(possible);
  }
  const uint64_t seed = tests::TestSeed(1);
  campaign.Run(seed, sampling);
  sampling.states_max = std::max(wanted, campaign.counts().states);
  uint64_t before = 0;
  for (uint64_t more = 1; Thorough() && campaign.counts().states > before; ++more) {
    before = campaign.counts().states;
    campaign.Run(seed + more, sampling);
  }
  Report(name, campaign.counts());
}

void Add(CrashCounts& sum, const CrashCounts& counts) {
  sum.states += counts.states;
  sum.lost += counts.lost;
  sum.resurrected += counts.resurrected;
  sum.holes += counts.holes;
  sum.refusals += counts.refusals;
}

// Some states of each of many triples; these alone are as many as were asked for, since the named
// workloads run out of states.
void EnumerateTriples(uint64_t part) {
  constexpr uint64_t kParts = 4;
  const uint64_t wanted = std::max<uint64_t>(StatesWanted() / kParts, 1);
  const uint64_t first = tests::TestSeed(1) * 1'000'000;
  CrashCounts sum;
  uint64_t triples = 0;
  while (sum.states < wanted && sum.wrong() == 0) {
    CrashCampaign campaign(MixedTriple(first + part + triples * kParts));
    campaign.Run(first + triples, {.first = Thorough() ? 0.3 : 0.06,
                                   .recoveries = 0.04,
                                   .in_recovery = Thorough() ? 0.5 : 0.2,
                                   .states_max = wanted - sum.states});
    Add(sum, campaign.counts());
    ++triples;
  }
  Report(std::to_string(triples) + " mixed triples", sum);
}

TEST_SUITE("durability") {
  TEST_CASE("crash enumeration: initialise") { EnumerateNamed("initialise"); }
  TEST_CASE("crash enumeration: upsert batches") { EnumerateNamed("upsert-batches"); }
  TEST_CASE("crash enumeration: deletes") { EnumerateNamed("deletes"); }
  TEST_CASE("crash enumeration: close and reopen") { EnumerateNamed("close-and-reopen"); }
  TEST_CASE("crash enumeration: seal") { EnumerateNamed("seal"); }
  TEST_CASE("crash enumeration: seal among writes") { EnumerateNamed("seal-among-writes"); }
  TEST_CASE("crash enumeration: publish index") { EnumerateNamed("publish-index"); }
  TEST_CASE("crash enumeration: compact") { EnumerateNamed("compact"); }
  TEST_CASE("crash enumeration: seal and compact under writes") { EnumerateNamed("under-writes"); }
  TEST_CASE("crash enumeration: snapshots") { EnumerateNamed("snapshots"); }
  TEST_CASE("crash enumeration: create and drop") { EnumerateNamed("create-and-drop"); }
  TEST_CASE("crash enumeration: roll manifest") { EnumerateNamed("roll-manifest"); }
  TEST_CASE("crash enumeration: bulk load") { EnumerateNamed("bulk-load"); }
  TEST_CASE("crash enumeration: roll log") { EnumerateNamed("roll-log"); }
  TEST_CASE("crash enumeration: scrub") { EnumerateNamed("scrub"); }

  TEST_CASE("crash enumeration: mixed triples 1") { EnumerateTriples(0); }
  TEST_CASE("crash enumeration: mixed triples 2") { EnumerateTriples(1); }
  TEST_CASE("crash enumeration: mixed triples 3") { EnumerateTriples(2); }
  TEST_CASE("crash enumeration: mixed triples 4") { EnumerateTriples(3); }

  // For the states that failures print; without one, a state whose recovery is crashed as well.
  TEST_CASE("crash enumeration: one state again") {
    const char* asked_for = std::getenv("PERIGEE_TEST_CRASH_STATE");
    const std::string name =
        asked_for == nullptr ? "seal:1:150:sectors-2:20:everything" : asked_for;
    const auto state = CrashState::Parse(name);
    REQUIRE_MESSAGE(state.has_value(), "not the name of a crash state: ", name);
    CHECK(state->ToString() == name);
    CrashCampaign campaign(FindWorkload(state->workload));
    CHECK(campaign.RunOne(*state));
    Report(name, campaign.counts());
  }
}

}  // namespace
}  // namespace perigee::engine
