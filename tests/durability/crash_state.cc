// SPDX-License-Identifier: Apache-2.0
#include "tests/durability/crash_state.h"

#include <array>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace perigee::engine {
namespace {

using storage::CrashPolicy;

constexpr std::array kAftermaths = {
    Aftermath{"nothing", CrashPolicy::kNothingUnsynced},
    Aftermath{"everything", CrashPolicy::kEverything},
    Aftermath{"file-prefix", CrashPolicy::kFilePrefix},
    Aftermath{"sectors-1", CrashPolicy::kRandomSectors, 1},
    Aftermath{"sectors-2", CrashPolicy::kRandomSectors, 2},
    Aftermath{"sectors-3", CrashPolicy::kRandomSectors, 3},
    Aftermath{"sectors-4", CrashPolicy::kRandomSectors, 4},
    Aftermath{"reordered", CrashPolicy::kReordered},
    Aftermath{"names-only", CrashPolicy::kNamesOnly},
    Aftermath{"data-only", CrashPolicy::kDataOnly},
    Aftermath{"killed", std::nullopt},
};

std::optional<size_t> FindAftermath(const std::string& name) {
  for (size_t i = 0; i < kAftermaths.size(); ++i) {
    if (name == kAftermaths[i].name) {
      return i;
    }
  }
  return std::nullopt;
}

// SplitMix64, so that the number does not depend on the library's version.
uint64_t Stir(uint64_t value) {
  value += 0x9E37'79B9'7F4A'7C15ULL;
  value = (value ^ (value >> 30U)) * 0xBF58'476D'1CE4'E5B9ULL;
  value = (value ^ (value >> 27U)) * 0x94D0'49BB'1331'11EBULL;
  return value ^ (value >> 31U);
}

}  // namespace

std::span<const Aftermath> Aftermaths() { return kAftermaths; }

std::string CrashState::ToString() const {
  std::string text =
      absl::StrCat(workload, ":", seed, ":", call, ":", kAftermaths.at(aftermath).name);
  if (recovery_call.has_value()) {
    absl::StrAppend(&text, ":", *recovery_call, ":", kAftermaths.at(recovery_aftermath).name);
  }
  return text;
}

std::optional<CrashState> CrashState::Parse(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  CrashState state;
  if (parts.size() != 4 && parts.size() != 6) {
    return std::nullopt;
  }
  state.workload = parts[0];
  const std::optional<size_t> aftermath = FindAftermath(parts[3]);
  if (!absl::SimpleAtoi(parts[1], &state.seed) || !absl::SimpleAtoi(parts[2], &state.call) ||
      !aftermath.has_value()) {
    return std::nullopt;
  }
  state.aftermath = *aftermath;
  if (parts.size() == 6) {
    uint64_t call = 0;
    const std::optional<size_t> second = FindAftermath(parts[5]);
    if (!absl::SimpleAtoi(parts[4], &call) || !second.has_value()) {
      return std::nullopt;
    }
    state.recovery_call = call;
    state.recovery_aftermath = *second;
  }
  return state;
}

uint64_t CrashState::Mix() const {
  uint64_t mixed = Stir(seed);
  for (const uint64_t part :
       {call, uint64_t{aftermath}, recovery_call.value_or(0) + 1, uint64_t{recovery_aftermath}}) {
    mixed = Stir(mixed ^ part);
  }
  return mixed;
}

std::unique_ptr<storage::SimulatedFileSystem> AfterCrash(const storage::SimulatedFileSystem& disk,
                                                         size_t aftermath, uint64_t seed) {
  const Aftermath& chosen = kAftermaths.at(aftermath);
  return chosen.policy.has_value() ? disk.Crash(*chosen.policy, Stir(seed ^ chosen.salt << 32U))
                                   : disk.KillProcess();
}

}  // namespace perigee::engine
