// SPDX-License-Identifier: Apache-2.0
#include "tools/inspect/segment_decoder.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "storage/foundation/canary.h"
#include "tools/inspect/byte_view.h"
#include "tools/inspect/identity_decoder.h"

namespace perigee::tools::inspect {
namespace {

constexpr std::string_view kHeaderMagic = "PERGSEG1";
constexpr std::string_view kFooterMagic = "PGSFOOT1";
constexpr uint64_t kBlock = 4096;
constexpr size_t kEntryBytes = 64;
constexpr uint32_t kSectionsMax = 1024;
constexpr uint64_t kRowsMax = 4294967294;
constexpr uint32_t kPageMin = 4096;
constexpr uint32_t kPageMax = 1U << 20U;
constexpr uint32_t kBuckets = 4096;
constexpr uint64_t kChunk = uint64_t{1} << 20U;

bool IsUnit(uint32_t value) {
  return value >= kPageMin && value <= kPageMax && (value & (value - 1)) == 0;
}

bool IsKnown(SectionKind kind) {
  const auto number = static_cast<uint16_t>(kind);
  return (number >= 1 && number <= 6) || number == 16 || number == 17;
}

std::string KindName(SectionKind kind) {
  switch (kind) {
    case SectionKind::kIds:
      return "ids";
    case SectionKind::kLsns:
      return "lsns";
    case SectionKind::kPayload:
      return "payload";
    case SectionKind::kVectors:
      return "vectors";
    case SectionKind::kNorms:
      return "norms";
    case SectionKind::kPresence:
      return "presence";
    case SectionKind::kIdOrder:
      return "id_order";
    case SectionKind::kHnsw:
      return "hnsw";
  }
  return absl::StrCat("kind ", static_cast<uint16_t>(kind));
}

bool HasOrdinal(SectionKind kind) {
  return kind == SectionKind::kVectors || kind == SectionKind::kNorms ||
         kind == SectionKind::kPresence || kind == SectionKind::kHnsw || !IsKnown(kind);
}

bool CheckBlock(std::string_view block, std::string_view magic, uint64_t offset,
                FileFindings& findings) {
  if (block.substr(0, 8) != magic) {
    return findings.Add({.code = "segment.frame",
                         .offset = offset,
                         .expected = std::string(magic),
                         .found = HexOf(block.substr(0, 8))});
  }
  const uint32_t crc = MaskedCrc32c(block.substr(0, kBlock - 4));
  if (crc != U32At(block, kBlock - 4)) {
    return findings.Add({.code = "segment.frame",
                         .offset = offset + kBlock - 4,
                         .expected = absl::StrFormat("checksum %08x", crc),
                         .found = absl::StrFormat("%08x", U32At(block, kBlock - 4))});
  }
  return true;
}

// Bytes of a block that must be zero.
struct ReservedRange {
  size_t begin = 0;
  size_t end = 0;
  uint64_t block_offset = 0;  // in the file
};

bool CheckReserved(std::string_view block, const ReservedRange& range, const std::string& code,
                   FileFindings& findings) {
  const size_t used = block.substr(0, range.end).find_first_not_of('\0', range.begin);
  if (used == std::string_view::npos) {
    return true;
  }
  return findings.Add({.code = code,
                       .offset = range.block_offset + used,
                       .expected = absl::StrCat("zeros in the reserved bytes ", range.begin, " to ",
                                                range.end - 1, " of the block"),
                       .found = HexOf(block.substr(used, std::min<size_t>(8, range.end - used)))});
}

// The same for what the table of kinds says.
std::string KnownEntryFault(const SegmentSection& section, uint64_t rows) {
  const bool may_be_dropped = static_cast<uint16_t>(section.kind) >= 16;
  const uint32_t flags = may_be_dropped ? kSectionDerived | kSectionIgnorable : 0;
  if (section.flags != flags) {
    return absl::StrFormat("flags 0x%x where 0x%x belong", section.flags, flags);
  }
  if (section.ordinal != 0 && !HasOrdinal(section.kind)) {
    return absl::StrCat("ordinal ", section.ordinal);
  }
  uint32_t element_bytes = section.element_bytes;
  switch (section.kind) {
    case SectionKind::kIds:
    case SectionKind::kPayload:
    case SectionKind::kPresence:
      element_bytes = 0;
      break;
    case SectionKind::kLsns:
    case SectionKind::kNorms:
      element_bytes = 8;
      break;
    case SectionKind::kIdOrder:
      element_bytes = 4;
      break;
    case SectionKind::kHnsw:
      element_bytes = 1;
      break;
    default:
      break;
  }
  if (section.element_bytes != element_bytes ||
      (section.kind != SectionKind::kHnsw && section.count != rows)) {
    return absl::StrCat(section.count, " elements of ", section.element_bytes, " bytes for ", rows,
                        " rows");
  }
  const bool fits = section.kind == SectionKind::kIds || section.kind == SectionKind::kPayload
                        ? section.length / 8 > rows
                    : section.kind == SectionKind::kPresence
                        ? section.length == (rows + 63) / 64 * 8
                    : section.kind == SectionKind::kVectors
                        ? section.element_bytes >= 2 && section.element_bytes % 2 == 0
                        : true;
  return fits ? "" : absl::StrCat(section.length, " bytes for ", rows, " rows");
}

// What is wrong with a directory entry seen by itself; empty when nothing is.
std::string EntryFault(const SegmentSection& section, uint64_t rows, uint64_t file_bytes) {
  const auto kind = static_cast<uint16_t>(section.kind);
  if ((section.flags & ~(kSectionDerived | kSectionIgnorable)) != 0) {
    return absl::StrFormat("unknown flags 0x%x", section.flags);
  }
  const bool known = IsKnown(section.kind);
  if (!known && (section.flags & kSectionIgnorable) == 0) {
    return absl::StrCat("unknown kind ", kind);
  }
  if (!IsUnit(section.page_bytes)) {
    return absl::StrCat("pages of ", section.page_bytes, " bytes");
  }
  if (section.offset > file_bytes || section.length > file_bytes - section.offset) {
    return absl::StrCat(section.length, " bytes at offset ", section.offset, " of ", file_bytes);
  }
  if (section.element_bytes != 0 && (section.length % section.element_bytes != 0 ||
                                     section.length / section.element_bytes != section.count)) {
    return absl::StrCat(section.count, " elements of ", section.element_bytes, " bytes in ",
                        section.length, " bytes");
  }
  return known ? KnownEntryFault(section, rows) : "";
}

}  // namespace

Finding ReadFinding(const absl::Status& status, std::string section) {
  const bool unreadable = absl::IsUnavailable(status);
  return {.severity = unreadable ? Severity::kUnreadable : Severity::kDamage,
          .code = unreadable ? "file.unreadable" : "file.truncated",
          .section = std::move(section),
          .expected = "bytes that can be read",
          .found = std::string(status.message())};
}

uint64_t SegmentSection::pages() const {
  return length / page_bytes + (length % page_bytes != 0 ? 1 : 0);
}

std::string SegmentSection::name() const {
  return HasOrdinal(kind) ? absl::StrCat(KindName(kind), "[", ordinal, "]") : KindName(kind);
}

std::optional<SegmentFile> SegmentFile::Open(const std::string& path, FileFindings& findings) {
  absl::StatusOr<DiskFile> file = DiskFile::Open(path);
  if (!file.ok()) {
    Finding finding = ReadFinding(file.status(), "");
    if (absl::IsNotFound(file.status())) {
      finding.code = "segment.missing";
      finding.expected = "the file";
      finding.found = "no such file";
    }
    findings.Add(std::move(finding));
    return std::nullopt;
  }
  SegmentFile segment(*std::move(file));
  if (!segment.DecodeFrame(findings)) {
    return std::nullopt;
  }
  return segment;
}

bool SegmentFile::DecodeFrame(FileFindings& findings) {
  if (file_.size() < 2 * kBlock) {
    return findings.Add({.code = "segment.frame",
                         .expected = "at least a header and a footer, 8192 bytes",
                         .found = absl::StrCat(file_.size(), " bytes")});
  }
  const uint64_t footer_offset = file_.size() - kBlock;
  const absl::StatusOr<std::string> header = file_.Read(0, kBlock);
  const absl::StatusOr<std::string> footer = file_.Read(footer_offset, kBlock);
  if (!header.ok() || !footer.ok()) {
    return findings.Add(ReadFinding(header.ok() ? footer.status() : header.status(), ""));
  }
  if (!DecodeHeader(*header, findings) || !DecodeFooter(*footer, findings)) {
    return false;
  }
  const uint64_t directory_bytes = uint64_t{section_count_} * kEntryBytes;
  if (tables_offset_ > directory_offset_ || directory_offset_ > footer_offset ||
      directory_bytes > footer_offset - directory_offset_ ||
      footer_offset - directory_offset_ > directory_bytes + kBlock) {
    return findings.Add(
        {.code = "segment.frame",
         .offset = footer_offset + 24,
         .expected = "tables, directory and footer behind each other",
         .found = absl::StrCat("tables at ", tables_offset_, ", directory of ", directory_bytes,
                               " bytes at ", directory_offset_, ", footer at ", footer_offset)});
  }
  const absl::StatusOr<std::string> directory =
      file_.Read(directory_offset_, footer_offset - directory_offset_);
  if (!directory.ok()) {
    return findings.Add(ReadFinding(directory.status(), "directory"));
  }
  if (HashOf({*header, *directory, std::string_view(*footer).substr(0, 64)}) != root_) {
    return findings.Add(
        {.code = "segment.root",
         .offset = footer_offset + 64,
         .section = "directory",
         .expected = absl::StrCat("root checksum ", HexOf(root_)),
         .found = HexOf(HashOf({*header, *directory, std::string_view(*footer).substr(0, 64)}))});
  }
  return DecodeDirectory(std::string_view(*directory).substr(0, directory_bytes), findings) &&
         CheckPlaces(findings) && ReadTables(findings);
}

bool SegmentFile::DecodeHeader(std::string_view block, FileFindings& findings) {
  if (!CheckBlock(block, kHeaderMagic, 0, findings)) {
    return false;
  }
  header_.ro_compat = U64At(block, 24);
  header_.incompat = U64At(block, 32);
  if (U32At(block, 8) != 1) {
    return findings.Add({.severity = Severity::kUnsupported,
                         .code = "format.version",
                         .offset = 8,
                         .expected = "segment format version 1",
                         .found = absl::StrCat(U32At(block, 8))});
  }
  if (!CheckFeatures(header_.ro_compat, header_.incompat, findings)) {
    return false;
  }
  if (U32At(block, 124) != 0) {
    return findings.Add({.severity = Severity::kUnsupported,
                         .code = "format.version",
                         .offset = 124,
                         .expected = "a segment without a cipher",
                         .found = absl::StrCat("cipher ", U32At(block, 124))});
  }
  if (!CheckReserved(block, {.begin = 128, .end = kBlock - 4}, "segment.header", findings)) {
    return false;
  }
  header_.section_alignment = U32At(block, 12);
  header_.database = Uuid::From(block.substr(40, 16));
  header_.segment = Uuid::From(block.substr(56, 16));
  header_.collection = Uuid::From(block.substr(72, 16));
  header_.tenant = Uuid::From(block.substr(88, 16));
  header_.min_lsn = U64At(block, 104);
  header_.max_lsn = U64At(block, 112);
  header_.bucket_first = U16At(block, 120);
  header_.bucket_end = U16At(block, 122);
  if (!IsUnit(header_.section_alignment) || header_.min_lsn > header_.max_lsn ||
      header_.bucket_first >= header_.bucket_end || header_.bucket_end > kBuckets) {
    return findings.Add(
        {.code = "segment.header",
         .offset = 12,
         .expected = "a valid alignment, LSN and bucket range",
         .found = absl::StrCat("alignment ", header_.section_alignment, ", LSNs ", header_.min_lsn,
                               " to ", header_.max_lsn, ", buckets ", header_.bucket_first, " to ",
                               header_.bucket_end)});
  }
  return true;
}

bool SegmentFile::DecodeFooter(std::string_view block, FileFindings& findings) {
  const uint64_t offset = file_.size() - kBlock;
  if (!CheckBlock(block, kFooterMagic, offset, findings)) {
    return false;
  }
  for (const ReservedRange& range :
       {ReservedRange{44, 48, offset}, ReservedRange{80, kBlock - 4, offset}}) {
    if (!CheckReserved(block, range, "segment.footer", findings)) {
      return false;
    }
  }
  rows_ = U64At(block, 8);
  tables_offset_ = U64At(block, 24);
  directory_offset_ = U64At(block, 32);
  section_count_ = U32At(block, 40);
  footer_segment_ = Uuid::From(block.substr(48, 16));
  root_ = HashFrom(block.substr(64, 16));
  if (rows_ > kRowsMax || U64At(block, 16) != file_.size() || section_count_ > kSectionsMax ||
      footer_segment_ != header_.segment) {
    return findings.Add(
        {.code = "segment.footer",
         .offset = offset + 8,
         .expected = absl::StrCat("a footer for ", file_.size(), " bytes of segment ",
                                  header_.segment.ToString()),
         .found = absl::StrCat(rows_, " rows, ", U64At(block, 16), " bytes, ", section_count_,
                               " sections of segment ", footer_segment_.ToString())});
  }
  return true;
}

bool SegmentFile::DecodeDirectory(std::string_view directory, FileFindings& findings) {
  std::set<std::pair<SectionKind, uint16_t>> seen;
  bool valid = true;
  for (uint32_t i = 0; i < section_count_; ++i) {
    const std::string_view entry = directory.substr(size_t{i} * kEntryBytes, kEntryBytes);
    SegmentSection section;
    section.kind = static_cast<SectionKind>(U16At(entry, 0));
    section.ordinal = U16At(entry, 2);
    section.flags = U32At(entry, 4);
    section.offset = U64At(entry, 8);
    section.length = U64At(entry, 16);
    section.count = U64At(entry, 24);
    section.element_bytes = U32At(entry, 32);
    section.page_bytes = U32At(entry, 36);
    section.table_hash = HashFrom(entry.substr(48, 16));
    std::string fault = EntryFault(section, rows_, file_.size());
    if (fault.empty() && !IsZero(entry.substr(40, 8))) {
      fault = "reserved bytes in use";
    }
    if (fault.empty() && !seen.emplace(section.kind, section.ordinal).second) {
      fault = "a second section of this kind";
    }
    if (!fault.empty()) {
      const bool newer = fault.starts_with("unknown");
      valid = findings.Add({.severity = newer ? Severity::kUnsupported : Severity::kDamage,
                            .code = newer ? "format.section" : "segment.directory",
                            .offset = directory_offset_ + uint64_t{i} * kEntryBytes,
                            .section = section.name(),
                            .expected = "an entry as the page's table has it",
                            .found = fault});
    }
    sections_.push_back(std::move(section));
  }
  return valid;
}

bool SegmentFile::CheckPlaces(FileFindings& findings) const {
  uint64_t end = kBlock;
  uint64_t table_bytes = 0;
  const auto wrong = [&findings](const std::string& section, uint64_t expected, uint64_t found) {
    return findings.Add({.code = "segment.place",
                         .section = section,
                         .expected = absl::StrCat("offset ", expected),
                         .found = absl::StrCat("offset ", found)});
  };
  for (const SegmentSection& section : sections_) {
    const uint64_t expected = RoundUp(end, header_.section_alignment);
    if (section.offset != expected) {
      return wrong(section.name(), expected, section.offset);
    }
    end = section.offset + section.length;
    table_bytes += 4 * section.pages();
  }
  if (const uint64_t expected = RoundUp(end, kBlock); tables_offset_ != expected) {
    return wrong("tables", expected, tables_offset_);
  }
  if (const uint64_t expected = RoundUp(tables_offset_ + table_bytes, 8);
      directory_offset_ != expected) {
    return wrong("directory", expected, directory_offset_);
  }
  const uint64_t directory_end = directory_offset_ + uint64_t{section_count_} * kEntryBytes;
  if (const uint64_t expected = RoundUp(directory_end, kBlock); file_.size() - kBlock != expected) {
    return wrong("footer", expected, file_.size() - kBlock);
  }
  return true;
}

bool SegmentFile::ReadTables(FileFindings& findings) {
  uint64_t offset = tables_offset_;
  for (SegmentSection& section : sections_) {
    section.table_offset = offset;
    absl::StatusOr<std::string> table = file_.Read(offset, 4 * section.pages());
    if (!table.ok()) {
      return findings.Add(ReadFinding(table.status(), section.name()));
    }
    section.table = *std::move(table);
    section.table_ok = HashOf({section.table}) == section.table_hash;
    if (!section.table_ok) {
      findings.Add(
          {.code = section.derived() ? "segment.derived_table" : "segment.table",
           .offset = offset,
           .section = section.name(),
           .expected = absl::StrCat("a checksum table with hash ", HexOf(section.table_hash)),
           .found = HexOf(HashOf({section.table}))});
    }
    offset += section.table.size();
  }
  return true;
}

const SegmentSection* SegmentFile::Find(SectionKind kind, uint16_t ordinal) const {
  for (const SegmentSection& section : sections_) {
    if (section.kind == kind && section.ordinal == ordinal) {
      return &section;
    }
  }
  return nullptr;
}

bool SegmentFile::ReadPages(const SegmentSection& section, const SectionSink& sink,
                            FileFindings& findings) const {
  if (!section.table_ok) {
    return false;
  }
  bool good = true;
  std::string chunk;
  const uint64_t chunk_bytes = std::max<uint64_t>(kChunk, section.page_bytes);
  for (uint64_t at = 0; at < section.length; at += chunk_bytes) {
    chunk.resize(std::min(chunk_bytes, section.length - at));
    if (const absl::Status read = file_.ReadInto(section.offset + at, chunk); !read.ok()) {
      return findings.Add(ReadFinding(read, section.name()));
    }
    for (uint64_t page = 0; page < chunk.size(); page += section.page_bytes) {
      const std::string_view bytes = std::string_view(chunk).substr(page, section.page_bytes);
      const uint64_t number = (at + page) / section.page_bytes;
      const uint32_t expected = U32At(section.table, number * 4);
      if (MaskedCrc32c(bytes) == expected || CanaryActive("inspect-skips-page-check")) {
        continue;
      }
      // Once more, since a bus or a cache may have been wrong and the disk right.
      const absl::StatusOr<std::string> again =
          file_.Read(section.offset + at + page, bytes.size());
      if (again.ok() && MaskedCrc32c(*again) == expected) {
        std::copy(again->begin(), again->end(), chunk.begin() + static_cast<std::ptrdiff_t>(page));
        continue;
      }
      good =
          findings.Add({.code = section.derived() ? "segment.derived_page" : "segment.page",
                        .offset = section.offset + at + page,
                        .section = section.name(),
                        .expected = absl::StrFormat("page %d with checksum %08x", number, expected),
                        .found = absl::StrFormat("%08x", MaskedCrc32c(bytes))});
    }
    if (good && sink) {
      sink(at, chunk);
    }
  }
  return good;
}

std::optional<std::string> SegmentFile::ReadSection(const SegmentSection& section,
                                                    FileFindings& findings) const {
  if (section.length > kLoadedBytesMax) {
    ReadPages(section, {}, findings);
    findings.Add(
        {.severity = Severity::kNotice,
         .code = "segment.too_large",
         .section = section.name(),
         .expected = absl::StrCat("at most ", kLoadedBytesMax, " bytes"),
         .found = absl::StrCat(section.length, " bytes; only the page checksums were checked")});
    return std::nullopt;
  }
  std::string bytes;
  const bool good = ReadPages(
      section, [&bytes](uint64_t, std::string_view chunk) { bytes.append(chunk); }, findings);
  return good ? std::optional(std::move(bytes)) : std::nullopt;
}

void SegmentFile::CheckGaps(FileFindings& findings) const {
  const auto check = [this, &findings](uint64_t begin, uint64_t end) {
    if (begin >= end) {
      return;
    }
    const absl::StatusOr<std::string> gap = file_.Read(begin, end - begin);
    if (!gap.ok()) {
      findings.Add(ReadFinding(gap.status(), "padding"));
    } else if (!IsZero(*gap)) {
      const size_t first = gap->find_first_not_of('\0');
      findings.Add({.code = "segment.padding",
                    .offset = begin + first,
                    .section = "padding",
                    .expected = "zeros between the parts of the file",
                    .found = HexOf(std::string_view(*gap).substr(first, 8))});
    }
  };
  uint64_t end = kBlock;
  for (const SegmentSection& section : sections_) {
    check(end, section.offset);
    end = section.offset + section.length;
  }
  check(end, tables_offset_);
  uint64_t tables_end = tables_offset_;
  for (const SegmentSection& section : sections_) {
    tables_end += section.table.size();
  }
  check(tables_end, directory_offset_);
  check(directory_offset_ + uint64_t{section_count_} * kEntryBytes, file_.size() - kBlock);
}

}  // namespace perigee::tools::inspect
