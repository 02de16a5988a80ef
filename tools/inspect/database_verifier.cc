// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/database_verifier.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <thread>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/foundation/status_macros.h"
#include "tools/inspect/deletion_decoder.h"
#include "tools/inspect/disk_file.h"
#include "tools/inspect/record_replay.h"
#include "tools/inspect/segment_decoder.h"
#include "tools/inspect/snapshot_verifier.h"

namespace perigee::tools::inspect {
namespace {

// Between two looks at a directory that somebody may be writing.
constexpr std::chrono::milliseconds kPause{50};

struct LiveRow {
  Hash id = {};
  uint32_t segment = 0;
  uint32_t row = 0;
  friend auto operator<=>(const LiveRow&, const LiveRow&) = default;
};

// One look at the directory.
class Pass {
 public:
  Pass(const std::string& directory, const VerifyOptions& options)
      : directory_(directory), options_(options) {
    report_.directory = directory;
  }

  absl::StatusOr<VerifyReport> Run() {
    PERIGEE_RETURN_IF_ERROR(SurveyDirectory(directory_, survey_, findings()));
    if (!survey_.is_database()) {
      if (const absl::Status judged = JudgeIncomplete(); !judged.ok()) {
        return judged;
      }
      if (report_.uninitialised) {
        return std::move(report_);
      }
    }
    LoadedManifest loaded = LoadManifest(directory_, findings());
    report_.identity = loaded.identity;
    report_.current = loaded.current;
    report_.manifest_end = loaded.end;
    report_.manifest = loaded.state;
    if (loaded.state.version == 0) {
      return std::move(report_);  // without a manifest nothing else can be judged
    }
    CountBytes();
    if (std::erase(survey_.unknown, kSnapshotListName) > 0) {
      VerifySnapshot(
          directory_, report_.manifest.database, [this](uint64_t bytes) { Progress(bytes); },
          findings());
    }
    CheckPrevious(loaded);
    RecordReplay replay(report_.manifest);
    VerifyLogFiles(replay);
    for (const auto& [uuid, collection] : report_.manifest.collections) {
      VerifyCollection(collection);
    }
    for (const AttachedSegment& attached : replay.attached()) {
      VerifyAttached(attached);
    }
    ReportStrays(replay);
    return std::move(report_);
  }

 private:
  FindingList& findings() { return report_.findings; }

  std::string PathIn(const std::string& name) const { return absl::StrCat(directory_, "/", name); }

  absl::Status JudgeIncomplete() {
    if (survey_.has_marker && !survey_.has_objects()) {
      findings().Add({.severity = Severity::kNotice,
                      .code = "directory.initialising",
                      .file = "tmp/INITIALISING",
                      .expected = "a finished initialisation",
                      .found = "one that was cut short; a read-write open repeats it"});
      report_.uninitialised = true;
      return absl::OkStatus();
    }
    const bool trace = survey_.has_identity || survey_.has_current || survey_.has_objects() ||
                       !survey_.manifests.empty();
    if (!trace) {
      return absl::FailedPreconditionError(
          absl::StrCat(directory_, " is not a database: it has neither IDENTITY nor CURRENT"));
    }
    return absl::OkStatus();
  }

  void CountBytes() {
    progress_.bytes_total = 0;
    for (const auto& [uuid, collection] : report_.manifest.collections) {
      for (const auto& [segment_uuid, segment] : collection.segments) {
        progress_.bytes_total += segment.file_bytes;
      }
    }
    for (const uint64_t number : survey_.logs) {
      const absl::StatusOr<DiskFile> file = DiskFile::Open(PathIn(LogNameOf(number)));
      progress_.bytes_total += file.ok() ? file->size() : 0;
    }
  }

  void Progress(uint64_t bytes) {
    report_.bytes_read += bytes;
    progress_.bytes_done += bytes;
    if (options_.on_progress) {
      options_.on_progress(progress_);
    }
  }

  // The manifest before: kept, and its edits must lead to the checkpoint of the current one.
  void CheckPrevious(const LoadedManifest& current) {
    if (current.header.previous == 0) {
      return;
    }
    const std::string name = ManifestNameOf(current.header.previous);
    const absl::StatusOr<std::string> bytes = ReadWholeFile(PathIn(name), kManifestFileMax);
    FileFindings file(findings(), name);
    if (!bytes.ok()) {
      file.Add({.severity = Severity::kNotice,
                .code = "manifest.previous_missing",
                .expected = "the manifest before the current one, which is kept",
                .found = std::string(bytes.status().message())});
      return;
    }
    FindingList inner;
    FileFindings inside(inner, name);
    LoadedManifest before;
    before.identity = current.identity;
    if (!ReplayManifest(*bytes, before, inside)) {
      Finding first = inner.findings().empty() ? Finding() : inner.findings().front();
      first.code = "manifest.previous";
      first.file = name;
      findings().Add(std::move(first));
      return;
    }
    // Its last edit may have been in memory only when the current file was begun.
    if (before.state.head != current.checkpoint_parent) {
      return;
    }
    ManifestState expected = before.state;
    expected.version = current.checkpoint.version;
    expected.head = current.checkpoint.head;
    if (!(expected == current.checkpoint)) {
      file.Add({.code = "manifest.previous",
                .expected = absl::StrCat("edits that lead to the checkpoint of version ",
                                         current.checkpoint.version),
                .found = "another state"});
    }
  }

  void VerifyLogFiles(RecordReplay& replay) {
    const ManifestState& state = report_.manifest;
    const LogExpectation expectation = {.database = state.database,
                                        .manifest_epoch = state.epoch,
                                        .applied_lsn = state.min_applied_lsn(),
                                        .manifest_durable_lsn = state.durable_lsn,
                                        .published_max_lsn = state.published_max_lsn()};
    LogVisitor visitor;
    visitor.on_record = [&replay](const LogGroup&, const RawRecord& record, FileFindings& file) {
      replay.Take(record, file);
    };
    visitor.on_bytes = [this](uint64_t bytes) { Progress(bytes); };
    progress_.file = "wal/";
    report_.log = VerifyLog(directory_, survey_.logs, expectation, findings(), visitor);
    if (report_.log.end != LogEnd::kDamaged) {
      replay.Finish(findings());  // with records missing it would accuse the wrong ones
    }
    report_.records_to_replay = replay.records_to_replay();
  }

  void VerifyCollection(const CollectionEntry& collection) {
    CollectionFigures figures = {.name = collection.name,
                                 .uuid = collection.uuid,
                                 .applied_lsn = collection.applied_lsn,
                                 .segments = collection.segments.size()};
    std::string fault;
    const std::optional<Schema> schema = DecodeSchema(collection.schema, fault);
    if (!schema.has_value()) {
      findings().Add({.code = "manifest.schema",
                      .file = report_.current.has_value() ? report_.current->manifest_name : "",
                      .section = collection.name,
                      .expected = "a valid schema",
                      .found = fault});
    }
    std::vector<LiveRow> live;
    std::vector<std::string> names;
    for (const auto& [uuid, entry] : collection.segments) {
      const SegmentExpectation expectation = {.database = report_.manifest.database,
                                              .collection = collection.uuid,
                                              .tenant = collection.tenant,
                                              .entry = &entry,
                                              .schema = schema.has_value() ? &*schema : nullptr};
      const VerifiedSegment segment =
          VerifyOneSegment(PathOf({FileKind::kSegment, uuid}), expectation);
      const std::vector<uint32_t> dead = DeadRows(entry);
      figures.rows += entry.rows;
      figures.dead_rows += entry.deletion.has_value() ? entry.deletion->dead_rows : 0;
      figures.file_bytes += entry.file_bytes;
      // Rows with a stamp that is not applied yet do not exist before their record is replayed.
      if (entry.stamped_lsn <= collection.applied_lsn) {
        AddLiveRows(segment, dead, static_cast<uint32_t>(names.size()), live);
      }
      names.push_back(PathOf({FileKind::kSegment, uuid}));
    }
    CheckUniqueIds(live, names, collection);
    report_.collections.push_back(std::move(figures));
  }

  VerifiedSegment VerifyOneSegment(const std::string& name, const SegmentExpectation& expectation) {
    FileFindings file(findings(), name);
    progress_.file = name;
    SegmentVerifyOptions options;
    options.deep = options_.deep;
    options.on_bytes = [this](uint64_t bytes) { Progress(bytes); };
    VerifiedSegment segment = VerifySegment(PathIn(name), expectation, options, file);
    std::move(segment.deep.begin(), segment.deep.end(), std::back_inserter(report_.deep));
    return segment;
  }

  std::vector<uint32_t> DeadRows(const SegmentEntry& entry) {
    if (!entry.deletion.has_value()) {
      return {};
    }
    const std::string name = PathOf({FileKind::kDeletion, entry.deletion->uuid});
    FileFindings file(findings(), name);
    std::optional<DeletionContent> content = ReadDeletions(PathIn(name), file);
    if (!content.has_value() ||
        !CheckDeletions(*content, *entry.deletion, entry, report_.manifest.database, file)) {
      return {};
    }
    report_.bytes_read += content->file_bytes;
    return std::move(content->rows);
  }

  static void AddLiveRows(const VerifiedSegment& segment, const std::vector<uint32_t>& dead,
                          uint32_t number, std::vector<LiveRow>& live) {
    size_t next_dead = 0;
    for (uint32_t row = 0; row < segment.id_hashes.size(); ++row) {
      if (next_dead < dead.size() && dead[next_dead] == row) {
        ++next_dead;
        continue;
      }
      live.push_back({segment.id_hashes[row], number, row});
    }
  }

  // I4. With a damaged deletion file the dead of its segment would be accused, but then that file
  // is damage already.
  void CheckUniqueIds(std::vector<LiveRow>& live, const std::vector<std::string>& names,
                      const CollectionEntry& collection) {
    if (names.size() < 2 || !findings().clean()) {
      return;
    }
    std::sort(live.begin(), live.end());
    for (size_t i = 1; i < live.size(); ++i) {
      if (live[i].id == live[i - 1].id) {
        findings().Add(
            {.code = "collection.duplicate_id",
             .file = names[live[i].segment],
             .section = collection.name,
             .expected = "each id alive in one row",
             .found = absl::StrCat("the id of row ", live[i].row, " is alive in row ",
                                   live[i - 1].row, " of ", names[live[i - 1].segment], " too")});
        return;
      }
    }
  }

  // A bulk load whose manifest edit a crash prevented: the next open makes up for it.
  void VerifyAttached(const AttachedSegment& attached) {
    SegmentEntry entry;
    entry.uuid = attached.receipt.segment;
    entry.file_bytes = attached.receipt.file_bytes;
    entry.rows = attached.receipt.rows;
    entry.root = attached.receipt.root;
    entry.stamped_lsn = attached.lsn;
    entry.bucket_end = 4096;
    const SegmentExpectation expectation = {.database = report_.manifest.database,
                                            .collection = attached.collection,
                                            .tenant = attached.tenant,
                                            .entry = &entry,
                                            .schema = &attached.schema};
    VerifyOneSegment(PathOf({FileKind::kSegment, entry.uuid}), expectation);
  }

  void Notice(const std::string& code, const std::string& file, const std::string& found) {
    findings().Add({.severity = Severity::kNotice, .code = code, .file = file, .found = found});
  }

  void ReportStrays(const RecordReplay& replay) {
    std::set<NamedFile> live = report_.manifest.LiveFiles();
    for (const AttachedSegment& attached : replay.attached()) {
      live.insert({FileKind::kSegment, attached.receipt.segment});
    }
    for (const NamedFile& file : survey_.files) {
      if (report_.manifest.obsolete.count(file) > 0) {
        Notice("directory.obsolete", PathOf(file), "waits for its removal by the writer");
      } else if (live.count(file) == 0) {
        Notice("directory.stray", PathOf(file), "no part of the database");
      }
    }
    for (const NamedFile& file : live) {
      if (file.kind == FileKind::kCodebook && survey_.files.count(file) == 0) {
        findings().Add({.code = "segment.missing",
                        .file = PathOf(file),
                        .expected = "the file",
                        .found = "no such file"});
      }
    }
    for (const uint64_t number : report_.log.leftovers) {
      Notice("directory.leftover", LogNameOf(number), "no part of the log any more");
    }
    for (const uint64_t number : survey_.manifests) {
      if (report_.current.has_value() && number > report_.current->manifest_number) {
        Notice("directory.leftover", ManifestNameOf(number), "CURRENT names an older one");
      }
    }
    for (const std::string& name : survey_.temporaries) {
      Notice("directory.temporary", name, "unfinished; the next read-write open removes it");
    }
    for (const std::string& name : survey_.unknown) {
      Notice("directory.unknown", name, "not a name of the database's; left alone by everybody");
    }
  }

  const std::string& directory_;
  const VerifyOptions& options_;
  DirectorySurvey survey_;
  VerifyProgress progress_;
  VerifyReport report_;
};

std::optional<Identity> LoadIdentity(const std::string& directory, FindingList& findings) {
  FileFindings file(findings, "IDENTITY");
  const absl::StatusOr<std::string> bytes =
      ReadWholeFile(absl::StrCat(directory, "/IDENTITY"), kCurrentBytesMax);
  if (bytes.ok()) {
    return DecodeIdentity(*bytes, file);
  }
  Finding finding = ReadFinding(bytes.status(), "");
  finding.code = absl::IsUnavailable(bytes.status()) ? "file.unreadable"
                 : absl::IsNotFound(bytes.status())  ? "identity.missing"
                                                     : "identity.size";
  file.Add(std::move(finding));
  return std::nullopt;
}

std::optional<Current> LoadCurrent(const std::string& directory, FindingList& findings) {
  FileFindings file(findings, "CURRENT");
  const absl::StatusOr<std::string> text =
      ReadWholeFile(absl::StrCat(directory, "/CURRENT"), kCurrentBytesMax);
  if (text.ok()) {
    return DecodeCurrent(*text, file);
  }
  Finding finding = ReadFinding(text.status(), "");
  finding.code = absl::IsUnavailable(text.status()) ? "file.unreadable"
                 : absl::IsNotFound(text.status())  ? "current.missing"
                                                    : "current.text";
  file.Add(std::move(finding));
  return std::nullopt;
}

using FindingKey = std::tuple<Severity, std::string, std::string, uint64_t, std::string>;

FindingKey KeyOf(const Finding& finding) {
  return {finding.severity, finding.code, finding.file, finding.offset.value_or(0),
          finding.section};
}

std::set<FindingKey> Serious(const FindingList& list) {
  std::set<FindingKey> keys;
  for (const Finding& finding : list.findings()) {
    if (finding.severity != Severity::kNotice) {
      keys.insert(KeyOf(finding));
    }
  }
  return keys;
}

}  // namespace

bool ReplayManifest(std::string_view bytes, LoadedManifest& loaded, FileFindings& findings) {
  const std::optional<ManifestContent> content = DecodeManifest(bytes, findings);
  if (!content.has_value()) {
    return false;
  }
  loaded.header = content->header;
  if (loaded.identity.has_value() && content->header.database != loaded.identity->database) {
    return findings.Add(
        {.code = "manifest.identity",
         .offset = 40,
         .expected = absl::StrCat("database ", loaded.identity->database.ToString()),
         .found = content->header.database.ToString()});
  }
  for (const ManifestRecord& record : content->records) {
    const uint64_t offset = record.offset + 64;
    const std::optional<ManifestEdit> edit = DecodeManifestEdit(record.payload, offset, findings);
    if (!edit.has_value()) {
      return false;
    }
    const bool checkpoint = record.kind == ManifestRecordKind::kCheckpoint;
    if (edit->version != record.version || edit->is_checkpoint != checkpoint ||
        edit->database != content->header.database) {
      return findings.Add({.code = "manifest.edit",
                           .offset = offset,
                           .expected = absl::StrCat("the edit of version ", record.version),
                           .found = absl::StrCat("version ", edit->version, " of database ",
                                                 edit->database.ToString())});
    }
    if (!ApplyEdit(*edit, record.hash, offset, loaded.state, findings)) {
      return false;
    }
    if (checkpoint) {
      loaded.checkpoint = loaded.state;
      loaded.checkpoint_parent = edit->parent;
    }
  }
  loaded.end = content->end;
  return content->end != ManifestEnd::kDamaged;
}

LoadedManifest LoadManifest(const std::string& directory, FindingList& findings) {
  LoadedManifest loaded;
  loaded.identity = LoadIdentity(directory, findings);
  loaded.current = LoadCurrent(directory, findings);
  if (!loaded.current.has_value()) {
    return loaded;
  }
  if (loaded.identity.has_value() && loaded.current->database != loaded.identity->database) {
    FileFindings(findings, "CURRENT")
        .Add({.code = "current.identity",
              .expected = absl::StrCat("database ", loaded.identity->database.ToString()),
              .found = loaded.current->database.ToString()});
    return loaded;
  }
  const std::string& name = loaded.current->manifest_name;
  FileFindings file(findings, name);
  const absl::StatusOr<std::string> bytes =
      ReadWholeFile(absl::StrCat(directory, "/", name), kManifestFileMax);
  if (!bytes.ok()) {
    Finding finding = ReadFinding(bytes.status(), "");
    if (!absl::IsUnavailable(bytes.status())) {
      finding.code = absl::IsNotFound(bytes.status()) ? "manifest.missing" : "manifest.header";
    }
    file.Add(std::move(finding));
    return loaded;
  }
  LoadedManifest read = loaded;
  if (!ReplayManifest(*bytes, read, file)) {
    return loaded;
  }
  if (read.header.file != loaded.current->manifest_file ||
      read.header.number != loaded.current->manifest_number) {
    file.Add({.code = "manifest.identity",
              .offset = 56,
              .expected = absl::StrCat("manifest ", loaded.current->manifest_number, ", file ",
                                       loaded.current->manifest_file.ToString()),
              .found = absl::StrCat("manifest ", read.header.number, ", file ",
                                    read.header.file.ToString())});
    return loaded;
  }
  return read;
}

absl::StatusOr<VerifyReport> VerifyDatabase(const std::string& directory,
                                            const VerifyOptions& options) {
  std::set<FindingKey> before;
  int passes = 0;
  while (true) {
    absl::StatusOr<VerifyReport> report = Pass(directory, options).Run();
    PERIGEE_RETURN_IF_ERROR(report.status());
    report->passes = ++passes;
    const std::set<FindingKey> now = Serious(report->findings);
    if (now.empty() || (passes > 1 && now == before)) {
      return report;
    }
    if (passes >= options.passes_max) {
      // A writer keeps it in motion: what two looks in a row have seen stands.
      FindingList kept;
      for (const Finding& finding : report->findings.findings()) {
        if (finding.severity == Severity::kNotice || before.count(KeyOf(finding)) > 0) {
          kept.Add(finding);
        }
      }
      report->findings = std::move(kept);
      return report;
    }
    before = now;
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace perigee::tools::inspect
