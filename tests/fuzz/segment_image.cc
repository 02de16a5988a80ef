// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/segment_image.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "storage/encoding/byte_codec.h"
#include "storage/encoding/crc32c.h"
#include "storage/encoding/sha256.h"

namespace perigee::tests {
namespace {

constexpr size_t kBlock = 4096;
constexpr size_t kEntry = 64;
constexpr size_t kSectionsMax = 64;  // more are not looked at
constexpr size_t kDeletionHeader = 192;

struct Parts {
  size_t footer = 0;
  size_t tables = 0;
  size_t directory = 0;
  size_t sections = 0;
};

bool FindParts(const std::string& image, Parts& parts) {
  if (image.size() < 2 * kBlock) {
    return false;
  }
  parts.footer = image.size() - kBlock;
  parts.tables = ByteMutator::Get(image, parts.footer + 24, 8);
  parts.directory = ByteMutator::Get(image, parts.footer + 32, 8);
  parts.sections = ByteMutator::Get(image, parts.footer + 40, 4);
  return parts.tables <= parts.directory && parts.directory <= parts.footer &&
         parts.sections <= kSectionsMax &&
         parts.sections * kEntry <= parts.footer - parts.directory;
}

void PutHash(std::string& image, size_t offset, std::string_view bytes) {
  const auto hash = storage::Sha256Half(storage::AsBytes(bytes));
  std::memcpy(image.data() + offset, hash.data(), hash.size());
}

void PutBlockCrc(std::string& image, size_t offset, size_t block_bytes) {
  const std::string_view covered = std::string_view(image).substr(offset, block_bytes - 4);
  ByteMutator::Put(image, offset + block_bytes - 4, 4,
                   storage::MaskCrc(storage::Crc32c(storage::AsBytes(covered))));
}

// The CRCs of one section's pages at `table`; where the next table begins.
size_t RepairTable(std::string& image, const Parts& parts, size_t entry, size_t table) {
  const uint64_t offset = ByteMutator::Get(image, entry + 8, 8);
  const uint64_t length = ByteMutator::Get(image, entry + 16, 8);
  const uint64_t page_bytes = ByteMutator::Get(image, entry + 36, 4);
  if (offset > image.size() || length > image.size() - offset || page_bytes < kBlock) {
    return table;
  }
  const size_t begin = table;
  for (uint64_t done = 0; done < length && table + 4 <= parts.directory; done += page_bytes) {
    const std::string_view page =
        std::string_view(image).substr(offset + done, std::min(page_bytes, length - done));
    ByteMutator::Put(image, table, 4, storage::MaskCrc(storage::Crc32c(storage::AsBytes(page))));
    table += 4;
  }
  PutHash(image, entry + 48, std::string_view(image).substr(begin, table - begin));
  return table;
}

}  // namespace

void RepairSegment(std::string& image) {
  Parts parts;
  if (!FindParts(image, parts)) {
    return;
  }
  size_t table = parts.tables;
  for (size_t i = 0; i < parts.sections; ++i) {
    table = RepairTable(image, parts, parts.directory + i * kEntry, table);
  }
  PutBlockCrc(image, 0, kBlock);
  PutHash(image, parts.footer + 64,
          image.substr(0, kBlock) + image.substr(parts.directory, parts.footer - parts.directory) +
              image.substr(parts.footer, kEntry));
  PutBlockCrc(image, parts.footer, kBlock);
}

void MutateSegment(std::string& image, ByteMutator& mutator) {
  constexpr size_t kHeaderFields[][2] = {{8, 4},   {12, 4},  {16, 8},  {24, 8},  {32, 8},
                                         {56, 8},  {104, 8}, {112, 8}, {120, 2}, {122, 2},
                                         {124, 4}, {128, 8}, {144, 8}, {160, 8}};
  constexpr size_t kFooterFields[][2] = {{8, 8},  {16, 8}, {24, 8}, {32, 8},
                                         {40, 4}, {44, 4}, {48, 8}, {80, 8}};
  constexpr size_t kEntryFields[][2] = {{0, 2},  {2, 2},  {4, 4},  {8, 8}, {16, 8},
                                        {24, 8}, {32, 4}, {36, 4}, {40, 8}};
  Parts parts;
  const bool known = FindParts(image, parts) && parts.sections > 0;
  const uint64_t choice = known ? mutator.Below(10) : mutator.Below(2);
  if (choice == 0) {
    const auto& field = kHeaderFields[mutator.Below(std::size(kHeaderFields))];
    mutator.Field(image, field[0], field[1]);
    return;
  }
  if (choice == 1) {
    const auto& field = kFooterFields[mutator.Below(std::size(kFooterFields))];
    mutator.Field(image, image.size() - std::min(image.size(), kBlock) + field[0], field[1]);
    return;
  }
  const size_t entry = parts.directory + mutator.Below(parts.sections) * kEntry;
  if (choice < 4) {
    const auto& field = kEntryFields[mutator.Below(std::size(kEntryFields))];
    mutator.Field(image, entry + field[0], field[1]);
    return;
  }
  const size_t offset = ByteMutator::Get(image, entry + 8, 8);
  const size_t length = ByteMutator::Get(image, entry + 16, 8);
  if (offset > image.size() || length == 0 || length > image.size() - offset) {
    return;
  }
  if (choice < 8) {  // a number: an offset, a count, a row, a link
    const size_t width = size_t{4} << mutator.Below(2);
    const size_t within = mutator.Below(length) / width * width;
    if (within + width <= length) {
      mutator.Field(image, offset + within, width);
    }
    return;
  }
  mutator.MutateInside(image, offset + mutator.Below(length), 1 + mutator.Below(16));
}

void RepairDeletionFile(std::string& bytes) {
  if (bytes.size() >= kDeletionHeader) {
    PutHash(bytes, 120, std::string_view(bytes).substr(kDeletionHeader));
    PutBlockCrc(bytes, 0, kDeletionHeader);
  }
}

void MutateDeletionFile(std::string& bytes, ByteMutator& mutator) {
  constexpr size_t kFields[][2] = {{8, 4},  {12, 4}, {16, 8}, {24, 8},  {32, 8},  {56, 8},
                                   {72, 8}, {88, 8}, {96, 8}, {104, 8}, {112, 8}, {136, 8}};
  if (bytes.size() < kDeletionHeader) {
    bytes.resize(kDeletionHeader);
  }
  const size_t rows = (bytes.size() - kDeletionHeader) / 12;
  switch (mutator.Below(5)) {
    case 0:
    case 1: {
      const auto& field = kFields[mutator.Below(std::size(kFields))];
      mutator.Field(bytes, field[0], field[1]);
      break;
    }
    case 2:
      mutator.Field(bytes, kDeletionHeader + mutator.Below(rows + 1) * 4, 4);
      break;
    case 3:
      mutator.Field(bytes, kDeletionHeader + (rows * 4 + 7) / 8 * 8 + mutator.Below(rows + 1) * 8,
                    8);
      break;
    default:
      bytes.resize(kDeletionHeader + mutator.Below(rows * 12 + 24));
      break;
  }
}

}  // namespace perigee::tests
