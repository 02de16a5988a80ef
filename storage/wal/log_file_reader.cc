// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/log_file_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/canary.h"
#include "storage/foundation/error_reason.h"
#include "storage/foundation/status_macros.h"

namespace perigee::storage {
namespace {

constexpr uint64_t kWindowBytes = uint64_t{1} << 20;
static_assert(kWindowBytes % kLogBlockBytes == 0);

bool IsZero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(),
                     [](std::byte byte) { return byte == std::byte{0}; });
}

ExtentRead NoGroup(std::string failure) {
  ExtentRead read;
  read.failure = std::move(failure);
  return read;
}

// `trailer` vouches for `group`, one of which this program does not understand.
absl::Status LaterVersion(const LogGroupHeader& group, const BlockTrailer& trailer) {
  PERIGEE_RETURN_IF_ERROR(CheckGroupFormat(group));
  return ErrorWithReason(ErrorReason::kUnknownFormat,
                         absl::StrCat("the block trailer of slot ", trailer.slot,
                                      " uses reserved bytes; open it with a later version"));
}

absl::Status EndedEarly(uint64_t end, uint64_t file_bytes) {
  return ErrorWithReason(
      ErrorReason::kDamaged,
      absl::StrCat("the file ended at ", end, " of ", file_bytes, " bytes while it was read"));
}

// What is wrong with the trailer of a group at `offset`; empty when it vouches for the header.
std::string TrailerFault(const absl::StatusOr<BlockTrailer>& trailer, const LogGroupHeader& group,
                         uint64_t salt, uint64_t offset) {
  if (!trailer.ok()) {
    return std::string(trailer.status().message());
  }
  const bool of_this_file = trailer->salt == salt || CanaryActive("foreign-trailer-accepted");
  const bool vouches = of_this_file && trailer->file_offset == offset &&
                       trailer->slot == group.position.slot &&
                       trailer->group_length == group.length && trailer->group_crc == group.crc;
  return vouches ? "" : "the block trailer belongs to another place or group";
}

}  // namespace

LogFileReader::LogFileReader(std::unique_ptr<File> file, std::string name)
    : file_(std::move(file)), name_(std::move(name)) {}

absl::StatusOr<LogFileReader> LogFileReader::Open(DataDirectory& directory, uint64_t number) {
  const std::string name = LogName(number);
  PERIGEE_ASSIGN_OR_RETURN(
      std::unique_ptr<File> file,
      directory.file_system().Open(directory.PathOf(name),
                                   {.mode = OpenMode::kReadOnly, .direct = true}));
  if (file->alignment() > kLogBlockBytes) {  // a disk of larger units than our blocks
    PERIGEE_ASSIGN_OR_RETURN(file, directory.file_system().Open(directory.PathOf(name), {}));
  }
  LogFileReader reader(std::move(file), name);
  if (const absl::Status status = reader.ReadHeader(number, directory.database_uuid());
      !status.ok()) {
    return WithContext(status, name);
  }
  return reader;
}

absl::Status LogFileReader::ReadHeader(uint64_t number, const Uuid& database_uuid) {
  PERIGEE_ASSIGN_OR_RETURN(file_bytes_, file_->Size());
  if (file_bytes_ < kLogBlockBytes) {
    return ErrorWithReason(ErrorReason::kDamaged,
                           absl::StrCat("the log file has ", file_bytes_, " bytes, fewer than its ",
                                        kLogBlockBytes, " of header"));
  }
  PERIGEE_ASSIGN_OR_RETURN(const std::span<const std::byte> block, Window(0, kLogBlockBytes));
  PERIGEE_ASSIGN_OR_RETURN(header_, DecodeLogFileHeader(block));
  if (header_.number != number || header_.database_uuid != database_uuid) {
    return ErrorWithReason(
        ErrorReason::kDamaged,
        absl::StrCat("the header says log file ", header_.number, " of database ",
                     header_.database_uuid.ToString(), ", expected ", number, " of ",
                     database_uuid.ToString(), "; was the file moved here?"));
  }
  if (header_.file_bytes != file_bytes_) {
    return ErrorWithReason(ErrorReason::kDamaged,
                           absl::StrCat("the log file has ", file_bytes_,
                                        " bytes, its header says ", header_.file_bytes));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::span<const std::byte>> LogFileReader::Window(uint64_t offset, uint64_t bytes) {
  const bool inside = offset >= window_offset_ && offset - window_offset_ <= window_bytes_ &&
                      bytes <= window_bytes_ - (offset - window_offset_);
  if (!inside) {
    // Whole blocks, as direct I/O wants; only a file of a damaged size ends inside one.
    const uint64_t wanted = std::max(bytes, kWindowBytes);
    const uint64_t blocks = AlignUp(std::min(wanted, file_bytes_ - offset), kLogBlockBytes);
    if (window_.size() < blocks) {
      window_ = AlignedBuffer(blocks);
    }
    window_bytes_ = 0;
    PERIGEE_ASSIGN_OR_RETURN(const size_t got, file_->Read(offset, window_.bytes().first(blocks)));
    window_offset_ = offset;
    window_bytes_ = got;
    if (got < bytes) {
      return EndedEarly(offset + got, file_bytes_);
    }
  }
  return std::as_const(window_).bytes().subspan(offset - window_offset_, bytes);
}

// One block, which may be far ahead, so that the window stays where it is.
absl::StatusOr<std::span<const std::byte>> LogFileReader::BlockAt(uint64_t offset) {
  const bool inside = offset >= window_offset_ && offset - window_offset_ <= window_bytes_ &&
                      kLogBlockBytes <= window_bytes_ - (offset - window_offset_);
  if (inside) {
    return std::as_const(window_).bytes().subspan(offset - window_offset_, kLogBlockBytes);
  }
  if (block_.empty()) {
    block_ = AlignedBuffer(kLogBlockBytes);
  }
  PERIGEE_ASSIGN_OR_RETURN(const size_t got, file_->Read(offset, block_.bytes()));
  if (got < kLogBlockBytes) {
    return EndedEarly(offset + got, file_bytes_);
  }
  return std::as_const(block_).bytes();
}

absl::StatusOr<ExtentRead> LogFileReader::ReadExtent(uint64_t offset) {
  if (offset >= file_bytes_ || file_bytes_ - offset < kLogBlockBytes) {
    return NoGroup("end of the file");
  }
  PERIGEE_ASSIGN_OR_RETURN(const std::span<const std::byte> block, Window(offset, kLogBlockBytes));
  const absl::StatusOr<LogGroupHeader> header = ReadGroupHeader(block);
  if (!header.ok()) {
    return NoGroup(std::string(header.status().message()));
  }
  const uint64_t extent_bytes = ExtentBytes(header->length);
  if (extent_bytes > file_bytes_ - offset) {
    return NoGroup(absl::StrCat("a group of ", header->length, " bytes does not fit in the file"));
  }
  // The trailer first: until it vouches for them, these may be any bytes, of any size.
  PERIGEE_ASSIGN_OR_RETURN(const std::span<const std::byte> last_block,
                           BlockAt(offset + extent_bytes - kLogBlockBytes));
  const absl::StatusOr<BlockTrailer> trailer =
      DecodeBlockTrailer(last_block.last(kBlockTrailerBytes));
  if (CanaryActive("believe-unvouched-version")) {
    PERIGEE_RETURN_IF_ERROR(CheckGroupFormat(*header));
  }
  if (std::string fault = TrailerFault(trailer, *header, header_.salt, offset); !fault.empty()) {
    return NoGroup(std::move(fault));
  }
  if (trailer->reserved_used || !CheckGroupFormat(*header).ok()) {
    return WithContext(LaterVersion(*header, *trailer), absl::StrCat(name_, " at offset ", offset));
  }
  if (header->length > kGroupBytesMax) {
    return NoGroup(absl::StrCat("a group of ", header->length, " bytes is longer than any"));
  }
  PERIGEE_ASSIGN_OR_RETURN(const std::span<const std::byte> extent, Window(offset, extent_bytes));
  const size_t padding = extent.size() - header->length - kBlockTrailerBytes;
  if (!IsZero(extent.subspan(header->length, padding))) {
    return NoGroup("the bytes between group and trailer are not zero");
  }
  absl::StatusOr<LogGroup> group =
      LogGroup::Decode(std::string(AsText(extent.first(header->length))));
  if (!group.ok()) {
    return NoGroup(std::string(group.status().message()));
  }
  ExtentRead read;
  read.group = *std::move(group);
  read.trailer = *trailer;
  read.extent_bytes = extent_bytes;
  return read;
}

absl::StatusOr<RestOfFile> LogFileReader::ScanRest(uint64_t offset) {
  RestOfFile rest;
  for (; offset < file_bytes_; offset += kLogBlockBytes) {
    PERIGEE_ASSIGN_OR_RETURN(
        const std::span<const std::byte> block,
        Window(offset, std::min<uint64_t>(kLogBlockBytes, file_bytes_ - offset)));
    if (IsZero(block)) {
      continue;
    }
    rest.is_zero = false;
    if (block.size() == kLogBlockBytes) {
      const absl::StatusOr<BlockTrailer> trailer =
          DecodeBlockTrailer(block.last(kBlockTrailerBytes));
      if (trailer.ok() && trailer->salt == header_.salt &&
          trailer->file_offset + ExtentBytes(trailer->group_length) == offset + kLogBlockBytes &&
          !CanaryActive("trailer-evidence-ignored")) {
        rest.durable_lsn = std::max(rest.durable_lsn, trailer->durable_lsn);
      }
    }
    PERIGEE_ASSIGN_OR_RETURN(const ExtentRead read, ReadExtent(offset));
    rest.group_found = rest.group_found || read.group.has_value();
  }
  return rest;
}

}  // namespace perigee::storage
