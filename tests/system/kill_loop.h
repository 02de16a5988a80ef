// SPDX-License-Identifier: Apache-2.0
//
// RunKillLoop: runs a server under mixed load over RPC, kills it, starts it again and compares what
// it holds with the logs of its clients, round after round; also kills it while it recovers.
//
// Invariants: every round ends with a judgement (oracle_run.h). The logs are on the disk: with
// PERIGEE_TEST_ORACLE_DIR set they stay, and perigee_oracle_check judges the directory again.
// Thread-safety: one thread.
#pragma once

#include <cstdint>
#include <string>

#include "tests/support/program_process.h"

namespace perigee::tests {

struct KillLoopOptions {
  std::string io_backend = "auto";
  bool power_cut = false;
  int rounds = 0;
  uint64_t seed = 1;
};

/// PERIGEE_TEST_KILLS, else `otherwise`.
int KillRounds(int otherwise);

/// The environment of a program of the power-cut kind that spills into `directory`/spill, emptied.
ProgramProcess::Environment PowerCutEnvironment(const std::string& directory, uint64_t seed);

/// All rounds, and one orderly end. Failures are doctest failures of the calling case.
void RunKillLoop(const KillLoopOptions& options);

}  // namespace perigee::tests
