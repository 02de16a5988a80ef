// SPDX-License-Identifier: Apache-2.0
#include "storage/segment/segment_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/encoding/byte_codec.h"
#include "storage/encoding/crc32c.h"
#include "storage/encoding/sha256.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/check.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/log.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::storage {
namespace {

constexpr uint64_t kReadBytes = uint64_t{1} << 20U;  // one request
constexpr size_t kBatchRequests = 16;                // at most 16 MiB on their way at once
constexpr uint64_t kPieceBytes = kBatchRequests * kReadBytes;
static_assert(kReadBytes % kChecksumPageBytesMax == 0);

bool AllZero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

// Direct where the disk takes blocks of 4 KiB: section bytes go to memory of our own (F1), so the
// page cache would hold them a second time.
absl::StatusOr<std::unique_ptr<File>> OpenForReading(FileSystem& file_system,
                                                     const std::string& path) {
  PERIGEE_ASSIGN_OR_RETURN(std::unique_ptr<File> file,
                           file_system.Open(path, {.mode = OpenMode::kReadOnly, .direct = true}));
  if (file->alignment() > kSegmentBlockBytes) {
    return file_system.Open(path, {.mode = OpenMode::kReadOnly});
  }
  return file;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SegmentReader>> SegmentReader::Open(
    FileSystem& file_system, const std::string& path, const SegmentExpectation& expected,
    const SegmentReadOptions& options) {
  PERIGEE_CHECK(options.tail_bytes % kSegmentBlockBytes == 0 && options.tail_bytes > 0,
                options.tail_bytes);
  std::unique_ptr<SegmentReader> reader(new SegmentReader());
  reader->path_ = path;
  reader->file_system_ = &file_system;
  PERIGEE_ASSIGN_OR_RETURN(reader->file_, OpenForReading(file_system, path));
  absl::Status loaded = reader->Load(expected, options);
  if (absl::IsDataLoss(loaded)) {
    Log(LogLevel::kWarning, "segment.reread", std::string(loaded.message()));
    reader->DropCacheUnlessDirect();
    loaded = reader->Load(expected, options);  // F1: once more, in case bus or cache had a glitch
  }
  PERIGEE_RETURN_IF_ERROR(loaded);
  return reader;
}

absl::Status SegmentReader::Load(const SegmentExpectation& expected,
                                 const SegmentReadOptions& options) {
  PERIGEE_ASSIGN_OR_RETURN(const uint64_t size, file_->Size());
  if (expected.file_bytes && size != *expected.file_bytes) {
    return Damaged(
        absl::StrCat("the file has ", size, " bytes, the manifest says ", *expected.file_bytes));
  }
  if (size < 2 * kSegmentBlockBytes || size % kSegmentBlockBytes != 0) {
    return Damaged(absl::StrCat("a file of ", size, " bytes is no whole segment"));
  }
  const uint64_t tail_bytes = std::min<uint64_t>(options.tail_bytes, size - kSegmentBlockBytes);
  const uint64_t tail_offset = size - tail_bytes;
  AlignedBuffer blocks(kSegmentBlockBytes + tail_bytes);
  const std::span<std::byte> header_block = blocks.bytes().first(kSegmentBlockBytes);
  const std::span<std::byte> tail = blocks.bytes().subspan(kSegmentBlockBytes);
  ReadRequest requests[] = {{.offset = 0, .buffer = header_block},
                            {.offset = tail_offset, .buffer = tail}};
  PERIGEE_RETURN_IF_ERROR(file_->ReadBatch(requests));
  if (requests[0].bytes_read != header_block.size() || requests[1].bytes_read != tail.size()) {
    return Damaged("the file ends before its size");
  }

  const auto in_file = [this](const absl::Status& status) { return WithContext(status, path_); };
  const auto header = DecodeSegmentHeader(header_block);
  if (!header.ok()) {
    return in_file(header.status());
  }
  const auto footer = DecodeSegmentFooter(tail.last(kSegmentBlockBytes));
  if (!footer.ok()) {
    return in_file(footer.status());
  }
  if (footer->file_bytes != size || footer->directory_offset < tail_offset) {
    return Damaged(absl::StrCat("the footer speaks of ", footer->file_bytes,
                                " bytes with a directory at ", footer->directory_offset,
                                "; the file has ", size));
  }
  const std::span<const std::byte> region = tail.subspan(
      footer->directory_offset - tail_offset, size - kSegmentBlockBytes - footer->directory_offset);
  if (SegmentRootChecksum(header_block, region, *footer) != footer->root_checksum) {
    return Damaged(
        "header, directory and footer do not have the root checksum that the footer names");
  }
  if ((expected.root_checksum && *expected.root_checksum != footer->root_checksum &&
       !CanaryActive("ignore-root-checksum")) ||
      (expected.segment_uuid && *expected.segment_uuid != header->segment_uuid) ||
      (expected.database_uuid && *expected.database_uuid != header->database_uuid)) {
    return Damaged(absl::StrCat("a stale or foreign file: it is segment ",
                                header->segment_uuid.ToString(), " of database ",
                                header->database_uuid.ToString()));
  }
  auto sections =
      DecodeSectionDirectory(region.first(size_t{footer->section_count} * kSectionEntryBytes));
  if (!sections.ok()) {
    return in_file(sections.status());
  }
  if (const absl::Status valid = ValidateSegmentLayout(*header, *footer, *sections); !valid.ok()) {
    return in_file(valid);
  }
  if (!AllZero(region.subspan(size_t{footer->section_count} * kSectionEntryBytes))) {
    return Damaged("bytes between directory and footer are not zero");
  }
  header_ = *header;
  footer_ = *footer;
  read_only_ = HasUnknownRoCompat(header_.features);
  all_sections_ = *std::move(sections);
  sections_.clear();
  for (const SectionEntry& section : all_sections_) {
    // An unknown kind passed validation only because it may be ignored.
    if (IsKnownSectionKind(section.kind)) {
      sections_.push_back(section);
    }
  }
  if (footer_.tables_offset >= tail_offset) {
    return LoadTables(tail.subspan(footer_.tables_offset - tail_offset,
                                   footer_.directory_offset - footer_.tables_offset));
  }
  // Tables of a large file: the second read. Their size was validated against the file's.
  AlignedBuffer tables(AlignUp(footer_.directory_offset, kSegmentBlockBytes) -
                       footer_.tables_offset);
  PERIGEE_RETURN_IF_ERROR(ReadBlocks(footer_.tables_offset, tables.bytes()));
  return LoadTables(tables.bytes().first(footer_.directory_offset - footer_.tables_offset));
}

absl::Status SegmentReader::LoadTables(std::span<const std::byte> tables) {
  tables_.clear();
  tables_.resize(all_sections_.size());
  size_t offset = 0;
  for (size_t i = 0; i < all_sections_.size(); ++i) {
    const SectionEntry& section = all_sections_[i];
    const size_t bytes = section.page_count() * sizeof(uint32_t);
    const std::span<const std::byte> table = tables.subspan(offset, bytes);
    offset += bytes;
    if (Sha256Half(table) != section.table_hash) {
      tables_[i].status =
          Damaged(absl::StrCat("the checksum table of section ", section.name(), " is damaged"));
      if (!section.derived()) {
        return tables_[i].status;
      }
      continue;
    }
    tables_[i].page_crcs.reserve(section.page_count());
    ByteReader reader(table);
    for (uint64_t page = 0; page < section.page_count(); ++page) {
      tables_[i].page_crcs.push_back(UnmaskCrc(reader.U32()));
    }
  }
  return AllZero(tables.subspan(offset)) ? absl::OkStatus()
                                         : Damaged("bytes behind the checksum tables are not zero");
}

SegmentSummary SegmentReader::summary() const {
  return {.file_bytes = footer_.file_bytes,
          .row_count = footer_.row_count,
          .root_checksum = footer_.root_checksum};
}

const SectionEntry* SegmentReader::Find(SectionKind kind, uint16_t ordinal) const {
  for (const SectionEntry& section : sections_) {
    if (section.kind == kind && section.ordinal == ordinal) {
      return &section;
    }
  }
  return nullptr;
}

absl::StatusOr<AlignedBuffer> SegmentReader::ReadSection(const SectionEntry& section,
                                                         const std::atomic<bool>* stop) const {
  const size_t index = IndexOf(section);
  PERIGEE_RETURN_IF_ERROR(tables_[index].status);
  AlignedBuffer buffer(section.length);
  for (uint64_t done = 0; done < section.length; done += kPieceBytes) {
    if (stop != nullptr && stop->load(std::memory_order_relaxed)) {
      return absl::CancelledError(absl::StrCat(path_, ": the reading was given up"));
    }
    // In pieces that are verified while they are still in the processor's cache.
    PERIGEE_RETURN_IF_ERROR(
        ReadPages(index, done / section.checksum_page_bytes,
                  buffer.bytes().subspan(done, std::min(section.length - done, kPieceBytes))));
  }
  return buffer;
}

absl::Status SegmentReader::ReadRange(const SectionEntry& section, uint64_t offset,
                                      std::span<std::byte> out) const {
  const size_t index = IndexOf(section);
  if (offset > section.length || out.size() > section.length - offset) {
    return absl::OutOfRangeError(absl::StrCat(path_, ": ", out.size(), " bytes at ", offset,
                                              " of section ", section.name(), " of ",
                                              section.length, " bytes"));
  }
  PERIGEE_RETURN_IF_ERROR(tables_[index].status);
  const uint64_t page_bytes = section.checksum_page_bytes;
  while (!out.empty()) {
    const uint64_t first = AlignDown(offset, page_bytes);
    const uint64_t end =
        std::min({AlignUp(offset + out.size(), page_bytes), first + kReadBytes, section.length});
    AlignedBuffer pages(end - first);
    PERIGEE_RETURN_IF_ERROR(ReadPages(index, first / page_bytes, pages.bytes()));
    const size_t count = std::min<uint64_t>(out.size(), end - offset);
    std::memcpy(out.data(), pages.data() + (offset - first), count);
    out = out.subspan(count);
    offset += count;
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> SegmentReader::VerifyFrom(uint64_t offset,
                                                   std::span<std::byte> buffer) const {
  uint64_t end = kSegmentBlockBytes;  // Open verified the header, and all from the tables on
  for (size_t i = 0; i < all_sections_.size(); ++i) {
    const SectionEntry& section = all_sections_[i];
    const uint64_t section_end = section.offset + section.length;
    PERIGEE_CHECK(
        buffer.size() >= section.length || buffer.size() % section.checksum_page_bytes == 0,
        buffer.size());
    if (offset >= section_end) {
      end = section_end;
      continue;
    }
    PERIGEE_RETURN_IF_ERROR(tables_[i].status);
    if (offset <= section.offset) {
      PERIGEE_RETURN_IF_ERROR(VerifyZeros(end, section.offset));
      offset = section.offset;
    }
    const uint64_t done = AlignDown(offset - section.offset, section.checksum_page_bytes);
    const std::span<std::byte> part =
        buffer.first(std::min<uint64_t>(section.length - done, buffer.size()));
    PERIGEE_RETURN_IF_ERROR(ReadPages(i, done / section.checksum_page_bytes, part));
    return section.offset + done + part.size();
  }
  PERIGEE_RETURN_IF_ERROR(VerifyZeros(end, footer_.tables_offset));
  return footer_.file_bytes;
}

absl::Status SegmentReader::VerifyAllPages() const {
  uint64_t longest = 0;
  for (const SectionEntry& section : all_sections_) {
    longest = std::max(longest, section.length);
  }
  AlignedBuffer pages(std::min(longest, kReadBytes));
  for (uint64_t offset = 0; offset < footer_.file_bytes;) {
    PERIGEE_ASSIGN_OR_RETURN(offset, VerifyFrom(offset, pages.bytes()));
  }
  return absl::OkStatus();
}

absl::Status SegmentReader::VerifyZeros(uint64_t begin, uint64_t end) const {
  if (begin >= end) {
    return absl::OkStatus();
  }
  const uint64_t first = AlignDown(begin, kSegmentBlockBytes);
  AlignedBuffer blocks(end - first);  // less than two section alignments
  PERIGEE_RETURN_IF_ERROR(ReadBlocks(first, blocks.bytes()));
  return AllZero(blocks.bytes().subspan(begin - first)) || CanaryActive("padding-not-verified")
             ? absl::OkStatus()
             : Damaged(absl::StrCat("padding from ", begin, " to ", end, " is not zero"));
}

// Reads whole blocks: both ends are multiples of 4 KiB.
absl::Status SegmentReader::ReadBlocks(uint64_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    std::vector<ReadRequest> requests;
    while (!out.empty() && requests.size() < kBatchRequests) {
      const size_t count = std::min<uint64_t>(out.size(), kReadBytes);
      requests.push_back({.offset = offset, .buffer = out.first(count)});
      out = out.subspan(count);
      offset += count;
    }
    if (requests.size() == 1) {
      PERIGEE_ASSIGN_OR_RETURN(requests[0].bytes_read,
                               file_->Read(requests[0].offset, requests[0].buffer));
    } else {
      PERIGEE_RETURN_IF_ERROR(file_->ReadBatch(requests));
    }
    for (const ReadRequest& request : requests) {
      if (request.bytes_read != request.buffer.size()) {
        return Damaged(
            absl::StrCat("the file ends before ", request.offset + request.buffer.size()));
      }
    }
  }
  return absl::OkStatus();
}

// Reads pages of a section from `first_page` on; `out` ends at a page's end or at the section's.
absl::Status SegmentReader::ReadPages(size_t index, uint64_t first_page,
                                      std::span<std::byte> out) const {
  const SectionEntry& section = all_sections_[index];
  const uint64_t offset = section.offset + first_page * section.checksum_page_bytes;
  // The last block of a section may be shorter than what direct I/O reads.
  const size_t whole = AlignDown(out.size(), kSegmentBlockBytes);
  PERIGEE_RETURN_IF_ERROR(ReadBlocks(offset, out.first(whole)));
  if (whole < out.size()) {
    AlignedBuffer block(kSegmentBlockBytes);
    PERIGEE_RETURN_IF_ERROR(ReadBlocks(offset + whole, block.bytes()));
    std::memcpy(out.data() + whole, block.data(), out.size() - whole);
  }
  return VerifyPages(index, first_page, out);
}

absl::Status SegmentReader::VerifyPages(size_t index, uint64_t first_page,
                                        std::span<std::byte> bytes) const {
  const SectionEntry& section = all_sections_[index];
  const uint32_t page_bytes = section.checksum_page_bytes;
  for (uint64_t page = first_page; !bytes.empty(); ++page) {
    const std::span<std::byte> content = bytes.first(std::min<size_t>(bytes.size(), page_bytes));
    bytes = bytes.subspan(content.size());
    if (Crc32c(content) == tables_[index].page_crcs[page] || CanaryActive("skip-page-check")) {
      continue;
    }
    AlignedBuffer again(AlignUp(content.size(), kSegmentBlockBytes));
    DropCacheUnlessDirect();
    PERIGEE_RETURN_IF_ERROR(ReadBlocks(section.offset + page * page_bytes, again.bytes()));
    std::memcpy(content.data(), again.data(), content.size());
    if (Crc32c(content) != tables_[index].page_crcs[page] &&
        !CanaryActive("skip-page-check-on-reread")) {
      return Damaged(absl::StrCat("page ", page, " of section ", section.name(), " (offset ",
                                  section.offset + page * page_bytes,
                                  ") does not have its checksum"));
    }
    Log(LogLevel::kWarning, "segment.reread",
        absl::StrCat(path_, ": page ", page, " of section ", section.name(),
                     " was right at the second reading"));
  }
  return absl::OkStatus();
}

// The second reading is of the disk (F1). An open that asks for direct I/O and does not get it
// drops the pages of the file; where it fails, the reading behind it says what is wrong.
void SegmentReader::DropCacheUnlessDirect() const {
  if (!file_->is_direct()) {
    OpenForReading(*file_system_, path_).status().IgnoreError();
  }
}

absl::Status SegmentReader::Damaged(std::string_view what) const {
  return ErrorWithReason(ErrorReason::kDamaged, absl::StrCat(path_, ": ", Absl(what)));
}

size_t SegmentReader::IndexOf(const SectionEntry& section) const {
  const auto found = std::find(all_sections_.begin(), all_sections_.end(), section);
  PERIGEE_CHECK(found != all_sections_.end(), path_, " has no section ", section.name());
  return static_cast<size_t>(found - all_sections_.begin());
}

absl::Status VerifySegmentFile(FileSystem& file_system, const std::string& path,
                               const SegmentHeader& header, const SegmentSummary& summary) {
  PERIGEE_ASSIGN_OR_RETURN(const std::unique_ptr<SegmentReader> reader,
                           SegmentReader::Open(file_system, path,
                                               {.segment_uuid = header.segment_uuid,
                                                .database_uuid = header.database_uuid,
                                                .file_bytes = summary.file_bytes,
                                                .root_checksum = summary.root_checksum}));
  if (reader->header() != header || reader->summary() != summary) {
    return ErrorWithReason(ErrorReason::kDamaged,
                           absl::StrCat(path, ": reads back with other fields than written"));
  }
  return reader->VerifyAllPages();
}

}  // namespace perigee::storage
