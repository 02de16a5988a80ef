// SPDX-License-Identifier: Apache-2.0
#include "storage/segment/row_blobs.h"

#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "storage/encoding/byte_codec.h"
#include "storage/foundation/check.h"
#include "storage/foundation/error_reason.h"

namespace perigee::storage {
namespace {

static_assert(std::endian::native == std::endian::little,
              "offsets are read where they stand; a big-endian machine needs a conversion here");

uint64_t OffsetAt(std::span<const std::byte> section, uint64_t index) {
  uint64_t offset = 0;
  std::memcpy(&offset, section.data() + index * sizeof(offset), sizeof(offset));
  return offset;
}

}  // namespace

absl::StatusOr<RowBlobs> RowBlobs::Open(std::span<const std::byte> section, uint64_t row_count) {
  const uint64_t offsets_max = section.size() / sizeof(uint64_t);
  if (offsets_max == 0 || row_count > offsets_max - 1) {
    return ErrorWithReason(ErrorReason::kDamaged,
                           absl::StrCat("a section of ", section.size(),
                                        " bytes cannot hold the offsets of ", row_count, " rows"));
  }
  const uint64_t bytes = section.size() - (row_count + 1) * sizeof(uint64_t);
  uint64_t previous = 0;
  for (uint64_t i = 0; i <= row_count; ++i) {
    const uint64_t offset = OffsetAt(section, i);
    if (offset < previous || offset > bytes || (i == 0 && offset != 0)) {
      return ErrorWithReason(ErrorReason::kDamaged,
                             absl::StrCat("offset ", offset, " of row ", i, " follows ", previous,
                                          " in ", bytes, " bytes"));
    }
    previous = offset;
  }
  if (previous != bytes) {
    return ErrorWithReason(ErrorReason::kDamaged,
                           absl::StrCat("rows end at ", previous, " of ", bytes, " bytes"));
  }
  RowBlobs blobs;
  blobs.section_ = section;
  blobs.row_count_ = row_count;
  return blobs;
}

std::span<const std::byte> RowBlobs::At(uint64_t row) const {
  PERIGEE_CHECK(row < row_count_, "row ", row, " of ", row_count_);
  const uint64_t begin = OffsetAt(section_, row);
  const uint64_t end = OffsetAt(section_, row + 1);
  return section_.subspan((row_count_ + 1) * sizeof(uint64_t) + begin, end - begin);
}

std::string_view RowBlobs::TextAt(uint64_t row) const { return AsText(At(row)); }

void RowBlobsBuilder::Add(std::string_view bytes) {
  bytes_ += bytes;
  offsets_.push_back(bytes_.size());
}

void RowBlobsBuilder::Add(std::span<const std::byte> bytes) { Add(AsText(bytes)); }

std::string RowBlobsBuilder::EncodedOffsets() const {
  ByteWriter writer;
  writer.Reserve(offsets_.size() * sizeof(uint64_t));
  for (const uint64_t offset : offsets_) {
    writer.U64(offset);
  }
  return writer.Take();
}

}  // namespace perigee::storage
