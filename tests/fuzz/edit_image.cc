// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/edit_image.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace perigee::tests {
namespace {

constexpr size_t kFixed = 88;
constexpr size_t kItemHeader = 8;
constexpr size_t kUuid = 16;
constexpr size_t kItemsMax = 40;
constexpr size_t kEntry = 114;  // of a segment, without deletions and routing summary
constexpr size_t kDeletion = 64;

// Offset and width of a field.
struct Place {
  size_t offset;
  size_t width;
};

constexpr Place kFixedFields[] = {{0, 4},  {4, 2},  {6, 2},  {8, 8},  {16, 8}, {24, 8},
                                  {32, 8}, {48, 8}, {64, 8}, {80, 4}, {84, 4}};
constexpr Place kEntryFields[] = {{16, 8}, {24, 8}, {32, 8}, {40, 8}, {48, 8},
                                  {56, 4}, {60, 2}, {62, 2}, {64, 2}, {114, 1}};
constexpr Place kDeletionFields[] = {{16, 8}, {24, 8}, {32, 8}, {40, 8}};
constexpr Place kCollectionFields[] = {{32, 8}, {40, 8}, {48, 8}, {56, 4}};

template <size_t kCount>
const Place& AnyOf(const Place (&places)[kCount], ByteMutator& mutator) {
  return places[mutator.Below(kCount)];
}

uint16_t KindOf(const std::string& item) {
  return static_cast<uint16_t>(ByteMutator::Get(item, 0, 2));
}

// Where in an item's body uuids stand, nil and absent ones left out.
std::vector<size_t> UuidPlaces(const std::string& item) {
  const size_t body = item.size() - std::min(item.size(), kItemHeader);
  std::vector<size_t> places;
  switch (KindOf(item)) {
    case 1:
    case 3:
    case 5:
    case 7:
      places = {0, 16, 32};
      break;
    case 4:
      places = {0, 82, kEntry};
      break;
    case 6:
      places = {0, 16, 16 + 82, 16 + kEntry};
      break;
    case 9:
    case 10:
      places = {1};
      break;
    default:
      places = {0};
      break;
  }
  std::erase_if(places, [body](size_t place) { return place + kUuid > body; });
  return places;
}

std::string AnyUuid(const std::vector<std::string>& uuids, ByteMutator& mutator) {
  if (!uuids.empty() && mutator.Chance(85)) {
    return uuids[mutator.Below(uuids.size())];
  }
  return std::string(kUuid, static_cast<char>(1 + mutator.Below(255)));
}

void PutUuid(std::string& item, size_t place, const std::string& uuid) {
  if (item.size() >= kItemHeader + place + kUuid) {
    item.replace(kItemHeader + place, kUuid, uuid);
  }
}

// A segment entry of a few rows, perhaps with deletions and a codebook.
std::string RandomEntry(const std::vector<std::string>& uuids, ByteMutator& mutator) {
  std::string entry(kEntry, '\0');
  entry.replace(0, kUuid, AnyUuid(uuids, mutator));
  ByteMutator::Put(entry, 16, 8, 4096);
  ByteMutator::Put(entry, 24, 8, 2);
  ByteMutator::Put(entry, 32, 8, 1);
  ByteMutator::Put(entry, 40, 8, 1 + mutator.Below(3));
  ByteMutator::Put(entry, 56, 4, 1);
  ByteMutator::Put(entry, 64, 2, 4096);
  if (mutator.Chance(20)) {
    entry.replace(82, kUuid, AnyUuid(uuids, mutator));
  }
  if (mutator.Chance(30)) {
    ByteMutator::Put(entry, 60, 2, 1);
    std::string deletion(kDeletion, '\0');
    deletion.replace(0, kUuid, AnyUuid(uuids, mutator));
    ByteMutator::Put(deletion, 16, 8, 1 + mutator.Below(3));
    ByteMutator::Put(deletion, 24, 8, mutator.Below(3));
    ByteMutator::Put(deletion, 32, 8, mutator.Below(3));
    entry += deletion;
  }
  const size_t routing = mutator.Chance(10) ? mutator.Below(66) : 0;
  entry.push_back(static_cast<char>(routing));
  entry.append(routing, 'r');
  return entry;
}

}  // namespace

EditImage EditImage::Parse(std::string_view bytes) {
  EditImage edit;
  edit.fixed_ = std::string(bytes.substr(0, kFixed));
  size_t offset = edit.fixed_.size();
  while (bytes.size() - offset >= kItemHeader) {
    const std::string head(bytes.substr(offset, kItemHeader));
    const size_t length = ByteMutator::Get(head, 4, 4);
    if (length > bytes.size() - offset - kItemHeader) {
      break;
    }
    edit.items_.emplace_back(bytes.substr(offset, kItemHeader + length));
    offset += kItemHeader + length;
  }
  edit.rest_ = std::string(bytes.substr(offset));
  return edit;
}

EditImage EditImage::Empty(bool is_checkpoint) {
  EditImage edit;
  edit.fixed_ = "PMED" + std::string(kFixed - 4, '\0');
  ByteMutator::Put(edit.fixed_, 4, 2, 1);
  ByteMutator::Put(edit.fixed_, 6, 2, is_checkpoint ? 1 : 0);
  ByteMutator::Put(edit.fixed_, 16, 8, 1);
  return edit;
}

std::string EditImage::Bytes() const {
  std::string bytes = fixed_;
  for (const std::string& item : items_) {
    bytes += item;
  }
  return bytes + rest_;
}

void EditImage::Link(uint64_t version, std::string_view database, std::string_view parent) {
  fixed_.resize(kFixed);
  ByteMutator::Put(fixed_, 8, 8, version);
  fixed_.replace(32, kUuid, database);
  fixed_.replace(64, kUuid, parent);
  ByteMutator::Put(fixed_, 80, 4, items_.size());
}

void EditImage::CollectUuids(std::vector<std::string>& uuids) const {
  for (const std::string& item : items_) {
    for (const size_t place : UuidPlaces(item)) {
      uuids.push_back(item.substr(kItemHeader + place, kUuid));
    }
  }
}

std::string EditImage::RandomItem(const std::vector<std::string>& uuids,
                                  ByteMutator& mutator) const {
  const uint64_t kind = mutator.Chance(3) ? mutator.Integer(11) : 1 + mutator.Below(10);
  std::string body;
  if (kind == 9 || kind == 10) {
    body = std::string(1, static_cast<char>(1 + mutator.Below(3))) + AnyUuid(uuids, mutator);
  } else if (kind == 4) {
    body = RandomEntry(uuids, mutator);
  } else {
    body = AnyUuid(uuids, mutator);
    if (kind == 6) {
      body += RandomEntry(uuids, mutator);
    } else if (kind == 8) {
      body += std::string(1, static_cast<char>(mutator.Below(4))) + std::string(7, '\0');
    } else if (kind != 2) {
      body += AnyUuid(uuids, mutator);
    }
    if (kind == 3) {
      body += std::string(24, '\0') + std::string("\1\0\0\0", 4) +
              static_cast<char>('a' + mutator.Below(3)) + std::string(4, '\0');
    } else if (kind == 7) {
      std::string deletion = AnyUuid(uuids, mutator) + std::string(kDeletion - kUuid, '\0');
      ByteMutator::Put(deletion, 16, 8, 1 + mutator.Below(4));
      body += deletion;
    }
  }
  std::string item(kItemHeader, '\0');
  ByteMutator::Put(item, 0, 2, kind);
  ByteMutator::Put(item, 2, 2, mutator.Chance(5) ? 1 : 0);
  ByteMutator::Put(item, 4, 4, body.size());
  return item + body;
}

void EditImage::MutateItem(const std::vector<std::string>& uuids, ByteMutator& mutator) {
  std::string& item = items_[mutator.Below(items_.size())];
  const std::vector<size_t> places = UuidPlaces(item);
  if (mutator.Chance(30) && !places.empty()) {
    PutUuid(item, places[mutator.Below(places.size())], AnyUuid(uuids, mutator));
    return;
  }
  if (mutator.Chance(15)) {
    const uint64_t offset = mutator.Below(3) * 2;  // kind, flags, length
    mutator.Field(item, offset, offset == 4 ? 4 : 2);
    return;
  }
  const uint16_t kind = KindOf(item);
  const size_t entry = kItemHeader + (kind == 6 ? 16 : 0);
  if (kind == 3) {
    const Place& field = AnyOf(kCollectionFields, mutator);
    mutator.Field(item, kItemHeader + field.offset, field.width);
  } else if (kind == 7) {
    const Place& field = AnyOf(kDeletionFields, mutator);
    mutator.Field(item, kItemHeader + 32 + field.offset, field.width);
  } else if (kind == 8) {
    mutator.Field(item, kItemHeader + 16, 8);
  } else if (kind == 4 || kind == 6) {
    const bool deletion = mutator.Chance(25);
    const Place& field = deletion ? AnyOf(kDeletionFields, mutator) : AnyOf(kEntryFields, mutator);
    mutator.Field(item, entry + (deletion ? kEntry : 0) + field.offset, field.width);
  } else {
    mutator.Field(item, kItemHeader, 1);
  }
}

void EditImage::Mutate(const std::vector<std::string>& uuids, ByteMutator& mutator) {
  const uint64_t choice = mutator.Below(12);
  if (choice == 0) {
    fixed_.resize(std::max(fixed_.size(), kFixed));
    const Place& field = AnyOf(kFixedFields, mutator);
    mutator.Field(fixed_, field.offset, field.width);
  } else if (choice == 1) {
    ByteMutator::Put(fixed_, 24, 8, mutator.Below(6));  // durable LSN
  } else if (items_.size() >= kItemsMax || (choice == 2 && !items_.empty())) {
    items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(mutator.Below(items_.size())));
  } else if (choice == 3 && !items_.empty()) {
    std::swap(items_[mutator.Below(items_.size())], items_[mutator.Below(items_.size())]);
  } else if (choice == 4 && !items_.empty()) {
    items_.push_back(items_[mutator.Below(items_.size())]);
  } else if (choice == 5 && mutator.Chance(10)) {
    rest_.push_back('x');
  } else if (choice < 9 && !items_.empty()) {
    MutateItem(uuids, mutator);
  } else {
    items_.push_back(RandomItem(uuids, mutator));
  }
  if (mutator.Chance(80)) {
    std::stable_sort(items_.begin(), items_.end(), [](const std::string& a, const std::string& b) {
      // A segment stays behind its collection.
      const auto rank = [](uint16_t kind) { return kind == 4 ? 3 : kind; };
      return rank(KindOf(a)) < rank(KindOf(b));
    });
  }
}

}  // namespace perigee::tests
