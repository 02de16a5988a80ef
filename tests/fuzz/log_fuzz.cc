// SPDX-License-Identifier: Apache-2.0
//
// Goal: whatever the files of a log hold, recovery reads no byte that is not there, and believes
// exactly the records that the page says (docs/formats/wal_format.md); no later version of the
// format passes for damage, and no damage for a torn tail.
//
// Method: an input is a few log files and what the manifest would say of them (log_document.h). The
// engine reads them from a simulated disk, the second decoder of perigee-inspect, which shares no
// code with it, from real files. At every block both find the same group or none; of the log both
// give the same verdict, files, records and end. What was read is encoded again as the same bytes.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/check.h"
#include "storage/layout/data_directory.h"
#include "storage/wal/log_file_format.h"
#include "storage/wal/log_file_reader.h"
#include "storage/wal/log_recovery.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/log_document.h"
#include "tests/fuzz/verdict.h"
#include "tests/support/simulated_file_system.h"
#include "tests/support/temporary_directory.h"
#include "tools/inspect/log_verifier.h"

namespace perigee::tests {
namespace {

using storage::AsText;
using storage::kLogBlockBytes;
using storage::LogFileReader;
using tools::inspect::Severity;
namespace inspect = tools::inspect;
// Beside what the second reader says, which is each target's own.
using tests::VerdictOf;

constexpr const char* kDatabasePath = "/db";

Verdict VerdictOf(const inspect::Finding& finding) {
  PERIGEE_CHECK(finding.severity == Severity::kDamage || finding.severity == Severity::kUnsupported,
                finding.code);
  return finding.severity == Severity::kDamage ? Verdict::kDamaged : Verdict::kUnsupported;
}

// The same files, once on a simulated disk for the engine, once on the real one for the second
// decoder.
class Scene {
 public:
  explicit Scene(const LogDocument& document) {
    const std::string root = kDatabasePath;
    Check(disk_.CreateDirectory(root));
    for (const std::string_view name : storage::kDirectories) {
      Check(disk_.CreateDirectory(absl::StrCat(root, "/", std::string(name))));
    }
    storage::Identity identity;
    identity.database_uuid = document.database;
    disk_.SetContents(root + "/IDENTITY", storage::EncodeIdentity(identity));
    disk_.SetContents(root + "/CURRENT", "not looked into");
    std::filesystem::remove_all(path() + "/wal");
    std::filesystem::create_directory(path() + "/wal");
    for (const auto& [number, image] : document.files) {
      const std::string name = storage::LogName(number);
      disk_.SetContents(absl::StrCat(root, "/", name), image);
      std::ofstream(path() + "/" + name, std::ios::binary) << image;
    }
    auto directory = storage::DataDirectory::Open(disk_, root, {.read_only = true});
    Check(directory.status());
    directory_ = *std::move(directory);
  }

  storage::DataDirectory& directory() { return *directory_; }
  /// Of the real files.
  static const std::string& path() {
    static const storage::TemporaryDirectory directory;
    return directory.path();
  }

 private:
  static void Check(const absl::Status& status) { PERIGEE_CHECK(status.ok(), status.ToString()); }

  storage::SimulatedFileSystem disk_;
  std::unique_ptr<storage::DataDirectory> directory_;
};

void CompareRecords(const storage::LogGroup& group, const inspect::LogGroup& other) {
  const std::vector<storage::LogRecord> records = group.Records();
  PERIGEE_CHECK(records.size() == other.records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    const storage::LogRecord& record = records[i];
    const inspect::RawRecord& raw = other.records[i];
    PERIGEE_CHECK(record.lsn == raw.lsn && record.type == raw.type &&
                      record.catalog_version == raw.catalog_version &&
                      AsText(record.payload) == raw.payload,
                  "record ", record.lsn);
  }
}

// A valid group is what the writer makes of its records, and its trailer what the writer says.
void CheckEncoding(const storage::ExtentRead& read) {
  const storage::LogGroup& group = *read.group;
  storage::LogGroupBuilder builder(
      group.epoch(),
      {.slot = group.slot(), .lsn = group.first_lsn(), .previous_crc = group.previous_crc()});
  for (const storage::LogRecord& record : group.Records()) {
    PERIGEE_CHECK(builder.Fits(record.payload.size()));
    builder.Add(record.type, record.catalog_version, record.payload);
  }
  const storage::LogGroup again = builder.Finish(group.flags());
  PERIGEE_CHECK(AsText(again.bytes()) == AsText(group.bytes()), "slot ", group.slot());
}

void CompareTrailers(const storage::BlockTrailer& ours, const inspect::LogTrailer& theirs) {
  PERIGEE_CHECK(ours.salt == theirs.salt && ours.durable_lsn == theirs.durable_lsn &&
                ours.slot == theirs.slot && ours.file_offset == theirs.offset &&
                ours.group_length == theirs.group_length && ours.group_crc == theirs.group_crc &&
                ours.chain == theirs.chain);
}

enum class Found { kNoGroup, kGroup, kLaterVersion };

// What both say of the place at `offset`.
Found CompareExtent(LogFileReader& reader, inspect::LogFile& file, uint64_t offset) {
  const absl::StatusOr<storage::ExtentRead> read = reader.ReadExtent(offset);
  std::string fault;
  bool unsupported = false;
  const auto group = file.GroupAt(offset, fault, unsupported);
  PERIGEE_CHECK(group.ok(), group.status().ToString());
  PERIGEE_CHECK(VerdictOf(read.status()) == (unsupported ? Verdict::kUnsupported : Verdict::kGood),
                "offset ", offset, ": ", read.status().ToString(), " / ", fault);
  if (!read.ok()) {
    return Found::kLaterVersion;
  }
  PERIGEE_CHECK(read->group.has_value() == group->has_value(), "offset ", offset, ": ",
                read->failure, " / ", fault);
  if (!read->group.has_value()) {
    PERIGEE_CHECK(!read->failure.empty() && !fault.empty());
    return Found::kNoGroup;
  }
  PERIGEE_CHECK(read->group->crc() == (*group)->crc && read->group->flags() == (*group)->flags &&
                read->group->epoch() == (*group)->epoch && read->group->slot() == (*group)->slot &&
                read->group->first_lsn() == (*group)->first_lsn &&
                read->extent_bytes == (*group)->extent_bytes &&
                AsText(read->group->bytes()) == *(*group)->bytes);
  CompareTrailers(read->trailer, (*group)->trailer);
  CompareRecords(*read->group, **group);
  CheckEncoding(*read);
  return Found::kGroup;
}

// What both say of every block from the first on, one by one and as the rest of the file.
void CompareBlocks(LogFileReader& reader, inspect::LogFile& file) {
  bool is_zero = true;
  bool group_found = false;
  bool later_version = false;
  uint64_t durable_lsn = 0;
  for (uint64_t at = kLogBlockBytes; at < file.size(); at += kLogBlockBytes) {
    const Found found = CompareExtent(reader, file, at);
    group_found = group_found || found == Found::kGroup;
    later_version = later_version || found == Found::kLaterVersion;
    is_zero = *file.BlockIsZero(at) && is_zero;
    if (const auto trailer = *file.TrailerOfBlock(at); trailer.has_value()) {
      durable_lsn = std::max(durable_lsn, trailer->durable_lsn);
    }
  }
  PERIGEE_CHECK(CompareExtent(reader, file, file.size()) == Found::kNoGroup);
  const absl::StatusOr<storage::RestOfFile> rest = reader.ScanRest(kLogBlockBytes);
  PERIGEE_CHECK(
      VerdictOf(rest.status()) == (later_version ? Verdict::kUnsupported : Verdict::kGood),
      rest.status().ToString());
  PERIGEE_CHECK(!rest.ok() || (rest->is_zero == is_zero && rest->durable_lsn == durable_lsn &&
                               rest->group_found == group_found));
}

void CheckHeader(const storage::LogFileHeader& ours, const inspect::LogHeader& theirs,
                 std::string_view image) {
  PERIGEE_CHECK(AsText(ours.database_uuid.bytes()) ==
                    std::string_view(reinterpret_cast<const char*>(theirs.database.bytes.data()),
                                     storage::Uuid::kBytes) &&
                ours.number == theirs.number && ours.file_bytes == theirs.file_bytes &&
                ours.salt == theirs.salt && ours.epoch == theirs.epoch &&
                ours.predecessor_number == theirs.predecessor &&
                ours.start.slot == theirs.first_slot && ours.start.lsn == theirs.first_lsn &&
                ours.start.previous_crc == theirs.previous_crc && ours.chain == theirs.chain &&
                ours.durable_lsn == theirs.durable_lsn);
  const std::string_view compat = image.substr(16, 8);  // bits that an encoder does not know
  if (std::all_of(compat.begin(), compat.end(), [](char c) { return c == '\0'; })) {
    PERIGEE_CHECK(storage::EncodeLogFileHeader(ours) == image.substr(0, kLogBlockBytes));
  }
}

// Both readers of one file: its header, the place at every block, and what they say of the rest.
void CompareFile(Scene& scene, const LogDocument& document, uint8_t number) {
  absl::StatusOr<LogFileReader> reader = LogFileReader::Open(scene.directory(), number);
  inspect::FindingList list;
  inspect::FileFindings findings(list, inspect::LogNameOf(number));
  std::optional<inspect::LogFile> file = inspect::LogFile::Open(Scene::path(), number, findings);
  Verdict theirs = Verdict::kGood;
  if (!file.has_value()) {
    PERIGEE_CHECK(list.findings().size() == 1);
    theirs = VerdictOf(list.findings().front());
  } else if (file->header().database != inspect::Uuid::From(AsText(document.database.bytes()))) {
    theirs = Verdict::kDamaged;
  }
  PERIGEE_CHECK(VerdictOf(reader.status()) == theirs, reader.status().ToString());
  if (!reader.ok()) {
    return;
  }
  CheckHeader(reader->header(), file->header(), document.files.at(number));
  CompareBlocks(*reader, *file);
}

// What one reader makes of a whole log.
struct Reading {
  Verdict verdict = Verdict::kGood;
  std::string why = {};  ///< for messages
  std::vector<uint64_t> files = {};
  std::vector<uint64_t> leftovers = {};
  std::vector<std::string> groups = {};  ///< those with records, encoded, in order
  std::optional<bool> closed = std::nullopt;
  storage::LogPosition end = {};
  uint32_t chain = 0;
};

Reading ReadByEngine(Scene& scene, const LogDocument& document) {
  Reading reading;
  const absl::StatusOr<storage::RecoveredLog> log = storage::RecoverLog(
      scene.directory(), {.applied_lsn = document.applied_lsn,
                          .manifest_durable_lsn = document.manifest_durable_lsn,
                          .published_max_lsn = document.published_max_lsn,
                          .deliver = [&reading](const storage::LogGroup& group) {
                            PERIGEE_CHECK(group.count() > 0);
                            reading.groups.emplace_back(AsText(group.bytes()));
                            return absl::OkStatus();
                          }});
  reading.verdict = VerdictOf(log.status());
  reading.why = log.status().ToString();
  if (!log.ok()) {
    return reading;
  }
  for (const storage::LogFileEntry& file : log->files) {
    reading.files.push_back(file.number);
  }
  reading.leftovers = log->leftover_files;
  if (log->unflushed.has_value()) {
    reading.groups.emplace_back(AsText(log->unflushed->bytes()));
  }
  reading.closed = log->verdict == storage::TailVerdict::kClean;
  reading.end = log->end;
  reading.chain = log->chain;
  return reading;
}

template <typename T>
bool Contains(const std::vector<T>& values, const T& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

// What the second decoder met, file by file.
struct FileReading {
  inspect::LogHeader header = {};
  storage::LogPosition end = {};  ///< in front of its last group
  uint32_t chain = 0;             ///< the same
  uint32_t chain_behind = 0;
};

struct LogReading {
  std::map<uint64_t, FileReading> files = {};
  std::vector<std::pair<uint64_t, std::string>> groups = {};  ///< those with records
  inspect::FindingList findings = {};
  inspect::LogSummary summary = {};
};

LogReading Verify(const LogDocument& document) {
  const inspect::Uuid database = inspect::Uuid::From(AsText(document.database.bytes()));
  LogReading reading;
  std::vector<uint64_t> numbers;
  for (const auto& [number, image] : document.files) {
    numbers.push_back(number);
    inspect::FindingList ignored;
    inspect::FileFindings of_file(ignored, "");
    const auto file = inspect::LogFile::Open(Scene::path(), number, of_file);
    if (file.has_value() && file->header().database == database) {
      const inspect::LogHeader& header = file->header();
      reading.files[number] = {.header = header,
                               .end = {.slot = header.first_slot,
                                       .lsn = header.first_lsn,
                                       .previous_crc = header.previous_crc},
                               .chain = header.chain,
                               .chain_behind = header.chain};
    }
  }
  inspect::LogVisitor visitor;
  visitor.on_group = [&reading](const inspect::LogFileSummary& summary,
                                const inspect::LogGroup& group) {
    FileReading& file = reading.files[summary.number];
    file.end = {.slot = group.slot, .lsn = group.first_lsn, .previous_crc = group.previous_crc};
    file.chain = std::exchange(file.chain_behind, group.trailer.chain);
    if (group.count > 0) {
      reading.groups.emplace_back(summary.number, *group.bytes);
    }
  };
  reading.summary = inspect::VerifyLog(Scene::path(), numbers,
                                       {.database = database,
                                        .manifest_epoch = ~uint64_t{0},  // FileLog compares epochs
                                        .applied_lsn = document.applied_lsn,
                                        .manifest_durable_lsn = document.manifest_durable_lsn,
                                        .published_max_lsn = document.published_max_lsn},
                                       reading.findings, visitor);
  return reading;
}

// The files of the log, oldest first, as their headers say.
std::vector<inspect::LogHeader> FilesOf(const LogReading& log) {
  std::vector<inspect::LogHeader> headers;
  if (log.files.empty()) {
    return headers;
  }
  for (auto file = std::prev(log.files.end()); file != log.files.end();
       file = log.files.find(headers.front().predecessor)) {
    headers.insert(headers.begin(), file->second.header);
  }
  return headers;
}

Reading ReadByInspect(const LogDocument& document) {
  const LogReading log = Verify(document);
  const std::vector<inspect::LogHeader> headers = FilesOf(log);
  // Recovery need not read files whose successors begin behind what is applied.
  std::vector<uint64_t> applied;
  std::vector<std::string> applied_names;
  for (size_t i = 0; i + 1 < headers.size(); ++i) {
    if (headers[i + 1].first_lsn <= document.applied_lsn + 1) {
      applied.push_back(headers[i].number);
      applied_names.push_back(inspect::LogNameOf(headers[i].number));
    }
  }
  Reading reading;
  // The first complaint about what recovery reads decides.
  for (const inspect::Finding& finding : log.findings.findings()) {
    if (!Contains(applied_names, finding.file)) {
      reading.verdict = VerdictOf(finding);
      reading.why = absl::StrCat(finding.expected, ", found ", finding.found);
      break;
    }
  }
  const inspect::LogSummary& summary = log.summary;
  PERIGEE_CHECK(!applied.empty() ||
                (summary.end == inspect::LogEnd::kDamaged) == (reading.verdict != Verdict::kGood));
  for (const auto& [number, group] : log.groups) {
    if (!Contains(applied, number)) {
      reading.groups.push_back(group);
    }
  }
  for (const inspect::LogHeader& header : headers) {
    reading.files.push_back(header.number);
  }
  reading.leftovers = summary.leftovers;
  // The second decoder calls a log damaged that has a damaged file of applied records.
  if (summary.end != inspect::LogEnd::kDamaged) {
    reading.closed =
        summary.end == inspect::LogEnd::kClosed || summary.end == inspect::LogEnd::kNone;
  }

  if (!reading.files.empty()) {
    const FileReading& newest = log.files.at(reading.files.back());
    reading.end = newest.end;
    reading.chain = newest.chain;
  }
  return reading;
}

void CompareLogs(const Reading& ours, const Reading& theirs) {
  PERIGEE_CHECK(ours.verdict == theirs.verdict, ours.why, " / ", theirs.why);
  // What was delivered before something damaged was met is in order all the same.
  PERIGEE_CHECK(ours.groups.size() <= theirs.groups.size() &&
                std::equal(ours.groups.begin(), ours.groups.end(), theirs.groups.begin()));
  if (ours.verdict != Verdict::kGood) {
    return;
  }
  PERIGEE_CHECK(ours.groups.size() == theirs.groups.size(), ours.groups.size(), " / ",
                theirs.groups.size());
  PERIGEE_CHECK(ours.files == theirs.files && ours.leftovers == theirs.leftovers);
  PERIGEE_CHECK(!theirs.closed.has_value() || ours.closed == theirs.closed);
  PERIGEE_CHECK(ours.end == theirs.end && ours.chain == theirs.chain, "slot ", ours.end.slot, " / ",
                theirs.end.slot);
}

}  // namespace

void RunInput(std::string_view input) {
  const LogDocument document = LogDocument::Parse(input);
  Scene scene(document);
  for (const auto& [number, image] : document.files) {
    CompareFile(scene, document, number);
  }
  CompareLogs(ReadByEngine(scene, document), ReadByInspect(document));
}

std::string MutateInput(std::string_view input, size_t /*size_max*/, ByteMutator& mutator) {
  LogDocument document = LogDocument::Parse(input);
  for (uint64_t changes = 1 + mutator.Below(3); changes > 0; --changes) {
    document.Mutate(mutator);
  }
  return document.Encode();
}

}  // namespace perigee::tests
