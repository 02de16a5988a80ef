// SPDX-License-Identifier: Apache-2.0
#include "tests/durability/byte_roles.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "storage/encoding/byte_codec.h"
#include "storage/io/aligned_buffer.h"
#include "storage/layout/data_directory.h"
#include "storage/layout/file_names.h"
#include "storage/manifest/current_file.h"
#include "storage/manifest/manifest_frame.h"
#include "storage/manifest/manifest_log.h"
#include "storage/segment/segment_reader.h"
#include "storage/wal/log_file_reader.h"
#include "tests/durability/damage_sample.h"

namespace perigee::engine {
namespace {

using storage::AlignUp;
using storage::ManifestFile;
using storage::ManifestFileKind;
using storage::SectionEntry;
using storage::SimulatedFileSystem;

constexpr uint64_t kEnd = std::numeric_limits<uint64_t>::max();
const std::string kPrefix = absl::StrCat(std::string(kTestDirectory.substr(1)), "/");

class RoleMap {
 public:
  explicit RoleMap(const SimulatedFileSystem& disk) : disk_(CopyOf(disk)) {
    auto directory =
        storage::DataDirectory::Open(*disk_, std::string(kTestDirectory), {.read_only = true});
    REQUIRE_MESSAGE(directory.ok(), directory.status().ToString());
    directory_ = *std::move(directory);
    const auto manifest = storage::ManifestLog::Open(*directory_, {.read_only = true});
    REQUIRE_MESSAGE(manifest.ok(), manifest.status().ToString());
    state_ = (*manifest)->state();
  }

  ByteRoles Take() {
    for (const std::string& path : disk_->Files()) {
      roles_.files[path];  // covered, unless a rule says otherwise
    }
    Unread(std::string(storage::kLockName), "layout: the text of LOCK is for people");
    AddManifests();
    AddObjects();
    AddLogs();
    return std::move(roles_);
  }

 private:
  FileRoles& Of(const std::string& name) {
    const auto found = roles_.files.find(kPrefix + name);
    REQUIRE_MESSAGE(found != roles_.files.end(), name);
    return found->second;
  }
  void Add(const std::string& name, uint64_t begin, uint64_t end, ByteRole role,
           const std::string& rule) {
    if (begin < end) {
      Of(name).spans.push_back({begin, end, role, rule});
    }
  }
  void Unread(const std::string& name, const std::string& rule) {
    Add(name, 0, kEnd, ByteRole::kUnread, rule);
    Of(name).unread = true;
  }

  void AddManifests() {
    const auto text =
        directory_->files().ReadAll(storage::kCurrentName, storage::kCurrentFileBytesMax);
    REQUIRE(text.ok());
    const uint64_t current = storage::DecodeCurrentFile(*text)->manifest_number;
    const std::vector<uint64_t> numbers = *directory_->ListManifests();
    for (const uint64_t number : numbers) {
      const std::string name = storage::ManifestName(number);
      if (number != current) {
        Unread(name, "manifest_format: the file before stays, but is not read");
        continue;
      }
      roles_.manifest = kPrefix + name;
      const std::string bytes = *disk_->Contents(directory_->PathOf(name));
      const auto scan = storage::ScanManifest(storage::AsBytes(bytes), name);
      REQUIRE(scan.ok());
      REQUIRE(scan->clean);
      roles_.manifest_checkpoint_end =
          storage::kManifestBlockBytes +
          storage::ManifestRecordExtent(scan->records.front().payload.size());
      Add(name, bytes.size() - storage::kManifestBlockBytes, kEnd, ByteRole::kRedundant,
          "manifest_format: the last mark; whatever stands behind a record proves it durable");
    }
  }

  void AddObjects() {
    const std::set<ManifestFile> live = state_->LiveFiles();
    const std::vector<storage::Uuid> segments = *directory_->ListSegments();
    for (const storage::Uuid& uuid : segments) {
      const std::string name = storage::SegmentName(uuid);
      if (live.contains({ManifestFileKind::kSegment, uuid})) {
        AddSegment(name);
      } else {
        Unread(name, "manifest_format: no manifest names this segment");
      }
    }
    const std::vector<storage::Uuid> deletions = *directory_->ListDeletions();
    for (const storage::Uuid& uuid : deletions) {
      if (!live.contains({ManifestFileKind::kDeletion, uuid})) {
        Unread(storage::DeletionName(uuid), "manifest_format: no manifest names this generation");
      }
    }
  }

  void AddSegment(const std::string& name) {
    const auto reader = storage::SegmentReader::Open(*disk_, directory_->PathOf(name), {});
    REQUIRE(reader.ok());
    uint64_t end = storage::kSegmentBlockBytes;
    for (const SectionEntry& section : (*reader)->sections()) {
      Add(name, end, section.offset, ByteRole::kPadding, "segment_format: zeros between sections");
      if (section.derived()) {
        Add(name, section.offset, section.offset + section.length, ByteRole::kDerived,
            absl::StrCat("segment_format: derived section ", section.name()));
      }
      end = section.offset + section.length;
    }
    const uint64_t tables = AlignUp(end, storage::kSegmentBlockBytes);
    Add(name, end, tables, ByteRole::kPadding, "segment_format: zeros behind the last section");
    uint64_t table = tables;
    for (const SectionEntry& section : (*reader)->sections()) {
      const uint64_t table_end = table + section.page_count() * sizeof(uint32_t);
      if (section.derived()) {
        Add(name, table, table_end, ByteRole::kDerived,
            absl::StrCat("segment_format: checksum table of derived section ", section.name()));
      }
      table = table_end;
    }
  }

  void AddLogs() {
    const std::vector<uint64_t> numbers = *directory_->ListLogs();
    std::optional<storage::LogFileHeader> next;
    for (auto number = numbers.rbegin(); number != numbers.rend(); ++number) {
      const std::string name = storage::LogName(*number);
      if (next && next->predecessor_number != *number) {
        Unread(name, "wal_format: a file that is passed over is not part of the log");
        continue;
      }
      auto reader = storage::LogFileReader::Open(*directory_, *number);
      REQUIRE_MESSAGE(reader.ok(), reader.status().ToString());
      if (!next) {
        roles_.newest_log = kPrefix + name;
        AddNewestLog(name, *reader);
      } else if (next->start.lsn <= state_->min_applied_lsn() + 1) {
        Add(name, storage::kLogBlockBytes, kEnd, ByteRole::kUnread,
            "wal_format: a file whose records are all applied need not be read");
      } else {
        AddLogUpTo(name, *reader, next->start.slot);
      }
      next = reader->header();
    }
  }

  void AddLogUpTo(const std::string& name, storage::LogFileReader& reader, uint64_t slot_end) {
    uint64_t offset = storage::kLogBlockBytes;
    while (true) {
      const auto extent = reader.ReadExtent(offset);
      if (!extent.ok() || !extent->group || extent->group->slot() >= slot_end) {
        break;
      }
      offset += extent->extent_bytes;
    }
    Add(name, offset, kEnd, ByteRole::kUnread,
        "wal_format: what stands behind the successor's first slot was cut");
  }

  void AddNewestLog(const std::string& name, storage::LogFileReader& reader) {
    uint64_t offset = storage::kLogBlockBytes;
    uint64_t last = offset;
    while (true) {
      const auto extent = reader.ReadExtent(offset);
      if (!extent.ok() || !extent->group) {
        break;
      }
      last = offset;
      offset += extent->extent_bytes;
    }
    Add(name, last, offset, ByteRole::kLastGroup,
        "wal_format: the last group before anything says that it was flushed");
    Add(name, offset, kEnd, ByteRole::kPadding, "wal_format: zeros to the end of the newest file");
  }

  std::unique_ptr<SimulatedFileSystem> disk_;
  std::unique_ptr<storage::DataDirectory> directory_;
  std::shared_ptr<const storage::ManifestState> state_;
  ByteRoles roles_;
};

}  // namespace

const RoleSpan* FileRoles::SpanAt(uint64_t offset) const {
  for (const RoleSpan& span : spans) {
    if (offset >= span.begin && offset < span.end) {
      return &span;
    }
  }
  return nullptr;
}

ByteRole FileRoles::At(uint64_t offset) const {
  const RoleSpan* span = SpanAt(offset);
  return span == nullptr ? ByteRole::kCovered : span->role;
}

ByteRoles RolesOf(const SimulatedFileSystem& disk) { return RoleMap(disk).Take(); }

ByteRoles ReadOnlyRolesOf(const ByteRoles& roles) {
  ByteRoles result = roles;
  const std::string logs = absl::StrCat(kPrefix, std::string(storage::kLogDirectory), "/");
  for (auto& [path, file] : result.files) {
    if (path.starts_with(logs)) {
      file.spans = {{0, kEnd, ByteRole::kUnread, "options: a read-only open replays no log"}};
      file.unread = true;
    }
  }
  return result;
}

}  // namespace perigee::engine
