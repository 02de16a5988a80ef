// SPDX-License-Identifier: Apache-2.0
// Judges the directory of a kill loop after the fact: replays the logs of its clients and compares
// them with the database. Exit: 0 all is as it must be, 65 it is not, 74 it cannot be read.
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "perigee/database.h"
#include "storage/foundation/status_macros.h"
#include "tests/support/oracle_client.h"
#include "tests/support/oracle_state.h"

namespace perigee::tests {
namespace {

absl::StatusOr<std::vector<OracleState>> Replay(const std::string& directory) {
  std::vector<OracleState> states;
  while (std::filesystem::exists(directory + "/oracle-" + std::to_string(states.size()) + ".log")) {
    states.emplace_back(static_cast<uint32_t>(states.size()), SystemTestSchema());
  }
  for (size_t i = 0; i < states.size(); ++i) {
    uint64_t offset = 0;
    PERIGEE_ASSIGN_OR_RETURN(
        const std::vector<OracleEntry> entries,
        ReadOracleLog(directory + "/oracle-" + std::to_string(i) + ".log", &offset));
    for (const OracleEntry& entry : entries) {
      PERIGEE_RETURN_IF_ERROR(states[i].Apply(entry));
    }
  }
  uint64_t offset = 0;
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<OracleEntry> seen,
                           ReadOracleLog(directory + "/oracle-reader.log", &offset));
  for (const OracleEntry& entry : seen) {
    if (entry.writer >= states.size()) {
      return absl::DataLossError("a reader saw a writer that has no log");
    }
    PERIGEE_RETURN_IF_ERROR(states[entry.writer].Apply(entry));
  }
  return states;
}

absl::StatusOr<uint64_t> Check(const std::string& directory) {
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<OracleState> states, Replay(directory));
  PERIGEE_ASSIGN_OR_RETURN(const std::unique_ptr<Database> database,
                           Database::Open(directory + "/db", {.access = Access::Unrestricted(),
                                                              .create_if_missing = false}));
  PERIGEE_ASSIGN_OR_RETURN(Collection collection, database->OpenCollection(kOracleCollection));
  PERIGEE_ASSIGN_OR_RETURN(const StoredPoints all, ReadAllPoints(collection));
  std::vector<OracleStored> stored(states.size());
  for (size_t i = 0; i < states.size(); ++i) {
    stored[i].points = PointsOfWriter(all, static_cast<uint32_t>(i));
  }
  absl::StatusOr<Collection> side = database->OpenCollection(kOracleSideCollection);
  if (side.ok() && !stored.empty()) {
    PERIGEE_ASSIGN_OR_RETURN(stored[0].side, ReadAllPoints(*side));
  }
  uint64_t acknowledged = 0;
  std::vector<const OracleState*> pointers;
  for (size_t i = 0; i < states.size(); ++i) {
    PERIGEE_RETURN_IF_ERROR(states[i].Judge(stored[i]).status());
    acknowledged += states[i].acknowledged();
    pointers.push_back(&states[i]);
  }
  PERIGEE_RETURN_IF_ERROR(CheckSeqs(pointers));
  return acknowledged;
}

}  // namespace
}  // namespace perigee::tests

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: perigee_oracle_check DIRECTORY\n");
    return 64;
  }
  const auto acknowledged = perigee::tests::Check(argv[1]);
  if (!acknowledged.ok()) {
    std::printf("%s\n", acknowledged.status().ToString().c_str());
    return absl::IsDataLoss(acknowledged.status()) ? 65 : 74;
  }
  std::printf("%llu operations acknowledged, 0 lost, 0 resurrected\n",
              static_cast<unsigned long long>(*acknowledged));
  return 0;
}
