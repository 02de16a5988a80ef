// SPDX-License-Identifier: Apache-2.0
//
// Goal: whatever IDENTITY, CURRENT and a manifest hold, an open reads no byte that is not there,
// and believes exactly the edits that the page says (docs/formats/manifest_format.md); a state that
// an open accepts keeps the rules, and goes on: an edit is added to it and found again.
//
// Method: an input is one of the three files. The engine and the second decoder of perigee-inspect,
// which shares no code with it, must say the same of it, and come to the same state edit by edit.
// What was read is encoded again as the same bytes. The manifest is then opened in a directory on a
// simulated disk, read-only and for writing, with a commit, a power cut and another open.
#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/encoding/byte_codec.h"
#include "storage/encoding/crc32c.h"
#include "storage/foundation/check.h"
#include "storage/layout/data_directory.h"
#include "storage/layout/identity.h"
#include "storage/manifest/current_file.h"
#include "storage/manifest/manifest_edit.h"
#include "storage/manifest/manifest_frame.h"
#include "storage/manifest/manifest_log.h"
#include "storage/manifest/manifest_transition.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/manifest_image.h"
#include "tests/fuzz/sparse_image.h"
#include "tests/fuzz/verdict.h"
#include "tests/support/simulated_file_system.h"
#include "tools/inspect/identity_decoder.h"
#include "tools/inspect/manifest_decoder.h"
#include "tools/inspect/manifest_replay.h"

namespace perigee::tests {
namespace {

using storage::AsBytes;
using storage::AsText;
using tools::inspect::Severity;
namespace inspect = tools::inspect;
// Beside what the second reader says, which is each target's own.
using tests::VerdictOf;

constexpr const char* kDatabasePath = "/db";

enum class Kind : uint8_t { kIdentity = 0, kCurrent = 1, kManifest = 2 };

Kind KindOf(std::string_view input) {
  return input.empty() ? Kind::kManifest : static_cast<Kind>(static_cast<uint8_t>(input[0]) % 3);
}

Verdict VerdictOf(const inspect::FindingList& findings) {
  if (findings.Has(Severity::kUnsupported)) {
    return Verdict::kUnsupported;
  }
  return findings.clean() ? Verdict::kGood : Verdict::kDamaged;
}

inspect::Uuid Converted(const storage::Uuid& uuid) {
  return inspect::Uuid::From(AsText(uuid.bytes()));
}

inspect::Hash Converted(const storage::ContentHash& hash) {
  return inspect::HashFrom(AsText(hash));
}

void RunIdentity(std::string_view bytes) {
  const absl::StatusOr<storage::Identity> ours = storage::DecodeIdentity(AsBytes(bytes));
  inspect::FindingList list;
  inspect::FileFindings findings(list, "IDENTITY");
  const std::optional<inspect::Identity> theirs = inspect::DecodeIdentity(bytes, findings);
  PERIGEE_CHECK(ours.ok() == theirs.has_value(), ours.status().ToString());
  if (!ours.ok()) {
    VerdictOf(ours.status());
    return;
  }
  PERIGEE_CHECK(ours->features.ro_compat == theirs->ro_compat &&
                Converted(ours->database_uuid) == theirs->database &&
                ours->creation.log_file_bytes == theirs->log_file_bytes &&
                ours->creation.reserve_bytes == theirs->reserve_bytes &&
                ours->creation.section_alignment_bytes == theirs->section_alignment &&
                ours->bucket_seed == theirs->bucket_seed);
  PERIGEE_CHECK(storage::EncodeIdentity(*ours) == bytes);
  PERIGEE_CHECK(storage::CheckWritable(*ours).ok() == (theirs->ro_compat == 0));
}

void RunCurrent(std::string_view text) {
  const absl::StatusOr<storage::CurrentFile> ours = storage::DecodeCurrentFile(text);
  inspect::FindingList list;
  inspect::FileFindings findings(list, "CURRENT");
  const std::optional<inspect::Current> theirs = inspect::DecodeCurrent(text, findings);
  PERIGEE_CHECK(ours.ok() == theirs.has_value(), ours.status().ToString());
  if (!ours.ok()) {
    VerdictOf(ours.status());
    return;
  }
  PERIGEE_CHECK(ours->manifest_number == theirs->manifest_number &&
                storage::ManifestName(ours->manifest_number) == theirs->manifest_name &&
                Converted(ours->database_uuid) == theirs->database &&
                Converted(ours->manifest_uuid) == theirs->manifest_file);
  PERIGEE_CHECK(storage::EncodeCurrentFile(*ours) == text);
}

inspect::DeletionEntry Converted(const storage::DeletionReference& deletion) {
  return {.uuid = Converted(deletion.uuid),
          .generation = deletion.generation,
          .complete_lsn = deletion.complete_lsn,
          .dead_rows = deletion.dead_rows,
          .file_bytes = deletion.file_bytes,
          .hash = Converted(deletion.checksum)};
}

inspect::SegmentEntry Converted(const storage::SegmentEntry& segment) {
  inspect::SegmentEntry entry = {.uuid = Converted(segment.uuid),
                                 .file_bytes = segment.file_bytes,
                                 .rows = segment.row_count,
                                 .min_lsn = segment.min_lsn,
                                 .max_lsn = segment.max_lsn,
                                 .stamped_lsn = segment.stamped_lsn,
                                 .format_version = segment.format_version,
                                 .bucket_first = segment.bucket_begin,
                                 .bucket_end = segment.bucket_end,
                                 .key_id = Converted(segment.key_id),
                                 .codebook = Converted(segment.codebook_uuid),
                                 .root = Converted(segment.root_checksum),
                                 .routing = segment.routing};
  if (segment.deletion.has_value()) {
    entry.deletion = Converted(*segment.deletion);
  }
  return entry;
}

inspect::ManifestState Converted(const storage::ManifestState& state) {
  inspect::ManifestState converted = {.version = state.version,
                                      .epoch = state.epoch,
                                      .durable_lsn = state.durable_lsn,
                                      .database = Converted(state.database_uuid),
                                      .head = Converted(state.head_hash)};
  for (const auto& [uuid, collection] : state.collections) {
    inspect::CollectionEntry entry = {.uuid = Converted(collection.uuid),
                                      .tenant = Converted(collection.tenant_uuid),
                                      .name = collection.name,
                                      .schema = collection.schema,
                                      .created_lsn = collection.created_lsn,
                                      .applied_lsn = collection.applied_lsn,
                                      .hash_seed = collection.hash_seed};
    for (const auto& [segment_uuid, segment] : collection.segments) {
      entry.segments.emplace(Converted(segment_uuid), Converted(segment));
    }
    converted.collections.emplace(Converted(uuid), std::move(entry));
  }
  for (const storage::ManifestFile& file : state.obsolete_files) {
    converted.obsolete.insert({static_cast<inspect::FileKind>(file.kind), Converted(file.uuid)});
  }
  return converted;
}

// How long an entry was on the disk is no part of a state.
inspect::ManifestState WithoutLengths(inspect::ManifestState state) {
  for (auto& [uuid, collection] : state.collections) {
    for (auto& [segment_uuid, segment] : collection.segments) {
      segment.encoded_bytes = 0;
    }
  }
  return state;
}

// The rules that hold for every state, whatever led to it.
void CheckState(const storage::ManifestState& state) {
  std::set<std::pair<storage::Uuid, std::string>> names;
  std::set<storage::Uuid> segments;
  std::set<storage::Uuid> deletions;
  for (const auto& [uuid, collection] : state.collections) {
    PERIGEE_CHECK(uuid == collection.uuid && !uuid.is_nil() &&
                  names.emplace(collection.tenant_uuid, collection.name).second);
    PERIGEE_CHECK(collection.created_lsn <= collection.applied_lsn &&
                  collection.applied_lsn <= state.durable_lsn);
    for (const auto& [segment_uuid, segment] : collection.segments) {
      PERIGEE_CHECK(segment_uuid == segment.uuid && segments.insert(segment_uuid).second);
      PERIGEE_CHECK(segment.min_lsn <= segment.max_lsn && segment.max_lsn <= state.durable_lsn &&
                    segment.stamped_lsn <= state.durable_lsn);
      if (segment.deletion.has_value()) {
        PERIGEE_CHECK(deletions.insert(segment.deletion->uuid).second,
                      "two segments with one file of deletions");
        PERIGEE_CHECK(segment.deletion->complete_lsn <= state.durable_lsn &&
                      segment.deletion->dead_rows <= segment.row_count);
      }
    }
  }
  // What is removed is not needed any more.
  for (const storage::ManifestFile& file : state.LiveFiles()) {
    PERIGEE_CHECK(state.obsolete_files.count(file) == 0, "file ", file.uuid.ToString(),
                  " is live and to be removed");
  }
  // A checkpoint of it leads to it, and has the size that was counted on.
  const storage::ManifestEdit checkpoint = storage::MakeCheckpoint(state);
  const auto bytes = storage::EncodeManifestEdit(checkpoint);
  PERIGEE_CHECK(bytes.ok() && bytes->size() == storage::CheckpointBytes(state));
  const auto again = storage::DecodeManifestEdit(AsBytes(*bytes));
  PERIGEE_CHECK(again.ok() && *again == checkpoint, again.status().ToString());
  auto held = storage::StateOfCheckpoint(*again, storage::ManifestEditHash(AsBytes(*bytes)));
  PERIGEE_CHECK(held.ok(), held.status().ToString());
  PERIGEE_CHECK(held->collections == state.collections &&
                held->obsolete_files == state.obsolete_files &&
                held->durable_lsn == state.durable_lsn && held->epoch == state.epoch);
}

// The state that one edit leads to, and what the second decoder makes of it.
struct States {
  storage::ManifestState ours = {};
  inspect::ManifestState theirs = {};
};

absl::Status ApplyByEngine(const storage::ManifestRecord& record, std::optional<bool> ignored_items,
                           storage::ManifestState& state) {
  const auto edit = storage::DecodeManifestEdit(record.payload);
  if (!edit.ok()) {
    VerdictOf(edit.status());
    return edit.status();
  }
  const auto encoded = storage::EncodeManifestEdit(*edit);
  PERIGEE_CHECK(encoded.ok(), encoded.status().ToString());
  PERIGEE_CHECK(ignored_items.value_or(true) || *encoded == AsText(record.payload), "version ",
                edit->version);
  const bool checkpoint = record.type == storage::ManifestRecordType::kCheckpoint;
  if (edit->version != record.version || edit->is_checkpoint() != checkpoint) {
    return absl::DataLossError("another edit than the record says");
  }
  if (checkpoint) {
    auto held = storage::StateOfCheckpoint(*edit, record.hash);
    if (!held.ok()) {
      return held.status();
    }
    state = *std::move(held);
    return absl::OkStatus();
  }
  const auto next = storage::ApplyManifestEdit(state, *edit, record.hash);
  const storage::ManifestState before = state;
  const absl::Status in_place = storage::ApplyManifestEditInPlace(*edit, record.hash, state);
  PERIGEE_CHECK(next.ok() == in_place.ok() && (!next.ok() || *next == state));
  return in_place;
}

// False when both refuse the edit.
bool CompareEdit(const storage::ManifestRecord& ours, const inspect::ManifestRecord& theirs,
                 States& states) {
  inspect::FindingList list;
  inspect::FileFindings findings(list, "MANIFEST");
  const auto edit = inspect::DecodeManifestEdit(theirs.payload, theirs.offset, findings);
  const bool good =
      edit.has_value() && edit->version == theirs.version &&
      edit->is_checkpoint == (theirs.kind == inspect::ManifestRecordKind::kCheckpoint) &&
      inspect::ApplyEdit(*edit, theirs.hash, theirs.offset, states.theirs, findings);
  const std::optional<bool> ignored_items =
      edit.has_value() ? std::optional(edit->items_ignored > 0) : std::nullopt;
  const absl::Status applied = ApplyByEngine(ours, ignored_items, states.ours);
  PERIGEE_CHECK(applied.ok() == good, "version ", ours.version, ": ", applied.ToString(), " / ",
                list.findings().empty() ? "" : list.findings().front().found);
  if (!good) {
    return false;
  }
  states.theirs = WithoutLengths(std::move(states.theirs));
  PERIGEE_CHECK(Converted(states.ours) == states.theirs, "version ", ours.version);
  CheckState(states.ours);
  return true;
}

void CompareFrames(const storage::ManifestScan& ours, const inspect::ManifestContent& theirs,
                   std::string_view bytes) {
  const storage::ManifestFileHeader& header = ours.header;
  PERIGEE_CHECK(header.features.ro_compat == theirs.header.ro_compat &&
                Converted(header.database_uuid) == theirs.header.database &&
                Converted(header.file_uuid) == theirs.header.file &&
                header.number == theirs.header.number &&
                header.previous_number == theirs.header.previous);
  const std::string again = storage::EncodeManifestFileHeader(header);
  PERIGEE_CHECK(again == bytes.substr(0, again.size()));
  PERIGEE_CHECK(ours.records.size() == theirs.records.size() &&
                ours.end_offset == theirs.end_offset);
  for (size_t i = 0; i < ours.records.size(); ++i) {
    const storage::ManifestRecord& record = ours.records[i];
    const inspect::ManifestRecord& other = theirs.records[i];
    PERIGEE_CHECK(record.offset == other.offset && record.version == other.version &&
                  static_cast<uint16_t>(record.type) == static_cast<uint16_t>(other.kind) &&
                  Converted(record.hash) == other.hash && AsText(record.payload) == other.payload);
    const std::string encoded = storage::EncodeManifestRecord(header.file_uuid, record);
    PERIGEE_CHECK(encoded == bytes.substr(record.offset, encoded.size()));
  }
  PERIGEE_CHECK(ours.clean == (theirs.end == inspect::ManifestEnd::kClean));
  PERIGEE_CHECK(ours.last_durable ==
                (theirs.end != inspect::ManifestEnd::kUnmarked || ours.records.size() == 1));
}

// What is expected of an open.
struct Expectation {
  storage::ManifestFileHeader header = {};
  size_t records = 0;
  bool last_durable = true;
  /// After each record, up to the first that is refused.
  std::vector<storage::ManifestState> states = {};

  bool of_this_database() const {
    return !states.empty() && states.back().database_uuid == header.database_uuid;
  }
};

class OpenedDirectory {
 public:
  OpenedDirectory(storage::FileSystem& disk, bool read_only) {
    auto directory = storage::DataDirectory::Open(disk, kDatabasePath, {.read_only = read_only});
    PERIGEE_CHECK(directory.ok(), directory.status().ToString());
    directory_ = *std::move(directory);
    log_ = storage::ManifestLog::Open(*directory_, {.read_only = read_only});
  }
  const absl::Status& status() const { return log_.status(); }
  storage::ManifestLog& log() { return **log_; }

 private:
  std::unique_ptr<storage::DataDirectory> directory_;
  absl::StatusOr<std::unique_ptr<storage::ManifestLog>> log_;
};

void PutFiles(const Expectation& expectation, std::string_view manifest,
              storage::SimulatedFileSystem& disk) {
  const std::string root = kDatabasePath;
  PERIGEE_CHECK(disk.CreateDirectory(root).ok());
  for (const std::string_view name : storage::kDirectories) {
    PERIGEE_CHECK(disk.CreateDirectory(absl::StrCat(root, "/", std::string(name))).ok());
  }
  PERIGEE_CHECK(disk.SyncDirectory(root).ok() && disk.SyncDirectory("/").ok());
  storage::Identity identity;
  identity.database_uuid = expectation.header.database_uuid;
  disk.SetContents(root + "/IDENTITY", storage::EncodeIdentity(identity));
  disk.SetContents(root + "/CURRENT",
                   storage::EncodeCurrentFile({.manifest_number = expectation.header.number,
                                               .database_uuid = expectation.header.database_uuid,
                                               .manifest_uuid = expectation.header.file_uuid}));
  disk.SetContents(absl::StrCat(root, "/", storage::ManifestName(expectation.header.number)),
                   manifest);
}

bool SameContent(const storage::ManifestState& a, const storage::ManifestState& b) {
  return a.durable_lsn == b.durable_lsn && a.database_uuid == b.database_uuid &&
         a.collections == b.collections && a.obsolete_files == b.obsolete_files;
}

// Opens the directory, commits to it, cuts the power and opens it again.
void OpenAndGoOn(const Expectation& expectation, storage::SimulatedFileSystem& disk) {
  storage::ManifestState committed;
  {
    OpenedDirectory opened(disk, false);
    const bool writable = expectation.states.size() == expectation.records &&
                          expectation.of_this_database() &&
                          expectation.header.features.ro_compat == 0;
    PERIGEE_CHECK(opened.status().ok() == writable, opened.status().ToString());
    if (!writable) {
      VerdictOf(opened.status());
      return;
    }
    const std::shared_ptr<const storage::ManifestState> state = opened.log().state();
    PERIGEE_CHECK(SameContent(*state, expectation.states.back()));
    storage::ManifestEdit edit;
    edit.epoch = state->epoch;
    const auto outcome = opened.log().TryCommit(state->version, edit);
    PERIGEE_CHECK(outcome.ok() && outcome->result == storage::CommitResult::kCommitted,
                  outcome.status().ToString());
    committed = *opened.log().state();
    PERIGEE_CHECK(SameContent(committed, *state) && committed.version > state->version);
  }
  const auto rebooted = disk.Crash(storage::CrashPolicy::kNothingUnsynced);
  OpenedDirectory again(*rebooted, true);
  PERIGEE_CHECK(again.status().ok(), again.status().ToString());
  PERIGEE_CHECK(*again.log().state() == committed);
}

void OpenReadOnly(const Expectation& expectation, storage::SimulatedFileSystem& disk) {
  const uint64_t changes = disk.changes();
  OpenedDirectory opened(disk, true);
  PERIGEE_CHECK(disk.changes() == changes, "a read-only open wrote");
  VerdictOf(opened.status());
  // What a crash could take back is not shown, and not looked at.
  const size_t shown = expectation.records - (expectation.last_durable ? 0 : 1);
  const bool readable = expectation.states.size() >= shown && expectation.of_this_database();
  PERIGEE_CHECK(opened.status().ok() == readable, opened.status().ToString());
  PERIGEE_CHECK(!readable || *opened.log().state() == expectation.states[shown - 1]);
}

void RunManifest(std::string_view bytes) {
  const absl::StatusOr<storage::ManifestScan> ours =
      storage::ScanManifest(AsBytes(bytes), "MANIFEST");
  inspect::FindingList list;
  inspect::FileFindings findings(list, "MANIFEST");
  const std::optional<inspect::ManifestContent> theirs = inspect::DecodeManifest(bytes, findings);
  PERIGEE_CHECK(VerdictOf(ours.status()) == VerdictOf(list), ours.status().ToString(), " / ",
                list.findings().empty() ? "" : list.findings().front().found);
  if (!ours.ok()) {
    return;
  }
  CompareFrames(*ours, *theirs, bytes);
  Expectation expectation = {
      .header = ours->header, .records = ours->records.size(), .last_durable = ours->last_durable};
  States states;
  for (size_t i = 0; i < expectation.records; ++i) {
    if (!CompareEdit(ours->records[i], theirs->records[i], states)) {
      break;
    }
    expectation.states.push_back(states.ours);
  }
  if (ours->header.database_uuid.is_nil()) {
    return;  // no IDENTITY says that
  }
  storage::SimulatedFileSystem disk;
  PutFiles(expectation, bytes, disk);
  OpenReadOnly(expectation, disk);
  OpenAndGoOn(expectation, disk);
}

std::string MutateIdentity(std::string bytes, ByteMutator& mutator) {
  constexpr size_t kFields[][2] = {{0, 4},  {8, 4},  {12, 4}, {16, 8}, {24, 8}, {32, 8}, {40, 8},
                                   {56, 8}, {64, 8}, {72, 4}, {76, 4}, {80, 8}, {88, 4}, {120, 4}};
  if (bytes.size() != storage::kIdentityBytes || mutator.Chance(5)) {
    bytes = storage::EncodeIdentity(storage::Identity());
  }
  const auto& field = kFields[mutator.Below(std::size(kFields))];
  mutator.Field(bytes, field[0], field[1]);
  if (mutator.Chance(90)) {
    ByteMutator::Put(bytes, 124, 4, storage::Crc32c(AsBytes(bytes).first(124)));
  }
  if (mutator.Chance(3)) {
    bytes.resize(mutator.Below(140));
  }
  return bytes;
}

std::string MutateCurrent(std::string text, size_t size_max, ByteMutator& mutator) {
  size_t end = text.size() - std::min<size_t>(text.size(), 9);  // in front of the checksum
  if (mutator.Chance(20)) {
    text = storage::EncodeCurrentFile({.manifest_number = mutator.Integer(7)});
    end = text.size() - 9;
  }
  std::string lines = text.substr(0, end);
  mutator.MutateRun(lines, size_max);
  if (mutator.Chance(10)) {
    return lines + text.substr(std::min(end, text.size()));
  }
  return absl::StrCat(lines, absl::Hex(storage::Crc32c(AsBytes(lines)), absl::kZeroPad8), "\n");
}

}  // namespace

void RunInput(std::string_view input) {
  const std::string_view content = input.substr(std::min<size_t>(input.size(), 1));
  switch (KindOf(input)) {
    case Kind::kIdentity:
      return RunIdentity(content);
    case Kind::kCurrent:
      return RunCurrent(content);
    case Kind::kManifest:
      return RunManifest(ExpandImage(content));
  }
}

std::string MutateInput(std::string_view input, size_t size_max, ByteMutator& mutator) {
  const std::string content(input.substr(std::min<size_t>(input.size(), 1)));
  const Kind kind = mutator.Chance(1) ? static_cast<Kind>(mutator.Below(3)) : KindOf(input);
  const std::string head(1, static_cast<char>(kind));
  if (kind == Kind::kIdentity) {
    return head + MutateIdentity(content, mutator);
  }
  if (kind == Kind::kCurrent) {
    return head + MutateCurrent(content, size_max - 1, mutator);
  }
  ManifestImage image =
      content.empty() ? ManifestImage::Fresh() : ManifestImage::Parse(ExpandImage(content));
  for (uint64_t changes = 1 + mutator.Below(3); changes > 0; --changes) {
    image.Mutate(mutator);
  }
  return head + PackImage(image.Bytes().substr(0, kImageBytesMax));
}

}  // namespace perigee::tests
