// SPDX-License-Identifier: Apache-2.0
#include "storage/segment/segment_writer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/encoding/byte_codec.h"
#include "storage/encoding/crc32c.h"
#include "storage/encoding/sha256.h"
#include "storage/foundation/check.h"
#include "storage/foundation/status_macros.h"
#include "storage/foundation/string_view_bridge.h"

namespace perigee::storage {
namespace {

// One write of this size keeps a disk busy; also the unit of direct I/O here.
constexpr size_t kWriteBytes = size_t{1} << 20U;
static_assert(kWriteBytes % kSegmentBlockBytes == 0);

}  // namespace

absl::StatusOr<std::unique_ptr<SegmentWriter>> SegmentWriter::Create(FileSystem& file_system,
                                                                     const std::string& path,
                                                                     const SegmentHeader& header) {
  std::string block = EncodeSegmentHeader(header);
  if (const auto decoded = DecodeSegmentHeader(AsBytes(block)); !decoded.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("segment ", path, ": ", decoded.status().message()));
  }
  PERIGEE_ASSIGN_OR_RETURN(
      std::unique_ptr<File> file,
      file_system.Open(path, {.mode = OpenMode::kCreateExclusive, .direct = true}));
  if (file->alignment() > kSegmentBlockBytes) {
    // The file's end is a multiple of 4 KiB only, which such a disk would refuse.
    PERIGEE_ASSIGN_OR_RETURN(file, file_system.Open(path, {.mode = OpenMode::kReadWrite}));
  }
  std::unique_ptr<SegmentWriter> writer(
      new SegmentWriter(std::move(file), header, AlignedBuffer(kWriteBytes)));
  writer->header_block_ = std::move(block);
  PERIGEE_RETURN_IF_ERROR(writer->Put(AsBytes(writer->header_block_)));
  return writer;
}

SegmentWriter::SegmentWriter(std::unique_ptr<File> file, const SegmentHeader& header,
                             AlignedBuffer buffer)
    : file_(std::move(file)), header_(header), buffer_(std::move(buffer)) {}

SegmentWriter::~SegmentWriter() = default;

absl::Status SegmentWriter::BeginSection(const SectionSpec& spec) {
  PERIGEE_CHECK(!open_section_ && !finished_, "section ", SectionName(spec.kind, spec.ordinal));
  PERIGEE_RETURN_IF_ERROR(failure_);
  SectionEntry section = {.kind = spec.kind,
                          .ordinal = spec.ordinal,
                          .flags = spec.flags | SectionFlagsOf(spec.kind),
                          .element_count = spec.element_count,
                          .element_bytes = spec.element_bytes,
                          .checksum_page_bytes = spec.checksum_page_bytes};
  if (sections_.size() >= kSegmentSectionsMax) {
    return Fail(absl::InvalidArgumentError(
        absl::StrCat("segment ", file_->path(), ": more than ", kSegmentSectionsMax, " sections")));
  }
  if (spec.checksum_page_bytes == 0) {
    return Fail(absl::InvalidArgumentError(absl::StrCat("segment ", file_->path(), ": section ",
                                                        section.name(),
                                                        " with checksum pages of 0 bytes")));
  }
  PERIGEE_RETURN_IF_ERROR(PutZeros(AlignUp(position_, header_.section_alignment) - position_));
  section.offset = position_;
  open_section_ = section;
  return absl::OkStatus();
}

absl::Status SegmentWriter::Append(std::span<const std::byte> bytes) {
  PERIGEE_CHECK(open_section_.has_value());
  PERIGEE_RETURN_IF_ERROR(failure_);
  ChecksumPages(bytes);
  open_section_->length += bytes.size();
  return Put(bytes);
}

absl::Status SegmentWriter::EndSection() {
  PERIGEE_CHECK(open_section_.has_value());
  PERIGEE_RETURN_IF_ERROR(failure_);
  if (page_filled_ > 0) {
    EndPage();
  }
  SectionEntry section = *open_section_;
  open_section_.reset();
  // element_count, where it is one a row, stands for the row count that Finish will compare.
  if (const absl::Status valid =
          ValidateSection(section, header_.section_alignment, section.element_count);
      !valid.ok()) {
    return Fail(
        absl::InvalidArgumentError(absl::StrCat("segment ", file_->path(), ": ", valid.message())));
  }
  section.table_hash = Sha256Half(AsBytes(open_table_));
  tables_ += open_table_;
  open_table_.clear();
  sections_.push_back(section);
  return absl::OkStatus();
}

absl::Status SegmentWriter::WriteSection(const SectionSpec& spec,
                                         std::span<const std::byte> bytes) {
  PERIGEE_RETURN_IF_ERROR(BeginSection(spec));
  PERIGEE_RETURN_IF_ERROR(Append(bytes));
  return EndSection();
}

absl::StatusOr<SegmentSummary> SegmentWriter::Finish(uint64_t row_count) {
  PERIGEE_CHECK(!open_section_ && !finished_, "segment ", file_->path());
  PERIGEE_RETURN_IF_ERROR(failure_);
  finished_ = true;
  PERIGEE_RETURN_IF_ERROR(PutZeros(AlignUp(position_, kSegmentBlockBytes) - position_));
  SegmentFooter footer = {.row_count = row_count,
                          .tables_offset = position_,
                          .section_count = static_cast<uint32_t>(sections_.size()),
                          .segment_uuid = header_.segment_uuid};
  footer.directory_offset = AlignUp(position_ + tables_.size(), 8);
  std::string directory = EncodeSectionDirectory(sections_);
  footer.file_bytes =
      AlignUp(footer.directory_offset + directory.size(), kSegmentBlockBytes) + kSegmentBlockBytes;
  directory.resize(footer.file_bytes - kSegmentBlockBytes - footer.directory_offset, '\0');
  footer.root_checksum = SegmentRootChecksum(AsBytes(header_block_), AsBytes(directory), footer);
  if (const absl::Status valid = ValidateSegmentLayout(header_, footer, sections_); !valid.ok()) {
    return Fail(
        absl::InvalidArgumentError(absl::StrCat("segment ", file_->path(), ": ", valid.message())));
  }
  PERIGEE_RETURN_IF_ERROR(Put(AsBytes(tables_)));
  PERIGEE_RETURN_IF_ERROR(PutZeros(footer.directory_offset - position_));
  PERIGEE_RETURN_IF_ERROR(Put(AsBytes(directory)));
  PERIGEE_RETURN_IF_ERROR(Put(AsBytes(EncodeSegmentFooter(footer))));
  PERIGEE_RETURN_IF_ERROR(Flush());
  if (const absl::Status synced = file_->Sync(); !synced.ok()) {
    return Fail(synced);
  }
  return SegmentSummary{.file_bytes = footer.file_bytes,
                        .row_count = row_count,
                        .root_checksum = footer.root_checksum};
}

absl::Status SegmentWriter::Fail(absl::Status status) {
  failure_ = status;
  return status;
}

absl::Status SegmentWriter::Put(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const size_t count = std::min(bytes.size(), buffer_.size() - buffered_);
    std::memcpy(buffer_.data() + buffered_, bytes.data(), count);
    buffered_ += count;
    position_ += count;
    bytes = bytes.subspan(count);
    if (buffered_ == buffer_.size()) {
      PERIGEE_RETURN_IF_ERROR(Flush());
    }
  }
  return absl::OkStatus();
}

absl::Status SegmentWriter::PutZeros(uint64_t count) {
  static constexpr std::byte kZeros[kSegmentBlockBytes] = {};
  while (count > 0) {
    const uint64_t part = std::min<uint64_t>(count, kSegmentBlockBytes);
    PERIGEE_RETURN_IF_ERROR(Put(std::span(kZeros).first(part)));
    count -= part;
  }
  return absl::OkStatus();
}

absl::Status SegmentWriter::Flush() {
  if (buffered_ == 0) {
    return absl::OkStatus();
  }
  const absl::Status written =
      file_->Write(position_ - buffered_, std::as_const(buffer_).bytes().first(buffered_));
  buffered_ = 0;
  return written.ok() ? written : Fail(written);
}

void SegmentWriter::ChecksumPages(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const size_t count =
        std::min<size_t>(bytes.size(), open_section_->checksum_page_bytes - page_filled_);
    page_crc_ = Crc32c(bytes.first(count), page_crc_);
    page_filled_ += count;
    bytes = bytes.subspan(count);
    if (page_filled_ == open_section_->checksum_page_bytes) {
      EndPage();
    }
  }
}

void SegmentWriter::EndPage() {
  ByteWriter writer;
  writer.U32(MaskCrc(page_crc_));
  open_table_ += writer.buffer();
  page_crc_ = 0;
  page_filled_ = 0;
}

}  // namespace perigee::storage
