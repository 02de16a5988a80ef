// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/manifest_image.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "storage/encoding/byte_codec.h"
#include "storage/encoding/crc32c.h"
#include "storage/encoding/sha256.h"
#include "tests/fuzz/edit_image.h"

namespace perigee::tests {
namespace {

constexpr size_t kBlock = 4096;
constexpr size_t kRecordHeader = 64;
constexpr size_t kPartsMax = 24;
constexpr size_t kUuid = 16;
constexpr uint64_t kMark = 3;

// Offset and width of a field.
struct Place {
  size_t offset;
  size_t width;
};

constexpr Place kHeaderFields[] = {{0, 4},  {8, 4},  {12, 4},   {16, 8},  {24, 8},
                                   {32, 8}, {40, 8}, {56, 8},   {64, 8},  {72, 8},
                                   {80, 8}, {88, 4}, {4088, 4}, {4092, 4}};
constexpr Place kRecordFields[] = {{0, 4},  {4, 4},  {8, 8},  {16, 2}, {18, 2}, {20, 4},
                                   {24, 8}, {32, 8}, {40, 8}, {48, 8}, {56, 8}};

template <size_t kCount>
const Place& AnyOf(const Place (&places)[kCount], ByteMutator& mutator) {
  return places[mutator.Below(kCount)];
}

uint64_t Get(const std::string& bytes, size_t offset, size_t width) {
  return ByteMutator::Get(bytes, offset, width);
}

uint32_t Crc(std::string_view bytes) {
  return storage::MaskCrc(storage::Crc32c(storage::AsBytes(bytes)));
}

std::string HashOf(std::string_view bytes) {
  const auto hash = storage::Sha256Half(storage::AsBytes(bytes));
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

size_t ExtentBytes(size_t payload) {
  return (kRecordHeader + payload + kBlock - 1) / kBlock * kBlock;
}

bool IsRecord(const std::string& part) {
  return part.size() >= kBlock && part.compare(56, 8, "PERGREC1") == 0 &&
         Get(part, 4, 4) <= part.size() - kRecordHeader;
}

std::string_view PayloadOf(const std::string& part) {
  return std::string_view(part).substr(kRecordHeader, Get(part, 4, 4));
}

void SealRecordHeader(std::string& part) {
  ByteMutator::Put(part, 0, 4, Crc(std::string_view(part).substr(4, kRecordHeader - 4)));
}

// A record of the payload, neither placed nor sealed.
std::string RecordOf(uint64_t type, std::string_view payload) {
  std::string part(kRecordHeader, '\0');
  ByteMutator::Put(part, 4, 4, payload.size());
  ByteMutator::Put(part, 16, 2, type);
  part.replace(56, 8, "PERGREC1");
  part += payload;
  part.resize(ExtentBytes(payload.size()));
  return part;
}

void SetPayload(std::string& part, std::string_view payload) {
  std::string changed = RecordOf(0, payload);
  changed.replace(8, 48, part, 8, 48);
  part = std::move(changed);
}

}  // namespace

ManifestImage ManifestImage::Parse(std::string_view bytes) {
  ManifestImage image;
  image.header_ = std::string(bytes.substr(0, kBlock));
  size_t offset = image.header_.size();
  while (offset < bytes.size()) {
    const size_t left = bytes.size() - offset;
    const std::string head(bytes.substr(offset, kRecordHeader));
    const size_t extent = ExtentBytes(Get(head, 4, 4));
    const bool record = left >= kBlock && head.compare(56, 8, "PERGREC1") == 0 && extent <= left;
    image.parts_.emplace_back(bytes.substr(offset, record ? extent : std::min(left, kBlock)));
    offset += image.parts_.back().size();
  }
  return image;
}

ManifestImage ManifestImage::Fresh() {
  ManifestImage image;
  image.header_ = "PERGMAN1" + std::string(kBlock - 8, '\0');
  ByteMutator::Put(image.header_, 8, 4, 1);
  image.header_.replace(40, kUuid, kUuid, '\xDB');
  image.header_.replace(56, kUuid, kUuid, '\x3A');
  ByteMutator::Put(image.header_, 72, 8, 1);
  image.parts_ = {RecordOf(2, EditImage::Empty(true).Bytes()), RecordOf(kMark, "")};
  ByteMutator::Put(image.parts_[0], 8, 8, 1);
  image.Relink();
  return image;
}

std::string ManifestImage::Bytes() const {
  std::string bytes = header_;
  for (const std::string& part : parts_) {
    bytes += part;
  }
  return bytes;
}

void ManifestImage::SealHeader() {
  if (header_.size() == kBlock) {
    ByteMutator::Put(header_, kBlock - 4, 4, Crc(std::string_view(header_).substr(0, kBlock - 4)));
  }
}

std::vector<std::string> ManifestImage::Uuids() const {
  std::vector<std::string> uuids;
  for (const std::string& part : parts_) {
    if (IsRecord(part)) {
      EditImage::Parse(PayloadOf(part)).CollectUuids(uuids);
    }
  }
  return uuids;
}

void ManifestImage::Relink() {
  if (header_.size() < kBlock) {
    return;
  }
  SealHeader();
  uint64_t version = 0;
  std::string hash(kUuid, '\0');
  uint64_t offset = kBlock;
  for (std::string& part : parts_) {
    if (!IsRecord(part)) {
      return;  // what follows is a tail
    }
    if (Get(part, 16, 2) != kMark) {
      version = version == 0 ? Get(part, 8, 8) : version + 1;
      EditImage edit = EditImage::Parse(PayloadOf(part));
      edit.Link(version, std::string_view(header_).substr(40, kUuid), hash);
      SetPayload(part, edit.Bytes());
      hash = HashOf(PayloadOf(part));
    }
    ByteMutator::Put(part, 8, 8, version);
    ByteMutator::Put(part, 24, 8, Get(header_, 56, 8));
    part.replace(32, kUuid, hash);
    ByteMutator::Put(part, 48, 8, offset);
    SealRecordHeader(part);
    offset += part.size();
  }
}

void ManifestImage::Mutate(ByteMutator& mutator) {
  const uint64_t choice = mutator.Below(10);
  if (choice == 0 || header_.size() < kBlock) {
    MutateHeader(mutator);
  } else if (choice < 4 || parts_.empty()) {
    MutateOrder(mutator);
  } else {
    std::string& part = parts_[mutator.Below(parts_.size())];
    if (!IsRecord(part) || choice == 4) {
      mutator.MutateInside(part, mutator.Below(part.size() / 8 + 1) * 8, 1 + mutator.Below(16));
    } else if (choice == 5 || Get(part, 16, 2) == kMark) {
      MutateRecord(part, mutator);
    } else {
      MutateEdit(part, mutator);
    }
  }
  if (mutator.Chance(65)) {
    Relink();
  }
}

void ManifestImage::MutateHeader(ByteMutator& mutator) {
  header_.resize(std::max(header_.size(), kBlock));
  const Place& field = AnyOf(kHeaderFields, mutator);
  mutator.Field(header_, field.offset, field.width);
  if (mutator.Chance(85)) {
    SealHeader();
  }
}

void ManifestImage::MutateRecord(std::string& part, ByteMutator& mutator) {
  const Place& field = AnyOf(kRecordFields, mutator);
  mutator.Field(part, field.offset, field.width);
  if (mutator.Chance(85)) {
    SealRecordHeader(part);
  }
}

void ManifestImage::MutateEdit(std::string& part, ByteMutator& mutator) {
  EditImage edit = EditImage::Parse(PayloadOf(part));
  const std::vector<std::string> uuids = Uuids();
  for (uint64_t changes = 1 + mutator.Below(3); changes > 0; --changes) {
    edit.Mutate(uuids, mutator);
  }
  SetPayload(part, edit.Bytes());
  part.replace(32, kUuid, HashOf(PayloadOf(part)));
  SealRecordHeader(part);
}

void ManifestImage::MutateOrder(ByteMutator& mutator) {
  const uint64_t choice = mutator.Below(8);
  const size_t before = parts_.empty() ? 0 : mutator.Below(parts_.size() + 1);
  const auto at = parts_.begin() + static_cast<std::ptrdiff_t>(before);
  if (parts_.size() >= kPartsMax || (choice == 0 && at != parts_.end())) {
    parts_.erase(parts_.begin() + static_cast<std::ptrdiff_t>(mutator.Below(parts_.size())));
  } else if (choice == 1 && !parts_.empty()) {
    std::string copy = parts_[mutator.Below(parts_.size())];
    parts_.insert(parts_.begin() + static_cast<std::ptrdiff_t>(before), std::move(copy));
  } else if (choice == 2 && !parts_.empty()) {
    std::swap(parts_[mutator.Below(parts_.size())], parts_[mutator.Below(parts_.size())]);
  } else if (choice == 3 && at != parts_.end()) {  // torn: some sectors never reached the disk
    const size_t sector = mutator.Below(at->size() / 512 + 1) * 512;
    std::fill_n(at->begin() + static_cast<std::ptrdiff_t>(sector),
                std::min(mutator.Chance(50) ? size_t{512} : at->size(), at->size() - sector), '\0');
  } else if (choice == 4 && !parts_.empty()) {  // the file ends early
    parts_.back().resize(mutator.Below(parts_.back().size() + 1));
  } else if (choice == 5) {
    parts_.insert(at, std::string(kBlock, '\0'));
  } else {  // another edit, with its mark
    EditImage edit = EditImage::Empty(parts_.empty());
    edit.Mutate(Uuids(), mutator);
    parts_.push_back(RecordOf(parts_.empty() ? 2 : 1, edit.Bytes()));
    if (mutator.Chance(80)) {
      parts_.push_back(RecordOf(kMark, ""));
    }
  }
}

}  // namespace perigee::tests
