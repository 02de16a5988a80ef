// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/log_document.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "storage/encoding/byte_codec.h"
#include "tests/fuzz/log_image.h"
#include "tests/fuzz/sparse_image.h"

namespace perigee::tests {
namespace {

constexpr size_t kDatabaseOffset = 40;  // in a file's header

void PutDatabase(std::string& image, const storage::Uuid& database) {
  if (image.size() >= kDatabaseOffset + storage::Uuid::kBytes) {
    image.replace(kDatabaseOffset, storage::Uuid::kBytes, storage::AsText(database.bytes()));
  }
}

// The file of a new log, before it is linked and sealed.
std::string EmptyFile(const storage::Uuid& database, uint64_t salt) {
  std::string image(3 * 4096, '\0');
  image.replace(0, 8, "PERIGWAL");
  ByteMutator::Put(image, 12, 4, 1);  // version
  PutDatabase(image, database);
  ByteMutator::Put(image, 72, 8, salt);
  ByteMutator::Put(image, 104, 8, 1);  // first LSN
  return image;
}

}  // namespace

LogDocument LogDocument::Parse(std::string_view input) {
  storage::ByteReader reader(input);
  LogDocument document;
  std::array<std::byte, storage::Uuid::kBytes> uuid{};
  const std::span<const std::byte> bytes =
      reader.Bytes(std::min(reader.remaining(), storage::Uuid::kBytes));
  std::copy(bytes.begin(), bytes.end(), uuid.begin());
  document.database = storage::Uuid(uuid);
  if (document.database.is_nil()) {
    uuid[0] = std::byte{1};
    document.database = storage::Uuid(uuid);
  }
  document.applied_lsn = reader.U64();
  document.manifest_durable_lsn = reader.U64();
  document.published_max_lsn = reader.U64();
  while (reader.remaining() >= 5 && document.files.size() < kFilesMax) {
    const uint8_t number = std::max<uint8_t>(reader.U8(), 1);
    const size_t length = reader.U32();
    document.files[number] =
        ExpandImage(reader.Text(std::min(length, reader.remaining()))).substr(0, kFileBytesMax);
  }
  return document;
}

std::string LogDocument::Encode() const {
  storage::ByteWriter writer;
  writer.Bytes(database.bytes());
  writer.U64(applied_lsn);
  writer.U64(manifest_durable_lsn);
  writer.U64(published_max_lsn);
  for (const auto& [number, image] : files) {
    writer.U8(number);
    writer.LengthPrefixed(PackImage(image));
  }
  return writer.Take();
}

void LogDocument::MutateExpectation(ByteMutator& mutator) {
  uint64_t* const fields[] = {&applied_lsn, &manifest_durable_lsn, &published_max_lsn};
  uint64_t& field = *fields[mutator.Below(std::size(fields))];
  if (mutator.Chance(40) || files.empty()) {
    field = mutator.Integer(field);
    return;
  }
  // About where a file begins or ends.
  const auto file =
      std::next(files.begin(), static_cast<std::ptrdiff_t>(mutator.Below(files.size())));
  const LogImage image = LogImage::Parse(file->second);
  field = image.After(mutator.Below(image.part_count() + 1)).lsn - mutator.Below(3);
}

void LogDocument::MutateFiles(ByteMutator& mutator) {
  const auto any = [this, &mutator] {
    return std::next(files.begin(), static_cast<std::ptrdiff_t>(mutator.Below(files.size())));
  };
  const uint8_t next = files.empty() ? 1 : static_cast<uint8_t>(files.rbegin()->first + 1);
  const uint64_t choice = mutator.Below(8);
  if (choice == 0 && !files.empty()) {
    files.erase(any());
  } else if (choice == 1 && !files.empty()) {  // another name
    std::string image = any()->second;
    files[static_cast<uint8_t>(1 + mutator.Below(6))] = std::move(image);
  } else if (files.size() < kFilesMax && next != 0) {  // a successor of the last
    LogImage image = LogImage::Parse(files.empty() || mutator.Chance(30)
                                         ? EmptyFile(database, mutator.Integer(next))
                                         : any()->second);
    image.set_number(next);
    if (!files.empty()) {
      const LogImage last = LogImage::Parse(files.rbegin()->second);
      image.Succeed(last, last.part_count() - std::min(last.part_count(), mutator.Below(3)));
    }
    image.Relink();
    files[next] = image.Bytes();
  } else if (files.size() > 1) {  // the last one again behind another place of the one before
    const auto last = std::prev(files.end());
    const LogImage before = LogImage::Parse(std::prev(last)->second);
    LogImage image = LogImage::Parse(last->second);
    image.Succeed(before, mutator.Below(before.part_count() + 1));
    image.Relink();
    last->second = image.Bytes();
  }
}

void LogDocument::Mutate(ByteMutator& mutator) {
  const uint64_t choice = mutator.Below(10);
  if (choice == 0) {
    MutateExpectation(mutator);
  } else if (choice == 1 || files.empty()) {
    MutateFiles(mutator);
  } else {
    const auto any = [this, &mutator] {
      return std::next(files.begin(), static_cast<std::ptrdiff_t>(mutator.Below(files.size())));
    };
    const auto file = any();
    LogImage image = LogImage::Parse(file->second);
    image.Mutate(LogImage::Parse(any()->second), mutator);
    if (mutator.Chance(5)) {
      image.set_number(file->first);
      image.SealHeader();
    }
    file->second = image.Bytes().substr(0, kFileBytesMax);
    if (mutator.Chance(5)) {
      PutDatabase(file->second, database);
    }
  }
}

}  // namespace perigee::tests
