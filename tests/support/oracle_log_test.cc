// SPDX-License-Identifier: Apache-2.0
#include "tests/support/oracle_log.h"

#include <doctest/doctest.h>

#include <fstream>

#include "tests/support/operation_stream.h"
#include "tests/support/temporary_directory.h"

namespace perigee::tests {
namespace {

OracleEntry Intent(uint64_t number, OracleOperation operation) {
  return {.writer = 3, .number = number, .operation = std::move(operation)};
}

TEST_CASE("an oracle log gives back what was appended, bit for bit") {
  const storage::TemporaryDirectory directory;
  const std::string path = directory.PathOf("log");
  OperationStream stream(SystemTestSchema(), {.seed = 5});
  std::vector<OracleEntry> entries;
  for (uint64_t number = 1; number <= 60; ++number) {
    WriteOperation write = stream.NextWrite();
    OracleOperation operation;
    if (auto* upsert = std::get_if<UpsertRequest>(&write)) {
      operation.upsert = *upsert;
    } else {
      operation.kind = OracleOperation::Kind::kDelete;
      operation.remove = std::get<DeleteRequest>(write);
    }
    entries.push_back(Intent(number, operation));
    entries.push_back({.kind = OracleEntry::Kind::kAcknowledged,
                       .writer = 3,
                       .number = number,
                       .seq = number * 7,
                       .epoch = ~0ULL});
  }
  entries.push_back(Intent(61, {.kind = OracleOperation::Kind::kSideDrop}));
  entries.push_back({.kind = OracleEntry::Kind::kRefused,
                     .writer = 3,
                     .number = 61,
                     .code = absl::StatusCode::kNotFound});
  entries.push_back({.kind = OracleEntry::Kind::kSeen, .writer = 1, .number = 4});
  entries.push_back(
      {.kind = OracleEntry::Kind::kSettled, .writer = 2, .number = 9, .applied = true});
  {
    OracleLog log(path);
    for (const OracleEntry& entry : entries) {
      log.Append(entry);
    }
  }
  uint64_t offset = 0;
  const auto read = ReadOracleLog(path, &offset);
  REQUIRE_MESSAGE(read.ok(), read.status().ToString());
  REQUIRE(read->size() == entries.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    const OracleEntry& a = entries[i];
    const OracleEntry& b = (*read)[i];
    CHECK(a.kind == b.kind);
    CHECK(a.writer == b.writer);
    CHECK(a.number == b.number);
    CHECK(a.seq == b.seq);
    CHECK(a.epoch == b.epoch);
    CHECK(a.code == b.code);
    CHECK(a.applied == b.applied);
    CHECK(a.operation.kind == b.operation.kind);
    CHECK(a.operation.upsert.mode == b.operation.upsert.mode);
    CHECK(a.operation.upsert.points == b.operation.upsert.points);
    CHECK(a.operation.remove.ids == b.operation.remove.ids);
  }
  CHECK(ReadOracleLog(path, &offset)->empty());
}

TEST_CASE("a broken last line is a writer that died; any other broken line is an error") {
  const storage::TemporaryDirectory directory;
  const std::string path = directory.PathOf("log");
  const std::string first = EncodeOracleEntry({.number = 1}) + "\n";
  const std::string second = EncodeOracleEntry({.number = 2}) + "\n";
  const auto read = [&path](const std::string& bytes) {
    std::ofstream(path, std::ios::trunc) << bytes;
    uint64_t offset = 0;
    return ReadOracleLog(path, &offset);
  };
  CHECK(read(first + second)->size() == 2);
  for (size_t cut = 0; cut < second.size(); ++cut) {
    CHECK(read(first + second.substr(0, cut))->size() == 1);
  }
  std::string damaged = first;
  damaged[10] = damaged[10] == 'x' ? 'y' : 'x';
  CHECK(absl::IsDataLoss(read(damaged + second).status()));
}

}  // namespace
}  // namespace perigee::tests
