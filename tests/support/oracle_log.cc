// SPDX-License-Identifier: Apache-2.0
#include "tests/support/oracle_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "storage/encoding/byte_codec.h"
#include "storage/encoding/crc32c.h"
#include "storage/foundation/check.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"
#include "tools/point_json/point_json.h"

namespace perigee::tests {
namespace {

constexpr std::array<const char*, 5> kEntryNames = {"intent", "acknowledged", "refused", "seen",
                                                    "settled"};
constexpr std::array<const char*, 7> kOperationNames = {
    "upsert", "delete", "side-create", "side-drop", "side-upsert", "flush", "optimize"};
constexpr size_t kCrcDigits = 8;

std::string Checksum(std::string_view text) {
  return absl::StrCat(absl::Hex(storage::Crc32c(storage::AsBytes(text)), absl::kZeroPad8));
}

template <size_t kCount>
absl::StatusOr<size_t> IndexOf(const std::array<const char*, kCount>& names,
                               const std::string& name) {
  for (size_t i = 0; i < kCount; ++i) {
    if (name == names[i]) {
      return i;
    }
  }
  return absl::DataLossError(absl::StrCat("no such name in an oracle log: ", name));
}

std::string EncodeOperation(const OracleOperation& operation) {
  std::string text = absl::StrCat("\t", kOperationNames[static_cast<size_t>(operation.kind)], "\t",
                                  static_cast<int>(operation.upsert.mode));
  for (const Point& point : operation.upsert.points) {
    absl::StrAppend(&text, "\t", tools::PointLine(point));
  }
  for (const PointId& id : operation.remove.ids) {
    absl::StrAppend(&text, "\t", tools::IdJson(id));
  }
  return text;
}

absl::StatusOr<OracleOperation> DecodeOperation(const std::vector<std::string>& fields) {
  constexpr size_t kFirst = 3;
  int mode = 0;
  if (fields.size() < kFirst + 2 || !absl::SimpleAtoi(fields[kFirst + 1], &mode)) {
    return absl::DataLossError("an intent of an oracle log has no operation");
  }
  OracleOperation operation;
  PERIGEE_ASSIGN_OR_RETURN(const size_t kind, IndexOf(kOperationNames, fields[kFirst]));
  operation.kind = static_cast<OracleOperation::Kind>(kind);
  operation.upsert.mode = static_cast<UpsertMode>(mode);
  for (size_t i = kFirst + 2; i < fields.size(); ++i) {
    if (operation.kind == OracleOperation::Kind::kDelete) {
      PERIGEE_ASSIGN_OR_RETURN(
          const tools::PointLineFields id,
          tools::ParsePointLineFields(absl::StrCat("{\"id\":", fields[i], "}")));
      operation.remove.ids.push_back(id.point.id);
    } else {
      PERIGEE_ASSIGN_OR_RETURN(Point point, tools::ParsePointLine(fields[i]));
      operation.upsert.points.push_back(std::move(point));
    }
  }
  return operation;
}

}  // namespace

std::string EncodeOracleEntry(const OracleEntry& entry) {
  std::string text = absl::StrCat(kEntryNames[static_cast<size_t>(entry.kind)], "\t", entry.writer,
                                  "\t", entry.number);
  switch (entry.kind) {
    case OracleEntry::Kind::kIntent:
      text += EncodeOperation(entry.operation);
      break;
    case OracleEntry::Kind::kAcknowledged:
      absl::StrAppend(&text, "\t", entry.seq, "\t", entry.epoch);
      break;
    case OracleEntry::Kind::kRefused:
      absl::StrAppend(&text, "\t", static_cast<int>(entry.code));
      break;
    case OracleEntry::Kind::kSettled:
      absl::StrAppend(&text, "\t", entry.applied ? 1 : 0);
      break;
    case OracleEntry::Kind::kSeen:
      break;
  }
  return absl::StrCat(Checksum(text), "\t", text);
}

absl::StatusOr<OracleEntry> DecodeOracleEntry(std::string_view line) {
  const absl::Status broken = absl::DataLossError("a broken line in an oracle log");
  if (line.size() < kCrcDigits + 1 ||
      line.substr(0, kCrcDigits) != Checksum(line.substr(kCrcDigits + 1))) {
    return broken;
  }
  const std::vector<std::string> fields = absl::StrSplit(Absl(line.substr(kCrcDigits + 1)), '\t');
  OracleEntry entry;
  if (fields.size() < 3 || !absl::SimpleAtoi(fields[1], &entry.writer) ||
      !absl::SimpleAtoi(fields[2], &entry.number)) {
    return broken;
  }
  PERIGEE_ASSIGN_OR_RETURN(const size_t kind, IndexOf(kEntryNames, fields[0]));
  entry.kind = static_cast<OracleEntry::Kind>(kind);
  int number = 0;
  switch (entry.kind) {
    case OracleEntry::Kind::kIntent: {
      PERIGEE_ASSIGN_OR_RETURN(entry.operation, DecodeOperation(fields));
      return entry;
    }
    case OracleEntry::Kind::kAcknowledged:
      return fields.size() == 5 && absl::SimpleAtoi(fields[3], &entry.seq) &&
                     absl::SimpleAtoi(fields[4], &entry.epoch)
                 ? absl::StatusOr<OracleEntry>(entry)
                 : broken;
    case OracleEntry::Kind::kRefused:
    case OracleEntry::Kind::kSettled:
      if (fields.size() != 4 || !absl::SimpleAtoi(fields[3], &number)) {
        return broken;
      }
      entry.code =
          static_cast<absl::StatusCode>(entry.kind == OracleEntry::Kind::kRefused ? number : 0);
      entry.applied = entry.kind == OracleEntry::Kind::kSettled && number == 1;
      return entry;
    case OracleEntry::Kind::kSeen:
      break;
  }
  return entry;
}

OracleLog::OracleLog(const std::string& path)
    : descriptor_(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
  PERIGEE_CHECK(descriptor_ >= 0, "open ", path, ": errno ", errno);
}

OracleLog::~OracleLog() { close(descriptor_); }

void OracleLog::Append(const OracleEntry& entry) {
  const std::string line = EncodeOracleEntry(entry) + "\n";
  const absl::MutexLock lock(&mutex_);
  size_t done = 0;
  while (done < line.size()) {
    const ssize_t count = write(descriptor_, line.data() + done, line.size() - done);
    PERIGEE_CHECK(count > 0 || errno == EINTR, "write to an oracle log: errno ", errno);
    done += static_cast<size_t>(std::max<ssize_t>(count, 0));
  }
  PERIGEE_CHECK(fdatasync(descriptor_) == 0, "sync of an oracle log: errno ", errno);
}

absl::StatusOr<std::vector<OracleEntry>> ReadOracleLog(const std::string& path, uint64_t* offset) {
  std::ifstream file(path, std::ios::binary);
  if (!file.seekg(static_cast<std::streamoff>(*offset))) {
    return absl::NotFoundError(absl::StrCat("cannot read ", path, " at ", *offset));
  }
  std::vector<OracleEntry> entries;
  std::string line;
  while (std::getline(file, line)) {
    if (file.eof()) {
      break;  // without its newline
    }
    absl::StatusOr<OracleEntry> entry = DecodeOracleEntry(line);
    if (!entry.ok()) {
      if (file.peek() == std::ifstream::traits_type::eof()) {
        break;
      }
      return absl::DataLossError(
          absl::StrCat(path, " at ", *offset, ": ", entry.status().message()));
    }
    entries.push_back(*std::move(entry));
    *offset += line.size() + 1;
  }
  return entries;
}

}  // namespace perigee::tests
