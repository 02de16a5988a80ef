// SPDX-License-Identifier: Apache-2.0
#include "storage/snapshot/snapshot_list.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "absl/strings/str_cat.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"
#include "storage/layout/file_names.h"

namespace perigee::storage {
namespace {

constexpr std::string_view kTitle = "perigee snapshot ";
constexpr std::string_view kVersion = "1";

absl::Status Damaged(size_t line, std::string_view what) {
  return ErrorWithReason(ErrorReason::kDamaged,
                         absl::StrCat(Absl(kSnapshotListName), " line ", line, ": ", Absl(what),
                                      "; the list was damaged or changed, take another snapshot"));
}

// The text line by line; every line ends with '\n'.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}

  size_t number() const { return number_; }
  bool done() const { return rest_.empty(); }
  /// The next line without its end; nothing when there is none, or no end.
  std::optional<std::string_view> Next() {
    ++number_;
    const size_t end = rest_.find('\n');
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return line;
  }
  /// What follows `word` and a space on the next line.
  absl::StatusOr<std::string_view> Field(std::string_view word) {
    const std::optional<std::string_view> line = Next();
    if (!line.has_value() || !line->starts_with(word) || line->size() <= word.size() ||
        (*line)[word.size()] != ' ') {
      return Damaged(number_, absl::StrCat("expected '", Absl(word), " ...'"));
    }
    return line->substr(word.size() + 1);
  }

 private:
  std::string_view rest_;
  size_t number_ = 0;
};

// Decimal digits without leading zeros: one spelling a number.
std::optional<uint64_t> ParseCount(std::string_view digits) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() ||
      (digits.size() > 1 && digits.front() == '0')) {
    return std::nullopt;
  }
  return value;
}

std::optional<Sha256Digest> ParseDigest(std::string_view hex) {
  Sha256Digest digest{};
  if (hex.size() != 2 * digest.size()) {
    return std::nullopt;
  }
  for (size_t i = 0; i < digest.size(); ++i) {
    unsigned value = 0;
    const char* begin = hex.data() + 2 * i;
    const auto [end, error] = std::from_chars(begin, begin + 2, value, 16);
    if (error != std::errc() || end != begin + 2) {
      return std::nullopt;
    }
    digest[i] = static_cast<std::byte>(value);
  }
  return ToHex(digest) == hex ? std::optional(digest) : std::nullopt;
}

absl::StatusOr<uint64_t> CountField(Lines& lines, std::string_view word) {
  PERIGEE_ASSIGN_OR_RETURN(const std::string_view text, lines.Field(word));
  const std::optional<uint64_t> count = ParseCount(text);
  if (!count.has_value()) {
    return Damaged(lines.number(), absl::StrCat("'", Absl(text), "' is not a number"));
  }
  return *count;
}

// "<sha256> <bytes> <name>"
absl::StatusOr<SnapshotFile> ParseFile(std::string_view line, size_t number) {
  constexpr size_t kDigestEnd = 64;
  const size_t name_begin = line.rfind(' ');
  if (line.size() < kDigestEnd + 4 || line[kDigestEnd] != ' ' || name_begin <= kDigestEnd) {
    return Damaged(number, "expected '<sha256> <bytes> <name>'");
  }
  const std::optional<Sha256Digest> digest = ParseDigest(line.substr(0, kDigestEnd));
  const std::optional<uint64_t> bytes =
      ParseCount(line.substr(kDigestEnd + 1, name_begin - kDigestEnd - 1));
  if (!digest.has_value() || !bytes.has_value()) {
    return Damaged(number, "expected '<sha256> <bytes> <name>'");
  }
  SnapshotFile file{std::string(line.substr(name_begin + 1)), *bytes, *digest};
  if (!IsSnapshotFileName(file.name)) {
    return Damaged(number, "the name is not that of a file which a snapshot holds");
  }
  return file;
}

}  // namespace

uint64_t SnapshotList::total_bytes() const {
  uint64_t total = 0;
  for (const SnapshotFile& file : files) {
    total += std::min(file.bytes, std::numeric_limits<uint64_t>::max() - total);
  }
  return total;
}

bool IsSnapshotFileName(std::string_view name) {
  const std::optional<FileName> parsed = ParseFileName(name);
  if (!parsed.has_value()) {
    return false;
  }
  switch (parsed->kind) {
    case FileKind::kIdentity:
    case FileKind::kCurrent:
    case FileKind::kManifest:
    case FileKind::kLog:
    case FileKind::kSegment:
    case FileKind::kDeletion:
    case FileKind::kCodebook:
      return true;
    case FileKind::kLock:
    case FileKind::kSnapshotList:
    case FileKind::kScrubRecord:
    case FileKind::kReserve:
    case FileKind::kOpenAttempts:
    case FileKind::kTemporary:
      break;
  }
  return false;
}

absl::StatusOr<std::string> EncodeSnapshotList(SnapshotList list) {
  std::sort(list.files.begin(), list.files.end(),
            [](const SnapshotFile& a, const SnapshotFile& b) { return a.name < b.name; });
  std::string text =
      absl::StrCat(Absl(kTitle), Absl(kVersion), "\ndatabase ", list.database_uuid.ToString(),
                   "\nepoch ", list.epoch, "\nseq ", list.seq, "\nfiles ", list.files.size(), "\n");
  std::string_view previous;
  for (const SnapshotFile& file : list.files) {
    if (!IsSnapshotFileName(file.name) || file.name == previous) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", file.name, "' does not belong into a snapshot, or comes twice"));
    }
    previous = file.name;
    absl::StrAppend(&text, ToHex(file.sha256), " ", file.bytes, " ", file.name, "\n");
  }
  absl::StrAppend(&text, "sha256 ", ToHex(Sha256(AsBytes(text))), "\n");
  if (list.files.size() > kSnapshotFilesMax || text.size() > kSnapshotListBytesMax) {
    return ErrorWithReason(ErrorReason::kLimit,
                           absl::StrCat("a snapshot has at most ", kSnapshotFilesMax,
                                        " files; this one would have ", list.files.size()));
  }
  return text;
}

absl::StatusOr<SnapshotList> DecodeSnapshotList(std::string_view text) {
  Lines lines(text);
  const std::optional<std::string_view> title = lines.Next();
  if (!title.has_value() || !title->starts_with(kTitle)) {
    return Damaged(1, "is not the beginning of a snapshot list");
  }
  if (title->substr(kTitle.size()) != kVersion) {
    return ErrorWithReason(
        ErrorReason::kUnknownFormat,
        absl::StrCat("the snapshot has version '", Absl(title->substr(kTitle.size()).substr(0, 20)),
                     "'; this program knows version ", Absl(kVersion)));
  }
  SnapshotList list;
  PERIGEE_ASSIGN_OR_RETURN(const std::string_view uuid_text, lines.Field("database"));
  const absl::StatusOr<Uuid> uuid = Uuid::Parse(uuid_text);
  if (!uuid.ok() || uuid->ToString() != uuid_text) {
    return Damaged(lines.number(), "is not a uuid");
  }
  list.database_uuid = *uuid;
  PERIGEE_ASSIGN_OR_RETURN(list.epoch, CountField(lines, "epoch"));
  PERIGEE_ASSIGN_OR_RETURN(list.seq, CountField(lines, "seq"));
  PERIGEE_ASSIGN_OR_RETURN(const uint64_t count, CountField(lines, "files"));
  if (count > kSnapshotFilesMax) {
    return Damaged(lines.number(), absl::StrCat("at most ", kSnapshotFilesMax, " are possible"));
  }
  for (uint64_t i = 0; i < count; ++i) {
    const std::optional<std::string_view> line = lines.Next();
    if (!line.has_value()) {
      return Damaged(lines.number(), absl::StrCat("the list ends after ", i, " of ", count));
    }
    PERIGEE_ASSIGN_OR_RETURN(SnapshotFile file, ParseFile(*line, lines.number()));
    if (!list.files.empty() && list.files.back().name >= file.name) {
      return Damaged(lines.number(), "names do not ascend");
    }
    list.files.push_back(std::move(file));
  }
  PERIGEE_ASSIGN_OR_RETURN(const std::string_view sum, lines.Field("sha256"));
  constexpr size_t kLastLineBytes = 7 + 64 + 1;
  if (!lines.done() || text.size() < kLastLineBytes ||
      ToHex(Sha256(AsBytes(text.substr(0, text.size() - kLastLineBytes)))) != sum) {
    return Damaged(lines.number(), "the checksum of the list does not match");
  }
  return list;
}

}  // namespace perigee::storage
