// SPDX-License-Identifier: Apache-2.0
//
// CrashState: the name of one disk that a crash left: which workload, behind which call the machine
// stopped, what became of what was not synced; and the same once more if it also stopped while that
// disk was being recovered. A failure prints it, and the test case "crash enumeration: one state
// again" takes it, so that every failure can be had again.
//
//   compact:1:211:sectors-2            the recovery of this is judged
//   triple-17:3:80:killed:25:nothing   the recovery of the first is cut behind its 25th call
//
// Invariants: the name says everything; two runs make the same disk of it, but for random uuids.
// Thread-safety: functions without state.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "tests/support/simulated_file_system.h"

namespace perigee::engine {

/// What a crash does to changes that were not synced: the persistence policies of testing.md, and
/// the kill of a process, which leaves them unsynced and visible.
struct Aftermath {
  const char* name = "";
  std::optional<storage::CrashPolicy> policy = std::nullopt;  ///< none: killed
  uint64_t salt = 0;                                          ///< tells the random ones apart
};

std::span<const Aftermath> Aftermaths();

struct CrashState {
  std::string workload = {};
  uint64_t seed = 1;
  uint64_t call = 0;  ///< calls that the workload made before the machine stopped
  size_t aftermath = 0;
  std::optional<uint64_t> recovery_call = std::nullopt;
  size_t recovery_aftermath = 0;

  std::string ToString() const;
  /// Nothing when `text` is not the name of a state.
  static std::optional<CrashState> Parse(const std::string& text);

  /// A number that is the same for the same state and differs between neighbours.
  uint64_t Mix() const;
};

/// The disk after the crash, and the one after the crash of its recovery.
std::unique_ptr<storage::SimulatedFileSystem> AfterCrash(const storage::SimulatedFileSystem& disk,
                                                         size_t aftermath, uint64_t seed);

}  // namespace perigee::engine
