// SPDX-License-Identifier: Apache-2.0
#include "tests/durability/feature_change.h"

#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/encoding/byte_codec.h"
#include "storage/encoding/crc32c.h"
#include "storage/encoding/sha256.h"
#include "storage/layout/data_directory.h"
#include "storage/manifest/manifest_log.h"
#include "storage/segment/segment_reader.h"
#include "storage/segment/segment_writer.h"
#include "tests/engine/database/database_fixture.h"

namespace perigee::engine {
namespace {

using storage::AsBytes;
using storage::SimulatedFileSystem;

constexpr size_t kSegmentUuidOffset = 56;
constexpr size_t kRootChecksumOffset = 64;  // in the footer

void PutNumber(std::string& bytes, uint64_t offset, uint64_t value, size_t width) {
  for (size_t i = 0; i < width; ++i) {
    bytes[offset + i] = static_cast<char>(value >> (8 * i));
  }
}

struct Change {
  FilePart part = FilePart::kHeader;
  uint64_t offset = 0;
  uint8_t bits = 0;  // to be set in the byte at offset

  void Apply(std::string& bytes) const {
    REQUIRE(offset < bytes.size());
    bytes[offset] = static_cast<char>(static_cast<uint8_t>(bytes[offset]) | bits);
  }
};

uint32_t Masked(std::string_view bytes) {
  return storage::MaskCrc(storage::Crc32c(AsBytes(bytes)));
}

// The database's directory and manifest, as a writer of a later version has them.
class LaterWriter {
 public:
  explicit LaterWriter(SimulatedFileSystem& disk) : disk_(disk) {
    auto directory = storage::DataDirectory::Open(disk, std::string(kTestDirectory), {});
    REQUIRE(directory.ok());
    directory_ = *std::move(directory);
    auto manifest = storage::ManifestLog::Open(*directory_, {});
    REQUIRE(manifest.ok());
    manifest_ = *std::move(manifest);
  }

  // Puts `change`d bytes of a segment without deletions in its place, under a new uuid.
  std::string ReplaceSegment(
      const std::function<std::string(const storage::SegmentEntry&, const storage::Uuid&)>& make) {
    for (const auto& [uuid, collection] : manifest_->state()->collections) {
      for (const auto& [segment_uuid, segment] : collection.segments) {
        if (segment.deletion.has_value()) {
          continue;
        }
        storage::SegmentEntry entry = segment;
        entry.uuid = storage::Uuid::Random();
        const std::string name = storage::SegmentName(entry.uuid);
        disk_.SetContents(PathOf(name), make(segment, entry.uuid));
        const std::string bytes = *disk_.Contents(PathOf(name));
        entry.file_bytes = bytes.size();
        // Not with the decoder: the change may be one that it refuses.
        const std::string_view footer =
            std::string_view(bytes).substr(bytes.size() - storage::kSegmentBlockBytes);
        std::memcpy(entry.root_checksum.data(), footer.data() + kRootChecksumOffset,
                    entry.root_checksum.size());
        Commit({.segments_removed = {{uuid, segment_uuid}}, .segments_added = {{uuid, entry}}});
        return name;
      }
    }
    FAIL("no segment without deletions");
    return "";
  }

  std::string ReplaceDeletions(const Change& change) {
    for (const auto& [uuid, collection] : manifest_->state()->collections) {
      for (const auto& [segment_uuid, segment] : collection.segments) {
        if (!segment.deletion.has_value()) {
          continue;
        }
        storage::DeletionReference reference = *segment.deletion;
        const std::string before = *disk_.Contents(PathOf(storage::DeletionName(reference.uuid)));
        auto file = storage::DecodeDeletionFile(AsBytes(before));
        REQUIRE(file.ok());
        file->deletion_uuid = reference.uuid = storage::Uuid::Random();
        file->generation = ++reference.generation;
        std::string bytes = *storage::EncodeDeletionFile(*file);
        change.Apply(bytes);
        PutNumber(bytes, 188, Masked(std::string_view(bytes).substr(0, 188)), 4);
        reference.checksum = storage::Sha256Half(AsBytes(std::string_view(bytes).substr(0, 192)));
        const std::string name = storage::DeletionName(reference.uuid);
        disk_.SetContents(PathOf(name), bytes);
        Commit({.deletions_set = {{uuid, segment_uuid, reference}}});
        return name;
      }
    }
    FAIL("no segment with deletions");
    return "";
  }

  std::string PathOf(const std::string& name) const { return directory_->PathOf(name); }
  std::string ManifestName() const { return storage::ManifestName(manifest_->file_number()); }
  std::string NewestLogName() const {
    const auto numbers = directory_->ListLogs();
    REQUIRE(numbers.ok());
    return storage::LogName(numbers->back());
  }

 private:
  void Commit(storage::ManifestEdit edit) {
    const auto outcome = manifest_->TryCommit(manifest_->state()->version, std::move(edit));
    REQUIRE_MESSAGE(outcome.ok(), outcome.status().ToString());
    REQUIRE(outcome->result == storage::CommitResult::kCommitted);
  }

  SimulatedFileSystem& disk_;
  std::unique_ptr<storage::DataDirectory> directory_;
  std::unique_ptr<storage::ManifestLog> manifest_;
};

// Header and footer with a new uuid and a change, and the root checksum over both.
std::string RenamedSegment(std::string bytes, const storage::Uuid& uuid, const Change& change) {
  const size_t block = storage::kSegmentBlockBytes;
  const auto seal = [](std::string& sealed) {
    PutNumber(sealed, block - 4, Masked(std::string_view(sealed).substr(0, block - 4)), 4);
  };
  std::string header = bytes.substr(0, block);
  if (change.part == FilePart::kHeader) {
    change.Apply(header);
  }
  header.replace(kSegmentUuidOffset, storage::Uuid::kBytes, storage::AsText(uuid.bytes()));
  seal(header);
  auto footer = storage::DecodeSegmentFooter(AsBytes(bytes).last(block));
  REQUIRE(footer.ok());
  footer->segment_uuid = uuid;
  std::string region =
      bytes.substr(footer->directory_offset, bytes.size() - block - footer->directory_offset);
  if (change.part == FilePart::kDirectory) {
    change.Apply(region);
  }
  footer->root_checksum = storage::SegmentRootChecksum(AsBytes(header), AsBytes(region), *footer);
  std::string footer_block = storage::EncodeSegmentFooter(*footer);
  if (change.part == FilePart::kFooter) {
    change.Apply(footer_block);
    seal(footer_block);
  }
  return header + bytes.substr(block, footer->directory_offset - block) + region + footer_block;
}

// The file whose header is protected by itself alone.
void SetInHeader(SimulatedFileSystem& disk, const std::string& path, const Change& change,
                 const std::function<void(std::string&)>& repair) {
  std::string bytes = *disk.Contents(path);
  change.Apply(bytes);
  repair(bytes);
  disk.SetContents(path, bytes);
}

std::string Apply(SimulatedFileSystem& disk, MaskedFile file, const Change& change) {
  LaterWriter names(disk);
  switch (file) {
    case MaskedFile::kIdentity:
      SetInHeader(disk, names.PathOf("IDENTITY"), change, [](std::string& bytes) {
        PutNumber(bytes, 124, storage::Crc32c(AsBytes(bytes).first(124)), 4);
      });
      return "IDENTITY";
    case MaskedFile::kManifest:
      SetInHeader(disk, names.PathOf(names.ManifestName()), change, [](std::string& bytes) {
        PutNumber(bytes, 4092, Masked(std::string_view(bytes).substr(0, 4092)), 4);
      });
      return names.ManifestName();
    case MaskedFile::kLog:
      SetInHeader(disk, names.PathOf(names.NewestLogName()), change, [](std::string& bytes) {
        PutNumber(bytes, 8, Masked(std::string_view(bytes).substr(12, 4096 - 12)), 4);
      });
      return names.NewestLogName();
    case MaskedFile::kSegment:
      return names.ReplaceSegment([&](const storage::SegmentEntry& old, const storage::Uuid& uuid) {
        return RenamedSegment(*disk.Contents(names.PathOf(storage::SegmentName(old.uuid))), uuid,
                              change);
      });
    case MaskedFile::kDeletion:
      return names.ReplaceDeletions(change);
  }
  return "";
}

}  // namespace

std::string SetFeature(SimulatedFileSystem& disk, MaskedFile file, FeatureMask mask, int bit) {
  const auto place = static_cast<uint64_t>(bit);
  return Apply(disk, file,
               {.offset = static_cast<uint64_t>(mask) + place / 8,
                .bits = static_cast<uint8_t>(1U << place % 8)});
}

std::string UseReservedByte(SimulatedFileSystem& disk, MaskedFile file, FilePart part,
                            uint64_t offset) {
  return Apply(disk, file, {.part = part, .offset = offset, .bits = 1});
}

std::string AddUnknownSection(SimulatedFileSystem& disk, uint32_t flags) {
  LaterWriter writer(disk);
  return writer.ReplaceSegment([&](const storage::SegmentEntry& old, const storage::Uuid& uuid) {
    const auto reader =
        storage::SegmentReader::Open(disk, writer.PathOf(storage::SegmentName(old.uuid)), {});
    REQUIRE(reader.ok());
    storage::SegmentHeader header = (*reader)->header();
    header.segment_uuid = uuid;
    const std::string path = writer.PathOf("tmp/seg-" + uuid.ToString());
    const auto file = storage::SegmentWriter::Create(disk, path, header);
    REQUIRE(file.ok());
    const auto write = [&file](const storage::SectionSpec& spec, std::span<const std::byte> bytes) {
      const absl::Status written = (*file)->WriteSection(spec, bytes);
      REQUIRE_MESSAGE(written.ok(), written.ToString());
    };
    for (const storage::SectionEntry& section : (*reader)->sections()) {
      const auto bytes = (*reader)->ReadSection(section);
      REQUIRE(bytes.ok());
      write({.kind = section.kind,
             .ordinal = section.ordinal,
             .element_count = section.element_count,
             .element_bytes = section.element_bytes,
             .checksum_page_bytes = section.checksum_page_bytes},
            bytes->bytes());
    }
    if (flags != 0) {
      write({.kind = static_cast<storage::SectionKind>(99), .flags = flags}, AsBytes("the future"));
    }
    REQUIRE((*file)->Finish((*reader)->row_count()).ok());
    return *disk.Contents(path);
  });
}

}  // namespace perigee::engine
