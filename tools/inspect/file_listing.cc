// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/file_listing.h"

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"
#include "tools/inspect/byte_view.h"
#include "tools/inspect/database_verifier.h"
#include "tools/inspect/deletion_decoder.h"
#include "tools/inspect/directory_survey.h"
#include "tools/inspect/disk_file.h"
#include "tools/inspect/log_decoder.h"
#include "tools/inspect/log_verifier.h"
#include "tools/inspect/record_decoder.h"
#include "tools/inspect/row_offsets.h"
#include "tools/inspect/segment_decoder.h"
#include "tools/inspect/text_table.h"
#include "tools/inspect/value_decoder.h"
#include "tools/inspect/verify_report.h"

namespace perigee::tools::inspect {
namespace {

using Json = nlohmann::ordered_json;

Json Document(const char* what, const std::string& path) {
  return {
      {"schema", absl::StrCat("perigee-inspect.", what)}, {"schema_version", 1}, {"path", path}};
}

// Prints the document, or lets `print` show it, then the findings.
template <typename Print>
int Finish(const ListingOptions& options, Json document, const FindingList& findings,
           std::ostream& out, const Print& print) {
  if (options.json) {
    document["findings"] = FindingsJson(findings);
    out << document.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
  } else {
    print();
    PrintFindings(findings, out);
  }
  return VerifyExitCode(findings);
}

void PrintMore(uint64_t left_out, const char* what, std::ostream& out) {
  if (left_out > 0) {
    out << "and " << Grouped(left_out) << " " << what << " more; --limit 0 shows all\n";
  }
}

// What a record does, in a few words.
std::string RecordDetail(const RawRecord& raw) {
  std::string fault;
  const std::optional<LoggedRecord> record = DecodeRecord(raw.type, raw.payload, fault);
  if (!record.has_value()) {
    return fault;
  }
  const auto first = [](std::string_view id, size_t count) {
    return count == 0 ? std::string()
                      : absl::StrCat(": ", PointIdText(id), count > 1 ? ", ..." : "");
  };
  switch (record->kind) {
    case RecordKind::kCreateCollection:
      return absl::StrCat("'", record->name, "', ", record->schema.size(), " vectors");
    case RecordKind::kUpsert:
      return absl::StrCat(
          record->rows.size(), " points",
          first(record->rows.empty() ? "" : record->rows[0].id, record->rows.size()));
    case RecordKind::kDelete:
      return absl::StrCat(record->ids.size(), " ids",
                          first(record->ids.empty() ? "" : record->ids[0], record->ids.size()));
    case RecordKind::kAttach:
      return absl::StrCat(record->receipts.size(), " segments");
    default:
      return "";
  }
}

// Rows of the log's table, for people and as JSON.
class LogRows {
 public:
  explicit LogRows(uint64_t limit) : limit_(limit) {}

  void Add(uint64_t number, const LogGroup& group) {
    if (group.records.empty()) {
      AddRow({absl::StrCat(number), absl::StrCat(group.offset), absl::StrCat(group.slot),
              absl::StrCat(group.epoch), "-",
              group.flags == kCleanClose ? "clean close" : "durable mark", "",
              absl::StrCat(group.length), absl::StrCat(group.trailer.durable_lsn), ""},
             {{"file", number},
              {"offset", group.offset},
              {"slot", group.slot},
              {"epoch", group.epoch},
              {"type", group.flags == kCleanClose ? "clean close" : "durable mark"},
              {"durable_lsn", group.trailer.durable_lsn}});
    }
    for (const RawRecord& record : group.records) {
      const std::string kind = RecordKindName(record.type);
      const std::string collection =
          record.payload.size() >= 20 ? Uuid::From(record.payload.substr(4, 16)).ToString() : "";
      const std::string detail = RecordDetail(record);
      AddRow({absl::StrCat(number), absl::StrCat(record.offset), absl::StrCat(group.slot),
              absl::StrCat(group.epoch), absl::StrCat(record.lsn), kind, collection.substr(0, 8),
              absl::StrCat(record.payload.size()), absl::StrCat(group.trailer.durable_lsn), detail},
             {{"file", number},
              {"offset", record.offset},
              {"slot", group.slot},
              {"epoch", group.epoch},
              {"lsn", record.lsn},
              {"type", kind},
              {"collection", collection},
              {"bytes", record.payload.size()},
              {"durable_lsn", group.trailer.durable_lsn},
              {"content", detail}});
    }
  }

  const TextTable& table() const { return table_; }
  const Json& json() const { return json_; }
  uint64_t left_out() const { return left_out_; }

 private:
  void AddRow(std::vector<std::string> row, Json json) {
    if (limit_ != 0 && table_.rows() >= limit_) {
      ++left_out_;
      return;
    }
    table_.Add(std::move(row));
    json_.push_back(std::move(json));
  }

  uint64_t limit_;
  uint64_t left_out_ = 0;
  TextTable table_{{"FILE", "OFFSET", "SLOT", "EPOCH", "LSN", "TYPE", "COLLECTION", "BYTES",
                    "DURABLE", "CONTENT"}};
  Json json_ = Json::array();
};

absl::StatusOr<int> ListLogOfDirectory(const ListingOptions& options, std::ostream& out) {
  FindingList findings;
  DirectorySurvey survey;
  PERIGEE_RETURN_IF_ERROR(SurveyDirectory(options.path, survey, findings));
  const LoadedManifest loaded = LoadManifest(options.path, findings);
  const ManifestState& state = loaded.state;
  const LogExpectation expectation = {.database = state.database,
                                      .manifest_epoch = state.epoch,
                                      .applied_lsn = state.min_applied_lsn(),
                                      .manifest_durable_lsn = state.durable_lsn,
                                      .published_max_lsn = state.published_max_lsn()};
  LogRows rows(options.limit);
  LogVisitor visitor;
  visitor.on_group = [&rows](const LogFileSummary& file, const LogGroup& group) {
    rows.Add(file.number, group);
  };
  const LogSummary log = VerifyLog(options.path, survey.logs, expectation, findings, visitor);
  Json document = Document("wal", options.path);
  document["end"] = LogEndName(log.end);
  document["last_lsn"] = log.last_lsn;
  document["durable_lsn"] = log.durable_lsn;
  document["records"] = rows.json();
  document["records_left_out"] = rows.left_out();
  return Finish(options, std::move(document), findings, out, [&] {
    for (const LogFileSummary& file : log.files) {
      out << LogNameOf(file.number) << ": " << BytesText(file.bytes) << ", epoch " << file.epoch
          << ", LSN " << file.first_lsn << " to " << file.last_lsn << ", " << file.groups
          << " groups, used up to offset " << file.end_offset << "\n";
    }
    rows.table().Print(out);
    PrintMore(rows.left_out(), "records", out);
    out << "the log is " << LogEndName(log.end) << "; last LSN " << log.last_lsn
        << ", known to be durable up to LSN " << log.durable_lsn << "\n";
  });
}

}  // namespace

absl::StatusOr<int> ListLog(const ListingOptions& options, std::ostream& out) {
  if (IsDirectory(options.path)) {
    return ListLogOfDirectory(options, out);
  }
  PERIGEE_RETURN_IF_ERROR(DiskFile::Open(options.path).status());
  FindingList findings;
  FileFindings file(findings, options.path);
  Json document = Document("wal", options.path);
  std::optional<LogFile> log = LogFile::OpenPath(options.path, file);
  if (!log.has_value()) {
    return Finish(options, std::move(document), findings, out, [] {});
  }
  const LogHeader& header = log->header();
  LogRows rows(options.limit);
  uint64_t offset = kLogBlock;
  std::string fault;
  while (true) {
    bool unsupported = false;
    PERIGEE_ASSIGN_OR_RETURN(const std::optional<LogGroup> group,
                             log->GroupAt(offset, fault, unsupported));
    if (!group.has_value()) {
      break;
    }
    rows.Add(header.number, *group);
    offset += group->extent_bytes;
  }
  document["header"] = {{"database", header.database.ToString()},
                        {"number", header.number},
                        {"bytes", header.file_bytes},
                        {"epoch", header.epoch},
                        {"predecessor", header.predecessor},
                        {"first_slot", header.first_slot},
                        {"first_lsn", header.first_lsn},
                        {"durable_lsn", header.durable_lsn}};
  document["records"] = rows.json();
  document["records_left_out"] = rows.left_out();
  document["end_offset"] = offset;
  document["end"] = fault;
  return Finish(options, std::move(document), findings, out, [&] {
    out << "log file " << header.number << " of database " << header.database.ToString() << ", "
        << BytesText(header.file_bytes) << ", epoch " << header.epoch << "\nafter file "
        << header.predecessor << ", from slot " << header.first_slot << " and LSN "
        << header.first_lsn << "; durable up to LSN " << header.durable_lsn << "\n";
    rows.table().Print(out);
    PrintMore(rows.left_out(), "records", out);
    out << "at offset " << offset << ": " << fault
        << "\nWhether the log may end here, perigee-inspect verify says for the directory.\n";
  });
}

namespace {

std::string ItemDetail(const ManifestItem& item) {
  const auto segment = [&item] {
    const SegmentEntry& entry = item.segment;
    std::string text = absl::StrCat("seg/", entry.uuid.ToString());
    if (entry.file_bytes > 0) {
      absl::StrAppend(&text, ", ", entry.rows, " rows, ", BytesText(entry.file_bytes), ", LSN ",
                      entry.min_lsn, " to ", entry.max_lsn);
    }
    if (entry.stamped_lsn > 0) {
      absl::StrAppend(&text, ", stamped ", entry.stamped_lsn);
    }
    if (entry.deletion.has_value()) {
      absl::StrAppend(&text, ", ", entry.deletion->dead_rows, " dead");
    }
    return text;
  };
  switch (item.kind) {
    case ItemKind::kCollectionAdded:
      return absl::StrCat("'", item.name, "' ", item.collection.ToString(), ", created at LSN ",
                          item.created_lsn, ", applied up to ", item.applied_lsn);
    case ItemKind::kCollectionDropped:
      return item.collection.ToString();
    case ItemKind::kAppliedLsn:
      return absl::StrCat(item.collection.ToString(), " up to LSN ", item.applied_lsn);
    case ItemKind::kDeletions:
      return absl::StrCat(segment(), ": del/", item.deletion.uuid.ToString(), ", generation ",
                          item.deletion.generation, ", ", item.deletion.dead_rows,
                          " dead up to LSN ", item.deletion.complete_lsn);
    case ItemKind::kFileForgotten:
    case ItemKind::kFileObsolete:
      return PathOf(item.file);
    default:
      return segment();
  }
}

// Edits and their items as rows.
void AddEdits(const ManifestContent& content, const ListingOptions& options, TextTable& table,
              Json& edits, uint64_t& left_out) {
  FindingList ignored;
  FileFindings file(ignored, options.path);
  for (const ManifestRecord& record : content.records) {
    if (options.limit != 0 && edits.size() >= options.limit) {
      ++left_out;
      continue;
    }
    const std::optional<ManifestEdit> edit =
        DecodeManifestEdit(record.payload, record.offset + 64, file);
    Json items = Json::array();
    const char* kind = record.kind == ManifestRecordKind::kCheckpoint ? "checkpoint" : "edit";
    table.Add({absl::StrCat(record.offset), absl::StrCat(record.version), kind,
               edit.has_value() ? absl::StrCat(edit->epoch) : "",
               edit.has_value() && edit->durable_lsn > 0 ? absl::StrCat(edit->durable_lsn) : "",
               record.marked ? "yes" : "no",
               edit.has_value() ? absl::StrCat(edit->items.size(), " items") : "not readable"});
    for (const ManifestItem& item : edit.has_value() ? edit->items : std::vector<ManifestItem>()) {
      const std::string detail = ItemDetail(item);
      table.Add({"", "", "", "", "", "", absl::StrCat(Absl(ItemKindName(item.kind)), " ", detail)});
      items.push_back({{"kind", ItemKindName(item.kind)}, {"content", detail}});
    }
    edits.push_back({{"offset", record.offset},
                     {"version", record.version},
                     {"type", kind},
                     {"marked", record.marked},
                     {"epoch", edit.has_value() ? Json(edit->epoch) : Json()},
                     {"durable_lsn", edit.has_value() ? Json(edit->durable_lsn) : Json()},
                     {"items", std::move(items)}});
  }
}

// Every manifest in the directory, for somebody who has to choose one.
void AddCandidates(const std::string& directory, TextTable& table, Json& json) {
  DirectorySurvey survey;
  FindingList ignored;
  if (!SurveyDirectory(directory, survey, ignored).ok()) {
    return;
  }
  for (const uint64_t number : survey.manifests) {
    const std::string name = ManifestNameOf(number);
    const absl::StatusOr<std::string> bytes =
        ReadWholeFile(absl::StrCat(directory, "/", name), kManifestFileMax);
    LoadedManifest loaded;
    FileFindings file(ignored, name);
    const bool whole = bytes.ok() && ReplayManifest(*bytes, loaded, file);
    uint64_t missing = 0;
    uint64_t segments = 0;
    for (const NamedFile& live : loaded.state.LiveFiles()) {
      segments += live.kind == FileKind::kSegment ? 1 : 0;
      missing += survey.files.count(live) == 0 ? 1 : 0;
    }
    table.Add({name, whole ? absl::StrCat("whole, ", Absl(ManifestEndName(loaded.end))) : "damaged",
               absl::StrCat(loaded.state.version), absl::StrCat(loaded.state.epoch),
               absl::StrCat(loaded.state.durable_lsn),
               absl::StrCat(loaded.state.collections.size()), absl::StrCat(segments),
               absl::StrCat(missing)});
    json.push_back({{"file", name},
                    {"whole", whole},
                    {"end", ManifestEndName(loaded.end)},
                    {"version", loaded.state.version},
                    {"epoch", loaded.state.epoch},
                    {"durable_lsn", loaded.state.durable_lsn},
                    {"collections", loaded.state.collections.size()},
                    {"segments", segments},
                    {"files_missing", missing}});
  }
}

}  // namespace

absl::StatusOr<int> ListManifest(const ListingOptions& options, std::ostream& out) {
  FindingList findings;
  std::string path = options.path;
  Json document = Document("manifest", options.path);
  TextTable candidates(
      {"MANIFEST", "STATE", "VERSION", "EPOCH", "DURABLE", "COLLECTIONS", "SEGMENTS", "MISSING"});
  bool damaged = false;
  if (IsDirectory(options.path)) {
    const LoadedManifest loaded = LoadManifest(options.path, findings);
    damaged = loaded.state.version == 0;
    if (loaded.current.has_value()) {
      path = absl::StrCat(options.path, "/", loaded.current->manifest_name);
      document["current"] = loaded.current->manifest_name;
    }
    if (damaged) {
      document["candidates"] = Json::array();
      AddCandidates(options.path, candidates, document["candidates"]);
    }
  }
  TextTable table({"OFFSET", "VERSION", "TYPE", "EPOCH", "DURABLE", "MARKED", "CONTENT"});
  Json edits = Json::array();
  uint64_t left_out = 0;
  std::string end = "not readable";
  const absl::StatusOr<std::string> bytes = IsDirectory(path)
                                                ? absl::NotFoundError("no current manifest")
                                                : ReadWholeFile(path, kManifestFileMax);
  if (!bytes.ok() && !IsDirectory(options.path)) {
    return bytes.status();
  }
  if (bytes.ok()) {
    FileFindings file(findings, path);
    FindingList seen_already;
    FileFindings again(seen_already, path);
    const std::optional<ManifestContent> content =
        DecodeManifest(*bytes, IsDirectory(options.path) ? again : file);
    if (content.has_value()) {
      AddEdits(*content, options, table, edits, left_out);
      end = ManifestEndName(content->end);
    }
  }
  document["edits"] = std::move(edits);
  document["edits_left_out"] = left_out;
  document["end"] = end;
  return Finish(options, std::move(document), findings, out, [&] {
    table.Print(out);
    PrintMore(left_out, "edits", out);
    out << path << ": " << end << "\n";
    if (damaged) {
      out << "The current manifest cannot be used. Manifests in the directory; one that is whole "
             "and misses no file is what a backup of CURRENT could name:\n";
      candidates.Print(out);
    }
  });
}

namespace {

absl::StatusOr<int> ListDeletions(const ListingOptions& options, std::ostream& out) {
  FindingList findings;
  FileFindings file(findings, options.path);
  const std::optional<DeletionContent> content = ReadDeletions(options.path, file);
  Json document = Document("deletions", options.path);
  TextTable table({"ROW", "LSN"});
  Json rows = Json::array();
  uint64_t left_out = 0;
  if (content.has_value()) {
    for (size_t i = 0; i < content->rows.size(); ++i) {
      if (options.limit != 0 && i >= options.limit) {
        ++left_out;
        continue;
      }
      table.Add({absl::StrCat(content->rows[i]), absl::StrCat(content->lsns[i])});
      rows.push_back({{"row", content->rows[i]}, {"lsn", content->lsns[i]}});
    }
    document["segment"] = content->segment.ToString();
    document["generation"] = content->generation;
    document["complete_lsn"] = content->complete_lsn;
    document["segment_rows"] = content->segment_rows;
    document["dead_rows"] = content->rows.size();
  }
  document["rows"] = std::move(rows);
  return Finish(options, std::move(document), findings, out, [&] {
    if (content.has_value()) {
      out << "deletions of segment " << content->segment.ToString() << ", generation "
          << content->generation << ", up to LSN " << content->complete_lsn << ": "
          << content->rows.size() << " of " << content->segment_rows << " rows\n";
      table.Print(out);
      PrintMore(left_out, "rows", out);
    }
  });
}

void AddSections(const SegmentFile& segment, FileFindings& findings, TextTable& table,
                 Json& sections) {
  for (const SegmentSection& section : segment.sections()) {
    const bool good = segment.ReadPages(section, {}, findings);
    const char* state = good ? "good" : section.derived() ? "damaged, can be rebuilt" : "damaged";
    table.Add({section.name(), absl::StrCat(section.offset), Grouped(section.length),
               Grouped(section.count), absl::StrCat(section.element_bytes),
               absl::StrCat(section.pages()), state});
    sections.push_back({{"name", section.name()},
                        {"offset", section.offset},
                        {"bytes", section.length},
                        {"elements", section.count},
                        {"element_bytes", section.element_bytes},
                        {"page_bytes", section.page_bytes},
                        {"pages", section.pages()},
                        {"good", good}});
  }
}

std::optional<std::string> Section(const SegmentFile& segment, SectionKind kind,
                                   FileFindings& findings) {
  const SegmentSection* section = segment.Find(kind);
  return section == nullptr ? std::nullopt : segment.ReadSection(*section, findings);
}

void AddRows(const SegmentFile& segment, const ListingOptions& options, FileFindings& findings,
             TextTable& table, Json& rows) {
  const std::optional<std::string> id_bytes = Section(segment, SectionKind::kIds, findings);
  const std::optional<std::string> payload_bytes =
      Section(segment, SectionKind::kPayload, findings);
  const std::optional<std::string> lsns = Section(segment, SectionKind::kLsns, findings);
  std::string fault;
  const auto ids =
      id_bytes.has_value() ? RowBytes::Decode(*id_bytes, segment.rows(), fault) : std::nullopt;
  const auto payloads = payload_bytes.has_value()
                            ? RowBytes::Decode(*payload_bytes, segment.rows(), fault)
                            : std::nullopt;
  uint64_t end = segment.rows();
  if (options.limit != 0 && options.first_row < end) {
    end = std::min(end, options.first_row + options.limit);
  }
  for (uint64_t row = options.first_row; row < end; ++row) {
    const bool id_good = ids.has_value() && !PointIdFault(ids->At(row)).has_value();
    const bool payload_good = payloads.has_value() && !PayloadFault(payloads->At(row)).has_value();
    const std::string id = id_good ? PointIdText(ids->At(row)) : "not readable";
    const std::string payload = payload_good ? PayloadText(payloads->At(row)) : "not readable";
    const std::string lsn = lsns.has_value() ? absl::StrCat(U64At(*lsns, row * 8)) : "stamped";
    table.Add({absl::StrCat(row), lsn, id, payload});
    rows.push_back({{"row", row}, {"lsn", lsn}, {"id", id}, {"payload", payload}});
  }
}

}  // namespace

absl::StatusOr<int> ListSegment(const ListingOptions& options, std::ostream& out) {
  PERIGEE_ASSIGN_OR_RETURN(const DiskFile probe, DiskFile::Open(options.path));
  const absl::StatusOr<std::string> magic = probe.Read(0, std::min<uint64_t>(8, probe.size()));
  if (magic.ok() && *magic == "PERGDEL1") {
    return ListDeletions(options, out);
  }
  FindingList findings;
  FileFindings file(findings, options.path);
  Json document = Document("segment", options.path);
  const std::optional<SegmentFile> segment = SegmentFile::Open(options.path, file);
  if (!segment.has_value()) {
    return Finish(options, std::move(document), findings, out, [] {});
  }
  const SegmentHeader& header = segment->header();
  TextTable sections({"SECTION", "OFFSET", "BYTES", "ELEMENTS", "EACH", "PAGES", "STATE"});
  TextTable rows({"ROW", "LSN", "ID", "PAYLOAD"});
  document["segment"] = header.segment.ToString();
  document["collection"] = header.collection.ToString();
  document["database"] = header.database.ToString();
  document["bytes"] = segment->size();
  document["row_count"] = segment->rows();
  document["min_lsn"] = header.min_lsn;
  document["max_lsn"] = header.max_lsn;
  document["root"] = HexOf(segment->root());
  document["sections"] = Json::array();
  AddSections(*segment, file, sections, document["sections"]);
  segment->CheckGaps(file);
  if (options.rows) {
    FindingList seen_already;
    FileFindings again(seen_already, options.path);
    document["rows"] = Json::array();
    AddRows(*segment, options, again, rows, document["rows"]);
  }
  return Finish(options, std::move(document), findings, out, [&] {
    out << "segment " << header.segment.ToString() << " of collection "
        << header.collection.ToString() << "\n"
        << Grouped(segment->rows()) << " rows, " << BytesText(segment->size()) << ", LSN "
        << header.min_lsn << " to " << header.max_lsn << ", root checksum "
        << HexOf(segment->root()) << "\n";
    sections.Print(out);
    if (options.rows) {
      rows.Print(out);
    }
  });
}

}  // namespace perigee::tools::inspect
