// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/log_file_writer.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "storage/foundation/canary.h"
#include "storage/foundation/check.h"
#include "storage/foundation/status_macros.h"

namespace perigee::storage {
namespace {

// Both halves of a uuid together: the bits that are fixed in one are random in the other.
uint64_t RandomSalt() {
  const Uuid uuid = Uuid::Random();
  uint64_t low = 0;
  uint64_t high = 0;
  std::memcpy(&low, uuid.bytes().data(), sizeof(low));
  std::memcpy(&high, uuid.bytes().data() + sizeof(low), sizeof(high));
  return low ^ (high << 32 | high >> 32);
}

}  // namespace

LogFileWriter::LogFileWriter(std::unique_ptr<File> file, const LogFileHeader& header)
    : file_(std::move(file)),
      header_(header),
      chain_(header.chain),
      durable_lsn_(header.durable_lsn),
      buffer_(kLogBlockBytes) {}

absl::StatusOr<std::unique_ptr<LogFileWriter>> LogFileWriter::Create(DataDirectory& directory,
                                                                     PreparedLogFile prepared,
                                                                     LogFileHeader header,
                                                                     const LogGroup* first) {
  header.database_uuid = directory.database_uuid();
  header.number = prepared.number;
  header.file_bytes = prepared.file_bytes;
  header.salt = RandomSalt();
  auto writer = std::unique_ptr<LogFileWriter>(new LogFileWriter(std::move(prepared.file), header));
  const std::string block = EncodeLogFileHeader(header);
  std::memcpy(writer->buffer_.data(), block.data(), block.size());
  PERIGEE_RETURN_IF_ERROR(writer->file_->Write(0, writer->buffer_.bytes().first(block.size())));
  if (first != nullptr) {
    // The trailer calls the group itself flushed: whoever sees the file under its name sees it
    // after the flush below.
    PERIGEE_RETURN_IF_ERROR(writer->Write(*first, first->last_lsn()));
  }
  if (!CanaryActive("no-wal-header-sync")) {
    PERIGEE_RETURN_IF_ERROR(writer->file_->Sync());
  }
  const std::string name = LogName(header.number);
  PERIGEE_RETURN_IF_ERROR(directory.files().Publish(TemporaryName(name), name));
  return writer;
}

bool LogFileWriter::Fits(const LogGroup& group) const {
  const bool closes = (group.flags() & kGroupCleanClose) != 0;
  const uint64_t kept = closes ? 0 : kLogBlockBytes;
  return offset_ + ExtentBytes(group.bytes().size()) + kept <= header_.file_bytes;
}

absl::Status LogFileWriter::Append(const LogGroup& group) {
  PERIGEE_CHECK(Fits(group), "offset ", offset_, " group ", group.bytes().size());
  PERIGEE_RETURN_IF_ERROR(Write(group, durable_lsn_));
  if (!CanaryActive("ack-before-fsync")) {
    absl::Status synced = file_->Sync();
    if (CanaryActive("retry-fsync") && !synced.ok()) {
      synced = file_->Sync();
    }
    if (!CanaryActive("ignore-fsync-result")) {
      PERIGEE_RETURN_IF_ERROR(synced);
    }
  }
  durable_lsn_ = group.last_lsn();
  return absl::OkStatus();
}

absl::Status LogFileWriter::Write(const LogGroup& group, uint64_t durable_lsn) {
  const uint64_t extent_bytes = ExtentBytes(group.bytes().size());
  if (buffer_.size() < extent_bytes) {
    buffer_ = AlignedBuffer(extent_bytes);
  }
  const std::span<std::byte> extent = buffer_.bytes().first(extent_bytes);
  const uint32_t chain = EncodeExtent(
      group,
      {.salt = header_.salt, .file_offset = offset_, .durable_lsn = durable_lsn, .chain = chain_},
      extent);
  PERIGEE_RETURN_IF_ERROR(file_->Write(offset_, extent));
  chain_ = chain;
  offset_ += extent_bytes;
  return absl::OkStatus();
}

}  // namespace perigee::storage
