// SPDX-License-Identifier: Apache-2.0
//
// CrashWorkload: what a database does before it crashes. The named ones go through each structural
// operation that there is (testing.md, stage 4); MixedTriple draws up to three of them from a seed,
// since few crash bugs need more (B3).
//
// Invariants: the same name or seed gives the same operations and the same sizes.
// Thread-safety: functions without state.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/durability/crash_script.h"

namespace perigee::engine {

struct CrashWorkload {
  std::string name = {};
  EngineTuning tuning = SmallTuning();
  std::function<void(CrashScript&)> run = {};
};

const std::vector<CrashWorkload>& NamedWorkloads();
CrashWorkload MixedTriple(uint64_t seed);
/// By the name that a failure printed: one of NamedWorkloads, or "triple-17".
CrashWorkload FindWorkload(const std::string& name);

}  // namespace perigee::engine
