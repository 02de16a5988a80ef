// SPDX-License-Identifier: Apache-2.0
//
// Kills of programs that write without a server: a host with the database inside, and the bulk
// loader, by SIGKILL and by power cut.
//
// Invariants: after each kill the host's points are the result of all operations it was told were
// done and at most the next one; a killed load left all of its rows or none, and doing it again
// succeeds.
// Thread-safety: one thread.
#pragma once

#include <cstdint>

namespace perigee::tests {

enum class KillManner { kSigkill, kPowerCut };

struct ProgramKills {
  KillManner manner = KillManner::kSigkill;
  int rounds = 0;
  uint64_t seed = 1;
};

void RunEmbeddedKills(const ProgramKills& kills);
/// SIGKILL at `rounds` moments of a load; a power cut at every change that a load makes to the
/// disk, so that no stage is left out, as often as makes `rounds`.
void RunLoaderKills(const ProgramKills& kills);

}  // namespace perigee::tests
