// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/snapshot_verifier.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/string_view_bridge.h"
#include "tools/inspect/checksum.h"
#include "tools/inspect/directory_survey.h"
#include "tools/inspect/disk_file.h"
#include "tools/inspect/identity_decoder.h"
#include "tools/inspect/log_decoder.h"
#include "tools/inspect/manifest_replay.h"
#include "tools/inspect/segment_decoder.h"

namespace perigee::tools::inspect {
namespace {

constexpr std::string_view kTitle = "perigee snapshot ";
constexpr size_t kDigestDigits = 64;
constexpr uint64_t kListBytesMax = uint64_t{32} << 20U;
constexpr uint64_t kFilesMax = 100'000;
constexpr uint64_t kPiece = uint64_t{1} << 20U;

std::optional<uint64_t> ParseDecimal(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool leading_zero = text.size() > 1 && text[0] == '0';
  return error == std::errc() && end == text.data() + text.size() && !leading_zero
             ? std::optional(value)
             : std::nullopt;
}

bool IsDigest(std::string_view text) {
  return text.size() == kDigestDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// A name of the layout that a snapshot may hold.
bool IsListedName(std::string_view name) {
  if (name == "IDENTITY" || name == "CURRENT" || ParseManifestName(name).has_value()) {
    return true;
  }
  if (name.starts_with("wal/") && name.ends_with(".wal")) {
    const std::string_view digits = name.substr(4, name.size() - 8);
    const std::optional<uint64_t> number = ParseFileNumber(digits, 16);
    return number.has_value() && name == LogNameOf(*number);
  }
  for (const std::string_view folder : {"seg/", "del/", "book/"}) {
    if (name.starts_with(folder)) {
      const std::optional<Uuid> uuid = Uuid::Parse(name.substr(folder.size()));
      return uuid.has_value() && uuid->ToString() == name.substr(folder.size());
    }
  }
  return false;
}

// Takes the lines of a list one by one.
class LineReader {
 public:
  explicit LineReader(std::string_view text) : text_(text) {}

  // The next line, or nothing when no line feed follows.
  std::optional<std::string_view> Next() {
    const size_t end = text_.find('\n', offset_);
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    const std::string_view line = text_.substr(offset_, end - offset_);
    begin_ = offset_;
    offset_ = end + 1;
    ++number_;
    return line;
  }
  // What follows `word` and a space in the next line.
  std::optional<std::string_view> Field(std::string_view word) {
    const std::optional<std::string_view> line = Next();
    if (!line.has_value() || !line->starts_with(word) || line->size() <= word.size() ||
        (*line)[word.size()] != ' ') {
      return std::nullopt;
    }
    return line->substr(word.size() + 1);
  }
  std::optional<uint64_t> Number(std::string_view word) {
    const std::optional<std::string_view> text = Field(word);
    return text.has_value() ? ParseDecimal(*text) : std::nullopt;
  }

  bool done() const { return offset_ == text_.size(); }
  size_t number() const { return number_; }
  // Where the line that Next gave last begins.
  size_t begin() const { return begin_; }

 private:
  std::string_view text_;
  size_t offset_ = 0;
  size_t begin_ = 0;
  size_t number_ = 0;
};

std::optional<ListedFile> ParseEntry(std::string_view line) {
  const size_t first = line.find(' ');
  const size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos) {
    return std::nullopt;
  }
  const std::optional<uint64_t> bytes = ParseDecimal(line.substr(first + 1, second - first - 1));
  ListedFile file = {.name = std::string(line.substr(second + 1)),
                     .bytes = bytes.value_or(0),
                     .sha256 = std::string(line.substr(0, first))};
  if (!bytes.has_value() || !IsDigest(file.sha256) || !IsListedName(file.name)) {
    return std::nullopt;
  }
  return file;
}

// All lines behind the title; false at the first that is not as it should be.
bool ParseLines(LineReader& lines, std::string_view text, SnapshotList& list) {
  const std::optional<std::string_view> uuid_text = lines.Field("database");
  const std::optional<Uuid> uuid = uuid_text.has_value() ? Uuid::Parse(*uuid_text) : std::nullopt;
  if (!uuid.has_value() || uuid->ToString() != *uuid_text) {
    return false;
  }
  list.database = *uuid;
  const std::optional<uint64_t> epoch = lines.Number("epoch");
  const std::optional<uint64_t> seq = epoch.has_value() ? lines.Number("seq") : std::nullopt;
  const std::optional<uint64_t> count = seq.has_value() ? lines.Number("files") : std::nullopt;
  if (!count.has_value() || *count > kFilesMax) {
    return false;
  }
  list.epoch = *epoch;
  list.seq = *seq;
  for (uint64_t i = 0; i < *count; ++i) {
    const std::optional<std::string_view> line = lines.Next();
    std::optional<ListedFile> file = line.has_value() ? ParseEntry(*line) : std::nullopt;
    if (!file.has_value() || (i > 0 && file->name <= list.files.back().name)) {
      return false;
    }
    list.files.push_back(*std::move(file));
  }
  const std::optional<std::string_view> sum = lines.Field("sha256");
  return sum.has_value() && lines.done() && Sha256Hex(text.substr(0, lines.begin())) == *sum;
}

void VerifyListed(const std::string& directory, const ListedFile& listed,
                  const std::function<void(uint64_t)>& on_bytes, FindingList& findings) {
  FileFindings file(findings, listed.name);
  const absl::StatusOr<DiskFile> opened = DiskFile::Open(absl::StrCat(directory, "/", listed.name));
  if (!opened.ok()) {
    Finding finding = ReadFinding(opened.status(), "");
    if (!absl::IsUnavailable(opened.status())) {
      finding.code = "snapshot.missing";
      finding.expected = "the file that SNAPSHOT names";
    }
    file.Add(std::move(finding));
    return;
  }
  if (opened->size() != listed.bytes) {
    file.Add({.code = "snapshot.file",
              .expected = absl::StrCat(listed.bytes, " bytes, as SNAPSHOT says"),
              .found = absl::StrCat(opened->size(), " bytes")});
    return;
  }
  Sha256Stream sum;
  std::string piece;
  for (uint64_t at = 0; at < listed.bytes; at += piece.size()) {
    piece.resize(std::min(kPiece, listed.bytes - at));
    if (const absl::Status read = opened->ReadInto(at, piece); !read.ok()) {
      file.Add(ReadFinding(read, ""));
      return;
    }
    sum.Add(piece);
    if (on_bytes) {
      on_bytes(piece.size());
    }
  }
  const std::string found = sum.Hex();
  if (found != listed.sha256 && !CanaryActive("inspect-skips-snapshot-checksum")) {
    file.Add({.code = "snapshot.file",
              .expected = absl::StrCat("SHA-256 ", listed.sha256, ", as SNAPSHOT says"),
              .found = found});
  }
}

// The files of the layout that are there.
std::vector<std::string> FilesThere(const std::string& directory) {
  DirectorySurvey survey;
  FindingList folders;  // the whole directory's verification reports them
  std::vector<std::string> names;
  if (!SurveyDirectory(directory, survey, folders).ok()) {
    return names;
  }
  if (survey.has_identity) {
    names.emplace_back("IDENTITY");
  }
  if (survey.has_current) {
    names.emplace_back("CURRENT");
  }
  for (const uint64_t number : survey.manifests) {
    names.push_back(ManifestNameOf(number));
  }
  for (const uint64_t number : survey.logs) {
    names.push_back(LogNameOf(number));
  }
  for (const NamedFile& file : survey.files) {
    names.push_back(PathOf(file));
  }
  names.insert(names.end(), survey.temporaries.begin(), survey.temporaries.end());
  for (const std::string& name : survey.unknown) {
    if (name != kSnapshotListName) {
      names.push_back(name);
    }
  }
  return names;
}

}  // namespace

std::optional<SnapshotList> DecodeSnapshotList(std::string_view text, FileFindings& findings) {
  LineReader lines(text);
  const std::optional<std::string_view> title = lines.Next();
  if (title.has_value() && title->starts_with(kTitle) && title->substr(kTitle.size()) != "1") {
    findings.Add({.severity = Severity::kUnsupported,
                  .code = "format.version",
                  .expected = "snapshot version 1",
                  .found = std::string(title->substr(0, 40))});
    return std::nullopt;
  }
  SnapshotList list;
  if (!title.has_value() || !title->starts_with(kTitle) || !ParseLines(lines, text, list)) {
    findings.Add({.code = "snapshot.list",
                  .offset = lines.begin(),
                  .expected = "a list of files as the page has it, with its checksum",
                  .found = absl::StrCat("line ", lines.number(), ": '",
                                        Absl(text.substr(lines.begin(), 60)), "'")});
    return std::nullopt;
  }
  return list;
}

void VerifySnapshot(const std::string& directory, const std::optional<Uuid>& database,
                    const std::function<void(uint64_t)>& on_bytes, FindingList& findings) {
  FileFindings file(findings, std::string(kSnapshotListName));
  const absl::StatusOr<std::string> text =
      ReadWholeFile(absl::StrCat(directory, "/", Absl(kSnapshotListName)), kListBytesMax);
  if (!text.ok()) {
    Finding finding = ReadFinding(text.status(), "");
    if (!absl::IsUnavailable(text.status())) {
      finding.code = "snapshot.list";
    }
    file.Add(std::move(finding));
    return;
  }
  const std::optional<SnapshotList> list = DecodeSnapshotList(*text, file);
  if (!list.has_value()) {
    return;
  }
  if (database.has_value() && list->database != *database) {
    file.Add({.code = "snapshot.list",
              .expected = absl::StrCat("database ", database->ToString(), ", as in IDENTITY"),
              .found = list->database.ToString()});
  }
  for (const ListedFile& listed : list->files) {
    VerifyListed(directory, listed, on_bytes, findings);
  }
  for (const std::string& name : FilesThere(directory)) {
    const auto place = std::lower_bound(
        list->files.begin(), list->files.end(), name,
        [](const ListedFile& listed, const std::string& other) { return listed.name < other; });
    if (place == list->files.end() || place->name != name) {
      FileFindings(findings, name)
          .Add({.code = "snapshot.extra",
                .expected = "only files that SNAPSHOT names",
                .found = "one more"});
    }
  }
}

}  // namespace perigee::tools::inspect
