// SPDX-License-Identifier: Apache-2.0
#include "tests/system/oracle_run.h"

#include <doctest/doctest.h>

#include <utility>

#include "perigee/database.h"
#include "tests/support/program_process.h"

namespace perigee::tests {

void MakeOracleDatabase(const std::string& path, uint64_t reserve_bytes) {
  OpenOptions options = {.access = Access::Unrestricted()};
  options.creation = {.log_file_bytes = 256U << 10U,
                      .section_alignment_bytes = 4U << 10U,
                      .reserve_bytes = reserve_bytes};
  auto database = Database::Open(path, options);
  REQUIRE_MESSAGE(database.ok(), database.status().ToString());
  REQUIRE((*database)->CreateCollection(kOracleCollection, SystemTestSchema()).ok());
  REQUIRE((*database)->Close().ok());
}

OracleRun::OracleRun(const std::string& directory, uint64_t seed, uint64_t reserve_bytes)
    : directory_(directory), offsets_(kWriters + 1, 0) {
  MakeOracleDatabase(database_path(), reserve_bytes);
  reader_ = std::make_unique<OracleReader>(seed, LogPath("reader"));
  for (uint32_t i = 0; i < kWriters; ++i) {
    const std::string log_path = LogPath(std::to_string(i));
    writers_.push_back(std::make_unique<OracleWriter>(OracleWriter::Options{.seed = seed * 100 + i,
                                                                            .number = i,
                                                                            .has_side = i == 0,
                                                                            .has_structure = i == 1,
                                                                            .log_path = log_path}));
    states_.push_back(std::make_unique<OracleState>(i, SystemTestSchema()));
    settlements_.push_back(std::make_unique<OracleLog>(log_path));
  }
}

OracleRun::~OracleRun() { Join(); }

std::string OracleRun::LogPath(const std::string& client) const {
  return directory_ + "/oracle-" + client + ".log";
}

void OracleRun::Start(const std::string& address) {
  for (const auto& writer : writers_) {
    threads_.emplace_back([address, &writer] { writer->Run(address); });
  }
  threads_.emplace_back([address, this] { reader_->Run(address); });
}

void OracleRun::Join() {
  for (std::thread& thread : std::exchange(threads_, {})) {
    thread.join();
  }
}

void OracleRun::ReadLogs() {
  for (uint32_t i = 0; i <= kWriters; ++i) {
    const auto entries =
        ReadOracleLog(LogPath(i < kWriters ? std::to_string(i) : "reader"), &offsets_[i]);
    REQUIRE_MESSAGE(entries.ok(), entries.status().ToString());
    for (const OracleEntry& entry : *entries) {
      REQUIRE(entry.writer < kWriters);
      const absl::Status applied = states_[entry.writer]->Apply(entry);
      REQUIRE_MESSAGE(applied.ok(), applied.ToString());
    }
  }
}

void OracleRun::Judge(const client::Connection& connection) {
  ReadLogs();
  const auto collection = connection.OpenCollection(kOracleCollection);
  REQUIRE_MESSAGE(collection.ok(), collection.status().ToString());
  const auto all = ReadAllPoints(*collection);
  REQUIRE_MESSAGE(all.ok(), all.status().ToString());
  std::optional<StoredPoints> side;
  const auto side_collection = connection.OpenCollection(kOracleSideCollection);
  if (side_collection.ok()) {
    const auto points = ReadAllPoints(*side_collection);
    REQUIRE_MESSAGE(points.ok(), points.status().ToString());
    side = *points;
  }
  size_t owned = 0;
  std::vector<const OracleState*> states;
  for (uint32_t i = 0; i < kWriters; ++i) {
    const OracleStored stored = {.points = PointsOfWriter(*all, i),
                                 .side = i == 0 ? side : std::nullopt};
    owned += stored.points.size();
    const auto settled = states_[i]->Judge(stored);
    REQUIRE_MESSAGE(settled.ok(), settled.status().ToString());
    if (settled->has_value()) {
      settlements_[i]->Append(**settled);
    }
    states.push_back(states_[i].get());
  }
  CHECK(owned == all->size());
  const absl::Status seqs = CheckSeqs(states);
  REQUIRE_MESSAGE(seqs.ok(), seqs.ToString());
}

void OracleRun::CheckOffline() const {
  ProgramProcess checker("perigee_oracle_check", {directory_}, directory_ + "/check.log");
  const std::string said = checker.ReadAll();
  CHECK(checker.Wait() == 0);
  CHECK_MESSAGE(said.find("0 lost, 0 resurrected") != std::string::npos, said);
}

uint64_t OracleRun::acknowledged() const {
  uint64_t sum = 0;
  for (const auto& state : states_) {
    sum += state->acknowledged();
  }
  return sum;
}

}  // namespace perigee::tests
