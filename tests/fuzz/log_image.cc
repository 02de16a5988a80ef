// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/log_image.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

#include "storage/encoding/byte_codec.h"
#include "storage/encoding/crc32c.h"

namespace perigee::tests {
namespace {

constexpr size_t kBlock = 4096;
constexpr size_t kGroupHeader = 64;
constexpr size_t kTrailer = 64;
constexpr size_t kRecordHeader = 24;
constexpr size_t kPartsMax = 24;
constexpr size_t kRecordsMax = 64;  // more are not looked at

// Offset and width of a field.
struct Place {
  size_t offset;
  size_t width;
};

constexpr Place kHeaderFields[] = {{0, 4},   {8, 4},   {12, 4},  {16, 8},  {24, 8},  {32, 8},
                                   {40, 8},  {56, 8},  {64, 8},  {72, 8},  {80, 8},  {88, 8},
                                   {96, 8},  {104, 8}, {112, 4}, {116, 4}, {120, 8}, {128, 4},
                                   {132, 4}, {148, 4}, {4092, 4}};
constexpr Place kGroupFields[] = {{0, 4},  {4, 4},  {8, 8},  {16, 8}, {24, 8}, {32, 4}, {36, 4},
                                  {40, 4}, {44, 4}, {48, 2}, {50, 2}, {52, 4}, {60, 4}};
constexpr Place kTrailerFields[] = {{0, 4},  {4, 4},  {8, 8},  {16, 8}, {24, 8}, {32, 8},
                                    {40, 4}, {44, 4}, {48, 4}, {52, 4}, {60, 4}};
constexpr Place kRecordFields[] = {{0, 4}, {4, 2}, {6, 2}, {8, 8}, {16, 4}, {20, 4}};

size_t RoundUp(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

uint32_t Crc(std::string_view bytes) {
  return storage::MaskCrc(storage::Crc32c(storage::AsBytes(bytes)));
}

std::string_view Within(const std::string& bytes, size_t offset, size_t length) {
  const size_t begin = std::min(offset, bytes.size());
  return std::string_view(bytes).substr(begin, std::min(length, bytes.size() - begin));
}

uint64_t Get(const std::string& bytes, size_t offset, size_t width) {
  return ByteMutator::Get(bytes, offset, width);
}

bool IsGroup(const std::string& part) { return part.size() >= kBlock && part.starts_with("PGLG"); }

// Bytes of the group as its header says, within the part.
size_t GroupBytes(const std::string& part) {
  return std::clamp<size_t>(Get(part, 40, 4), kGroupHeader, part.size() - kTrailer);
}

size_t ExtentAt(std::string_view bytes, size_t offset) {
  const size_t left = bytes.size() - offset;
  const std::string head(bytes.substr(offset, kGroupHeader));
  const size_t extent = RoundUp(Get(head, 40, 4) + kTrailer, kBlock);
  return head.starts_with("PGLG") && extent <= left ? extent : std::min(left, kBlock);
}

// Offsets of the records as their lengths say.
std::vector<size_t> RecordOffsets(const std::string& part) {
  std::vector<size_t> offsets;
  const size_t end = GroupBytes(part);
  size_t at = kGroupHeader;
  while (at + kRecordHeader <= end &&
         offsets.size() < std::min<size_t>(Get(part, 32, 4), kRecordsMax)) {
    offsets.push_back(at);
    at += kRecordHeader + RoundUp(Get(part, at, 4), 8);
  }
  return offsets;
}

void SealHeaderOf(std::string& part) {
  ByteMutator::Put(part, 4, 4, Crc(Within(part, 8, kGroupHeader - 8)));
}

void SealTrailer(std::string& part) {
  const size_t trailer = part.size() - kTrailer;
  ByteMutator::Put(part, trailer + 4, 4, Crc(Within(part, trailer + 8, kTrailer - 8)));
}

void SealRecords(std::string& part) {
  uint64_t lsn = Get(part, 24, 8);
  for (const size_t at : RecordOffsets(part)) {
    ByteMutator::Put(part, at + 8, 8, lsn++);
    ByteMutator::Put(part, at + 16, 4, Crc(Within(part, at + kRecordHeader, Get(part, at, 4))));
  }
}

void SealPart(std::string& part, LogImage::Seal seal) {
  if (seal == LogImage::Seal::kRecords) {
    SealRecords(part);
  }
  if (seal != LogImage::Seal::kHeader) {
    ByteMutator::Put(part, 44, 4, Crc(Within(part, kGroupHeader, GroupBytes(part) - kGroupHeader)));
  }
  SealHeaderOf(part);
  if (seal != LogImage::Seal::kHeader) {
    const size_t trailer = part.size() - kTrailer;
    ByteMutator::Put(part, trailer + 24, 8, Get(part, 16, 8));
    ByteMutator::Put(part, trailer + 40, 4, Get(part, 40, 4));
    ByteMutator::Put(part, trailer + 44, 4, Get(part, 4, 4));
    SealTrailer(part);
  }
}

uint32_t Chain(uint32_t before, uint32_t group_crc) {
  storage::ByteWriter writer;
  writer.U32(before);
  writer.U32(group_crc);
  return storage::MaskCrc(storage::Crc32c(writer.bytes()));
}

template <size_t kCount>
const Place& AnyOf(const Place (&places)[kCount], ByteMutator& mutator) {
  return places[mutator.Below(kCount)];
}

}  // namespace

LogImage LogImage::Parse(std::string_view bytes) {
  LogImage image;
  image.header_ = std::string(bytes.substr(0, kBlock));
  const size_t content = bytes.find_last_not_of('\0') + 1;  // 0 when there is none
  size_t offset = image.header_.size();
  while (offset < content) {
    const size_t part = ExtentAt(bytes, offset);
    image.parts_.emplace_back(bytes.substr(offset, part));
    offset += part;
  }
  image.zeros_ = bytes.size() - offset;
  return image;
}

std::string LogImage::Bytes() const {
  std::string bytes = header_;
  for (const std::string& part : parts_) {
    bytes += part;
  }
  bytes.append(zeros_, '\0');
  return bytes;
}

uint64_t LogImage::number() const { return Get(header_, 56, 8); }

void LogImage::set_number(uint64_t number) { ByteMutator::Put(header_, 56, 8, number); }

void LogImage::SealHeader() {
  if (header_.size() == kBlock) {
    ByteMutator::Put(header_, 8, 4, Crc(Within(header_, 12, kBlock - 12)));
  }
}

uint64_t LogImage::OffsetOf(const std::string& part) const {
  uint64_t offset = header_.size();
  for (const std::string& other : parts_) {
    if (&other == &part) {
      break;
    }
    offset += other.size();
  }
  return offset;
}

LogContinuation LogImage::After(size_t groups) const {
  LogContinuation next = {.slot = Get(header_, 96, 8),
                          .lsn = Get(header_, 104, 8),
                          .previous_crc = static_cast<uint32_t>(Get(header_, 112, 4)),
                          .chain = static_cast<uint32_t>(Get(header_, 116, 4))};
  for (size_t i = 0; i < std::min(groups, parts_.size()); ++i) {
    next.slot += 1;
    next.lsn += Get(parts_[i], 32, 4);
    next.previous_crc = static_cast<uint32_t>(Get(parts_[i], 4, 4));
    next.chain = Chain(next.chain, next.previous_crc);
  }
  return next;
}

void LogImage::Shrink() {
  zeros_ = std::min(zeros_, 2 * kBlock);
  ByteMutator::Put(header_, 64, 8, Size());
  SealHeader();
}

uint64_t LogImage::Size() const {
  uint64_t size = header_.size() + zeros_;
  for (const std::string& part : parts_) {
    size += part.size();
  }
  return size;
}

void LogImage::Relink() {
  ByteMutator::Put(header_, 64, 8, Size());
  SealHeader();
  LogContinuation next = After(0);
  for (std::string& part : parts_) {
    if (!IsGroup(part)) {
      return;  // what follows is a tail
    }
    const size_t trailer = part.size() - kTrailer;
    ByteMutator::Put(part, 16, 8, next.slot);
    ByteMutator::Put(part, 24, 8, next.lsn);
    ByteMutator::Put(part, 36, 4, next.previous_crc);
    ByteMutator::Put(part, trailer, 4, 0x544C'4750);  // "PGLT"
    ByteMutator::Put(part, trailer + 8, 8, Get(header_, 72, 8));
    ByteMutator::Put(part, trailer + 32, 8, OffsetOf(part));
    SealPart(part, Seal::kRecords);
    next.previous_crc = static_cast<uint32_t>(Get(part, 4, 4));
    next.chain = Chain(next.chain, next.previous_crc);
    ByteMutator::Put(part, trailer + 48, 4, next.chain);
    SealTrailer(part);
    next.slot += 1;
    next.lsn += Get(part, 32, 4);
  }
}

void LogImage::Succeed(const LogImage& before, size_t groups) {
  const LogContinuation start = before.After(groups);
  ByteMutator::Put(header_, 88, 8, before.number());
  ByteMutator::Put(header_, 96, 8, start.slot);
  ByteMutator::Put(header_, 104, 8, start.lsn);
  ByteMutator::Put(header_, 112, 4, start.previous_crc);
  ByteMutator::Put(header_, 116, 4, start.chain);
}

std::string LogImage::RandomExtent(size_t records, ByteMutator& mutator) {
  std::string group(kGroupHeader, '\0');
  group.replace(0, 4, "PGLG");
  for (size_t i = 0; i < records; ++i) {
    const size_t at = group.size();
    const size_t payload = mutator.Chance(10) ? mutator.Below(9000) : mutator.Below(40);
    group.append(kRecordHeader, '\0');
    group.append(payload, static_cast<char>('a' + i % 26));
    group.append(RoundUp(payload, 8) - payload, '\0');
    ByteMutator::Put(group, at, 4, payload);
    ByteMutator::Put(group, at + 4, 2, 1 + mutator.Below(5));
  }
  ByteMutator::Put(group, 8, 8, 1 + mutator.Below(3));
  ByteMutator::Put(group, 32, 4, records);
  ByteMutator::Put(group, 40, 4, group.size());
  ByteMutator::Put(group, 48, 2, 1);
  ByteMutator::Put(group, 50, 2, records > 0 ? 0 : 1 + mutator.Below(2));
  group.resize(RoundUp(group.size() + kTrailer, kBlock));
  group.replace(group.size() - kTrailer, 4, "PGLT");
  return group;
}

void LogImage::Mutate(const LogImage& other, ByteMutator& mutator) {
  const uint64_t choice = mutator.Below(10);
  if (choice == 0 || header_.size() < kBlock) {
    MutateHeader(mutator);
  } else if (choice == 1) {
    MutateSize(mutator);
  } else if (choice < 5 || parts_.empty()) {
    MutateOrder(other, mutator);
  } else {
    std::string& part = parts_[mutator.Below(parts_.size())];
    if (!IsGroup(part) || choice == 5) {
      mutator.MutateInside(part, mutator.Below(part.size() / 8 + 1) * 8, 1 + mutator.Below(16));
    } else if (choice == 6) {
      MutateTrailer(part, mutator);
    } else if (choice < 9) {
      MutateGroup(part, mutator);
    } else {
      MutateRecord(part, mutator);
    }
  }
  if (mutator.Chance(40)) {
    Relink();
  }
}

void LogImage::MutateHeader(ByteMutator& mutator) {
  header_.resize(std::max(header_.size(), kBlock));
  const Place& field = AnyOf(kHeaderFields, mutator);
  mutator.Field(header_, field.offset, field.width);
  if (mutator.Chance(85)) {
    SealHeader();
  }
}

void LogImage::MutateGroup(std::string& part, ByteMutator& mutator) {
  const Place& field = AnyOf(kGroupFields, mutator);
  mutator.Field(part, field.offset, field.width);
  if (mutator.Chance(85)) {
    SealPart(part, static_cast<Seal>(mutator.Below(3)));
  }
}

void LogImage::MutateRecord(std::string& part, ByteMutator& mutator) {
  const std::vector<size_t> records = RecordOffsets(part);
  if (records.empty()) {
    return;
  }
  const size_t at = records[mutator.Below(records.size())];
  if (mutator.Chance(60)) {
    const Place& field = AnyOf(kRecordFields, mutator);
    mutator.Field(part, at + field.offset, field.width);
  } else {
    mutator.MutateInside(part, at + kRecordHeader, std::max<size_t>(Get(part, at, 4) % kBlock, 8));
  }
  if (mutator.Chance(85)) {
    SealPart(part, static_cast<Seal>(mutator.Below(3)));
  }
}

void LogImage::MutateTrailer(std::string& part, ByteMutator& mutator) {
  const size_t trailer = part.size() - kTrailer;
  if (mutator.Chance(15)) {  // the bytes in front of it, which must be zero
    const size_t group = GroupBytes(part);
    mutator.Field(part, group + mutator.Below(trailer - group + 1), 1);
    return;
  }
  const Place& field = AnyOf(kTrailerFields, mutator);
  mutator.Field(part, trailer + field.offset, field.width);
  if (mutator.Chance(85)) {
    SealTrailer(part);
  }
}

void LogImage::MutateOrder(const LogImage& other, ByteMutator& mutator) {
  const size_t before = parts_.empty() ? 0 : mutator.Below(parts_.size() + 1);
  const auto at = parts_.begin() + static_cast<std::ptrdiff_t>(before);
  const auto any = [&mutator](const std::vector<std::string>& parts) {
    return parts.empty() ? std::string(kBlock, '\0') : parts[mutator.Below(parts.size())];
  };
  const uint64_t choice = mutator.Below(8);
  if (parts_.size() >= kPartsMax || (choice == 0 && at != parts_.end())) {
    parts_.erase(parts_.begin() + static_cast<std::ptrdiff_t>(mutator.Below(parts_.size())));
  } else if (choice == 1) {
    parts_.insert(at, any(parts_));
  } else if (choice == 2) {
    parts_.insert(at, any(other.parts_));
  } else if (choice == 3 && !parts_.empty()) {
    std::swap(parts_[mutator.Below(parts_.size())], parts_[mutator.Below(parts_.size())]);
  } else if (choice == 4 && at != parts_.end()) {  // torn: some sectors never reached the disk
    const size_t sector = mutator.Below(at->size() / 512 + 1) * 512;
    const size_t length = mutator.Chance(50) ? 512 : at->size();
    std::fill_n(at->begin() + static_cast<std::ptrdiff_t>(sector),
                std::min(length, at->size() - sector), '\0');
  } else if (choice == 5) {
    parts_.insert(at, std::string(kBlock, '\0'));
  } else {
    parts_.insert(mutator.Chance(70) ? parts_.end() : at,
                  RandomExtent(mutator.Chance(30) ? 0 : 1 + mutator.Below(4), mutator));
  }
}

void LogImage::MutateSize(ByteMutator& mutator) {
  switch (mutator.Below(5)) {
    case 0:
      Shrink();
      break;
    case 1:
      zeros_ += mutator.Below(4) * kBlock;
      break;
    case 2:
      zeros_ -= std::min(zeros_, mutator.Below(4) * kBlock);
      break;
    case 3:
      zeros_ += mutator.Below(kBlock);
      break;
    default:
      if (!parts_.empty()) {
        parts_.back().resize(mutator.Below(parts_.back().size() + 1));
        zeros_ = 0;
      }
      break;
  }
}

}  // namespace perigee::tests
